// Average pooling, channels-last: vectors run over the channels. x (n,ih,iw,c), y (n,oh,ow,c)
#include "pool_window.h"
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

template <class Args>
QUERN_INLINE Window row_window(const Args& p, i64 oh) {
  return p.adaptive ? adaptive_window(oh, p.ih, p.oh) : plain_window(oh, p.ih, p.kh, p.stride_h, p.pad_h);
}
template <class Args>
QUERN_INLINE Window column_window(const Args& p, i64 ow) {
  return p.adaptive ? adaptive_window(ow, p.iw, p.ow) : plain_window(ow, p.iw, p.kw, p.stride_w, p.pad_w);
}
template <class Args>
QUERN_INLINE float divisor_of(const Args& p, Window rows, Window columns) {
  if (p.divisor) return static_cast<float>(p.divisor);
  return static_cast<float>(p.include_pad ? rows.extent * columns.extent
                                          : (rows.end - rows.begin) * (columns.end - columns.begin));
}

// One pixel of y, of KH·KW taps (0: as many as the window has). Each row of a window is summed by itself: large windows
// lose less to rounding.
template <int KH, int KW>
QUERN_INLINE void pool_pixel(const args::avg_pool2d<float>& p, float* y, const float* x, i64 height, i64 width,
                             float divisor) {
  if (KH) height = KH, width = KW;
  for (i64 c = 0; c < p.c; c += W) {
    vf total{};
    for (i64 r = 0; r < height; r++) {
      vf sum{};
      for (i64 s = 0; s < width; s++) sum += load(x + (r * p.iw + s) * p.c + c);
      total += sum;
    }
    store_lanes(y + c, divisor > 0 ? total / divisor : total, p.c - c);
  }
}

void pool_row(args::avg_pool2d<float> p, i64 row) {
  const i64 line = static_cast<i64>(p.iw) * p.c;
  const float* image = p.x + row / p.oh * p.ih * line;
  const Window rows = row_window(p, row % p.oh);
  for (i64 ow = 0; ow < p.ow; ow++) {
    const Window columns = column_window(p, ow);
    const float divisor = divisor_of(p, rows, columns), *x = image + rows.begin * line + columns.begin * p.c;
    const i64 height = rows.end - rows.begin, width = columns.end - columns.begin;
    float* y = p.y + (row * p.ow + ow) * p.c;
    for (i64 r = 0; r < height; r++) prefetch(x + (height + r) * line, width * p.c);
    if (height == 2 && width == 2)
      pool_pixel<2, 2>(p, y, x, 2, 2, divisor);
    else if (height == 3 && width == 3)
      pool_pixel<3, 3>(p, y, x, 3, 3, divisor);
    else
      pool_pixel<0, 0>(p, y, x, height, width, divisor);
  }
}

// out(ow,c) = row oh of dy, each pixel divided as its window was
void divide_row(const args::avg_pool2d_backward<float>& p, float* out, i64 image, i64 oh) {
  const Window rows = row_window(p, oh);
  const float* dy = p.dy + (image * p.oh + oh) * p.ow * p.c;
  for (i64 ow = 0; ow < p.ow; ow++) {
    const float divisor = divisor_of(p, rows, column_window(p, ow));
    for (i64 c = ow * p.c; c < (ow + 1) * p.c; c += W) store(out + c, load(dy + c) / divisor);
  }
}

// Windows over one column of dx.
template <class Args>
QUERN_INLINE Cover column_cover(const Args& p, i64 iw) {
  return p.adaptive ? adaptive_cover(iw, p.iw, p.ow) : plain_cover(iw, p.ow, p.kw, p.stride_w, p.pad_w);
}
template <class Args>
QUERN_INLINE Cover row_cover(const Args& p, i64 ih) {
  return p.adaptive ? adaptive_cover(ih, p.ih, p.oh) : plain_cover(ih, p.oh, p.kh, p.stride_h, p.pad_h);
}

// dx(c) of one pixel: the sum over `height` rows of `width` neighbours each; H·S of them, 0: as the arguments say.
template <int H, int S>
QUERN_INLINE void gather_pixel(float* dx, i64 channels, const float* divided, i64 line, i64 height, i64 width) {
  if (H) height = H, width = S;
  for (i64 c = 0; c < channels; c += W) {
    vf sum{};
    for (i64 r = 0; r < height; r++)
      for (i64 s = 0; s < width; s++) sum += load(divided + r * line + s * channels + c);
    store_lanes(dx + c, sum, channels - c);
  }
}

// One row of dx: each pixel gathers from the windows that cover it. `divided` has room for the rows of these, and holds
// those of the row before.
void gather_row(args::avg_pool2d_backward<float> p, i64 row, const Cover* covers, float* divided, bool first) {
  const i64 image = row / p.ih, ih = row % p.ih, line = static_cast<i64>(p.ow) * p.c, next = p.iw * p.c;
  const Cover rows = row_cover(p, ih), before = row_cover(p, ih - 1);
  const bool held = !first && ih > 0 && before.first == rows.first && before.last == rows.last;
  for (i64 oh = rows.first; oh <= rows.last && !held; oh++)
    divide_row(p, divided + (oh - rows.first) * line, image, oh);
  float* dx = p.dx + row * p.iw * p.c;
  const i64 height = rows.last - rows.first + 1;
  for (i64 iw = 0; iw < p.iw; iw++, dx += p.c) {
    const i64 width = covers[iw].last - covers[iw].first + 1;
    const float* from = divided + covers[iw].first * p.c;
    prefetch(dx + next, p.c);
    if (height == 1 && width == 1)
      gather_pixel<1, 1>(dx, p.c, from, line, 1, 1);
    else if (height == 1 && width == 2)
      gather_pixel<1, 2>(dx, p.c, from, line, 1, 2);
    else if (height == 2 && width == 1)
      gather_pixel<2, 1>(dx, p.c, from, line, 2, 1);
    else if (height == 2 && width == 2)
      gather_pixel<2, 2>(dx, p.c, from, line, 2, 2);
    else
      gather_pixel<0, 0>(dx, p.c, from, line, height, width);
  }
}

}  // namespace

void avg_pool2d(const args::avg_pool2d<float>& p, Context& context) {
  const i64 rows = static_cast<i64>(p.n) * p.oh, work = static_cast<i64>(p.n) * p.c * max(p.ih * p.iw, p.oh * p.ow);
  const i64 block = max<i64>(1, chunk * rows / max<i64>(1, work));
  parallel_if(context, work, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++) pool_row(p, i);
  });
}

void avg_pool2d_backward(const args::avg_pool2d_backward<float>& p, Context& context) {
  const i64 rows = static_cast<i64>(p.n) * p.ih, row = static_cast<i64>(p.iw) * p.c;
  if (rows * row == 0) return;
  const i64 block = max<i64>(1, chunk / row), covering = p.adaptive ? ceil_div(p.oh, p.ih) + 1 : p.kh;
  const i64 floats = round_up(covering * p.ow * p.c + W, 16);
  float* divided = scratch<float>(context, floats * context.threads);
  Cover* covers = scratch<Cover>(context, p.iw);
  if (!divided || !covers) return;
  for (i64 iw = 0; iw < p.iw; iw++) covers[iw] = column_cover(p, iw);
  parallel_if(context, rows * row, ceil_div(rows, block), [&](i64 task, int worker) {
    const i64 first = task * block;
    for (i64 i = first; i < min(rows, first + block); i++)
      gather_row(p, i, covers, divided + worker * floats, i == first);
  });
}

}  // namespace quern::QUERN_ISA
