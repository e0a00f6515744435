// References of max pooling. x (n,ih,iw,c), y and index (n,oh,ow,c), channels-last.
#pragma once
#include <limits>

#include "reference.h"

namespace quern::reference {

// The input pixel that tap (r,s) of window (oh,ow) covers: its number in the image, or -1 in the padding.
template <class Pool>
i64 pooled_pixel(const Pool& p, i64 oh, i64 ow, i64 r, i64 s) {
  const i64 ih = oh * p.stride_h - p.pad_h + r * p.dil_h, iw = ow * p.stride_w - p.pad_w + s * p.dil_w;
  return ih >= 0 && ih < p.ih && iw >= 0 && iw < p.iw ? ih * p.iw + iw : -1;
}

// y = max over the window's taps, index = the first tap that has it; NaN wins, the last one as in PyTorch. A window all
// in the padding has none.
template <class T>
void max_pool2d(const args::max_pool2d<T>& p, Context&) {
  for (i64 i = 0, n = 0; n < p.n; n++)
    for (i64 oh = 0; oh < p.oh; oh++)
      for (i64 ow = 0; ow < p.ow; ow++)
        for (i64 c = 0; c < p.c; c++, i++) {
          T best = -std::numeric_limits<T>::infinity();
          i32 index = -1;
          for (i64 r = 0; r < p.kh; r++)
            for (i64 s = 0; s < p.kw; s++) {
              const i64 pixel = pooled_pixel(p, oh, ow, r, s);
              if (pixel < 0) continue;
              const T x = p.x[(n * p.ih * p.iw + pixel) * p.c + c];
              if (index >= 0 && !(x > best || x != x)) continue;
              best = x;
              index = static_cast<i32>(r * p.kw + s);
            }
          if (p.relu && best <= 0) {
            best = 0;
            index = -1;
          }
          p.y[i] = best;
          if (p.index8) p.index8[i] = static_cast<u8>(index);
          if (p.index32) p.index32[i] = index;
        }
}

// dx[pixel that won the window] += dy[window]
template <class T>
void max_pool2d_backward(const args::max_pool2d_backward<T>& p, Context&) {
  for (i64 i = 0; i < static_cast<i64>(p.n) * p.ih * p.iw * p.c; i++) p.dx[i] = 0;
  for (i64 i = 0, n = 0; n < p.n; n++)
    for (i64 oh = 0; oh < p.oh; oh++)
      for (i64 ow = 0; ow < p.ow; ow++)
        for (i64 c = 0; c < p.c; c++, i++) {
          const i32 index = !p.index8 ? p.index32[i] : p.index8[i] == 255 ? -1 : p.index8[i];
          if (index < 0) continue;
          const i64 pixel = pooled_pixel(p, oh, ow, index / p.kw, index % p.kw);
          if (pixel >= 0) p.dx[(n * p.ih * p.iw + pixel) * p.c + c] += p.dy[i];
        }
}

}  // namespace quern::reference
