// References of average pooling. x (n,ih,iw,c), y (n,oh,ow,c), channels-last.
#pragma once
#include <algorithm>

#include "reference.h"

namespace quern::reference {

// What window number `o` of one dim covers: [begin, end) of the input, and how much with the padding.
struct PoolWindow {
  i64 begin, end, extent;
};
inline PoolWindow pool_window(bool adaptive, i64 o, i64 in, i64 out, i64 kernel, i64 stride, i64 pad) {
  if (adaptive) {
    const i64 begin = o * in / out, end = ((o + 1) * in + out - 1) / out;
    return {begin, end, end - begin};
  }
  const i64 origin = o * stride - pad, stop = std::min(origin + kernel, in + pad);
  return {std::max<i64>(origin, 0), std::min(stop, in), stop - origin};
}

// Every share of an input in an output: f(index in y, index in x, divisor).
template <class Args, class F>
void for_each_share(const Args& p, const F& f) {
  for (i64 i = 0, n = 0; n < p.n; n++)
    for (i64 oh = 0; oh < p.oh; oh++)
      for (i64 ow = 0; ow < p.ow; ow++) {
        const PoolWindow h = pool_window(p.adaptive, oh, p.ih, p.oh, p.kh, p.stride_h, p.pad_h);
        const PoolWindow w = pool_window(p.adaptive, ow, p.iw, p.ow, p.kw, p.stride_w, p.pad_w);
        const i64 inside = (h.end - h.begin) * (w.end - w.begin);
        const i64 divisor = p.divisor ? p.divisor : p.include_pad ? h.extent * w.extent : inside;
        for (i64 c = 0; c < p.c; c++, i++)
          for (i64 y = h.begin; y < h.end; y++)
            for (i64 x = w.begin; x < w.end; x++) f(i, ((n * p.ih + y) * p.iw + x) * p.c + c, divisor);
      }
}

// y = Σ x / divisor over the window
template <class T>
void avg_pool2d(const args::avg_pool2d<T>& p, Context&) {
  for (i64 i = 0; i < i64(p.n) * p.oh * p.ow * p.c; i++) p.y[i] = T(0);
  for_each_share(p, [&](i64 y, i64 x, i64 divisor) { p.y[y] += p.x[x] / T(divisor); });
}

// dx += dy / divisor
template <class T>
void avg_pool2d_backward(const args::avg_pool2d_backward<T>& p, Context&) {
  for (i64 i = 0; i < i64(p.n) * p.ih * p.iw * p.c; i++) p.dx[i] = T(0);
  for_each_share(p, [&](i64 y, i64 x, i64 divisor) { p.dx[x] += p.dy[y] / T(divisor); });
}

}  // namespace quern::reference
