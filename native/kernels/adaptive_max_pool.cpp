// Adaptive max pooling, channels-last. x (n,ih,iw,c), y and index (n,oh,ow,c)
#include "../simd/math.h"
#include "pool_window.h"
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

// One row of y.
void pool_row(args::adaptive_max_pool2d<float> p, i64 row) {
  const float* x = p.x + row / p.oh * p.ih * p.iw * p.c;
  const Window rows = adaptive_window(row % p.oh, p.ih, p.oh);
  for (i64 ow = 0; ow < p.ow; ow++) {
    const Window columns = adaptive_window(ow, p.iw, p.ow);
    const i64 at = (row * p.ow + ow) * p.c;
    for (i64 c = 0; c < p.c; c += W) {
      vf best = set1(-infinity);
      vi index = set1(static_cast<i32>(rows.begin * p.iw + columns.begin));
      for (i64 r = rows.begin; r < rows.end; r++)
        for (i64 s = columns.begin; s < columns.end; s++) {
          const vf v = load(x + (r * p.iw + s) * p.c + c);
          const vi wins = (v > best) | (v != v);
          best = select(wins, v, best);
          index = wins ? set1(static_cast<i32>(r * p.iw + s)) : index;
        }
      const i64 n = min<i64>(W, p.c - c);
      store_lanes(p.y + at + c, best, n);
      if (n == W)
        store(p.index + at + c, index);
      else
        for (i64 i = 0; i < n; i++) p.index[at + c + i] = index[i];
    }
  }
}

// One row of dx: each pixel gathers from the windows that cover it and have their maximum there.
void gather_row(args::adaptive_max_pool2d_backward<float> p, i64 row) {
  const i64 image = row / p.ih, ih = row % p.ih;
  const Cover rows = adaptive_cover(ih, p.ih, p.oh);
  float* dx = p.dx + row * p.iw * p.c;
  __builtin_memset(dx, 0, static_cast<i64>(p.iw) * p.c * sizeof(float));
  for (i64 iw = 0; iw < p.iw; iw++, dx += p.c) {
    const Cover columns = adaptive_cover(iw, p.iw, p.ow);
    const i32 position = static_cast<i32>(ih * p.iw + iw);
    for (i64 oh = rows.first; oh <= rows.last; oh++)
      for (i64 ow = columns.first; ow <= columns.last; ow++) {
        const i64 at = ((image * p.oh + oh) * p.ow + ow) * p.c;
        for (i64 c = 0; c < p.c; c += W) {
          const vf dy = select(load(p.index + at + c) == position, load(p.dy + at + c), vf{});
          store_lanes(dx + c, load(dx + c) + dy, min<i64>(W, p.c - c));
        }
      }
  }
}

}  // namespace

void adaptive_max_pool2d(const args::adaptive_max_pool2d<float>& p, Context& context) {
  const i64 rows = static_cast<i64>(p.n) * p.oh, work = static_cast<i64>(p.n) * p.c * max(p.ih * p.iw, p.oh * p.ow);
  const i64 block = max<i64>(1, chunk * rows / max<i64>(1, work));
  parallel_if(context, work, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++) pool_row(p, i);
  });
}

void adaptive_max_pool2d_backward(const args::adaptive_max_pool2d_backward<float>& p, Context& context) {
  const i64 rows = static_cast<i64>(p.n) * p.ih, row = static_cast<i64>(p.iw) * p.c;
  const i64 block = max<i64>(1, chunk / max<i64>(1, row));
  parallel_if(context, rows * row, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++) gather_row(p, i);
  });
}

}  // namespace quern::QUERN_ISA
