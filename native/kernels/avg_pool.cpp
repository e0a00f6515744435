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

// One row of y. Each row of a window is summed by itself: large windows lose less to rounding.
void pool_row(args::avg_pool2d<float> p, i64 row) {
  const float* x = p.x + row / p.oh * p.ih * p.iw * p.c;
  const Window rows = row_window(p, row % p.oh);
  for (i64 ow = 0; ow < p.ow; ow++) {
    const Window columns = column_window(p, ow);
    const float divisor = divisor_of(p, rows, columns);
    float* y = p.y + (row * p.ow + ow) * p.c;
    for (i64 c = 0; c < p.c; c += W) {
      vf total{};
      for (i64 r = rows.begin; r < rows.end; r++) {
        vf sum{};
        for (i64 s = columns.begin; s < columns.end; s++) sum += load(x + (r * p.iw + s) * p.c + c);
        total += sum;
      }
      store_lanes(y + c, divisor > 0 ? total / divisor : total, min<i64>(W, p.c - c));
    }
  }
}

// One row of dx: each pixel gathers from the windows that cover it.
void gather_row(args::avg_pool2d_backward<float> p, i64 row) {
  const i64 image = row / p.ih, ih = row % p.ih;
  const Cover rows = p.adaptive ? adaptive_cover(ih, p.ih, p.oh) : plain_cover(ih, p.oh, p.kh, p.stride_h, p.pad_h);
  float* dx = p.dx + row * p.iw * p.c;
  __builtin_memset(dx, 0, static_cast<i64>(p.iw) * p.c * sizeof(float));
  for (i64 iw = 0; iw < p.iw; iw++, dx += p.c) {
    const Cover columns =
        p.adaptive ? adaptive_cover(iw, p.iw, p.ow) : plain_cover(iw, p.ow, p.kw, p.stride_w, p.pad_w);
    for (i64 oh = rows.first; oh <= rows.last; oh++)
      for (i64 ow = columns.first; ow <= columns.last; ow++) {
        const float divisor = divisor_of(p, row_window(p, oh), column_window(p, ow));
        const float* dy = p.dy + ((image * p.oh + oh) * p.ow + ow) * p.c;
        for (i64 c = 0; c < p.c; c += W)
          store_lanes(dx + c, load(dx + c) + load(dy + c) / divisor, min<i64>(W, p.c - c));
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
  const i64 block = max<i64>(1, chunk / max<i64>(1, row));
  parallel_if(context, rows * row, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++) gather_row(p, i);
  });
}

}  // namespace quern::QUERN_ISA
