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

// One row of dx: each pixel gathers from the windows that cover it. `divided` has room for the rows of these.
void gather_row(args::avg_pool2d_backward<float> p, i64 row, float* divided) {
  const i64 image = row / p.ih, ih = row % p.ih, line = static_cast<i64>(p.ow) * p.c;
  const Cover rows = p.adaptive ? adaptive_cover(ih, p.ih, p.oh) : plain_cover(ih, p.oh, p.kh, p.stride_h, p.pad_h);
  for (i64 oh = rows.first; oh <= rows.last; oh++) divide_row(p, divided + (oh - rows.first) * line, image, oh);
  float* dx = p.dx + row * p.iw * p.c;
  for (i64 iw = 0; iw < p.iw; iw++, dx += p.c) {
    const Cover columns =
        p.adaptive ? adaptive_cover(iw, p.iw, p.ow) : plain_cover(iw, p.ow, p.kw, p.stride_w, p.pad_w);
    for (i64 c = 0; c < p.c; c += W) {
      vf sum{};
      for (i64 r = 0; r <= rows.last - rows.first; r++)
        for (i64 ow = columns.first; ow <= columns.last; ow++) sum += load(divided + r * line + ow * p.c + c);
      store_lanes(dx + c, sum, p.c - c);
    }
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
  if (!divided) return;
  parallel_if(context, rows * row, ceil_div(rows, block), [&](i64 task, int worker) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++) gather_row(p, i, divided + worker * floats);
  });
}

}  // namespace quern::QUERN_ISA
