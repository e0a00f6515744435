// References of adaptive max pooling. x (n,ih,iw,c), y and index (n,oh,ow,c), channels-last.
#pragma once
#include <limits>

#include "avg_pool.reference.h"

namespace quern::reference {

// y = max over the window, index = its first position in the plane that has it; NaN wins, the last one as in PyTorch.
template <class T>
void adaptive_max_pool2d(const args::adaptive_max_pool2d<T>& p, Context&) {
  for (i64 i = 0, n = 0; n < p.n; n++)
    for (i64 oh = 0; oh < p.oh; oh++)
      for (i64 ow = 0; ow < p.ow; ow++) {
        const PoolWindow h = pool_window(true, oh, p.ih, p.oh, 0, 0, 0);
        const PoolWindow w = pool_window(true, ow, p.iw, p.ow, 0, 0, 0);
        for (i64 c = 0; c < p.c; c++, i++) {
          T best = -std::numeric_limits<T>::infinity();
          i64 index = h.begin * p.iw + w.begin;
          for (i64 y = h.begin; y < h.end; y++)
            for (i64 x = w.begin; x < w.end; x++) {
              const T value = p.x[((n * p.ih + y) * p.iw + x) * p.c + c];
              if (!(value > best || value != value)) continue;
              best = value;
              index = y * p.iw + x;
            }
          p.y[i] = best;
          p.index[i] = static_cast<i32>(index);
        }
      }
}

// dx[index] += dy
template <class T>
void adaptive_max_pool2d_backward(const args::adaptive_max_pool2d_backward<T>& p, Context&) {
  const i64 plane = i64(p.ih) * p.iw, windows = i64(p.oh) * p.ow;
  for (i64 i = 0; i < p.n * plane * p.c; i++) p.dx[i] = T(0);
  for (i64 i = 0; i < p.n * windows * p.c; i++)
    p.dx[(i / (windows * p.c) * plane + p.index[i]) * p.c + i % p.c] += p.dy[i];
}

}  // namespace quern::reference
