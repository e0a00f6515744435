// Sums over rows.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

// sums(columns) += Σ x(pixels,columns); reads on to the end of the last vector
inline void add_columns(float* sums, const float* x, i64 row_stride, i64 pixels, i64 columns) {
  constexpr int chains = 4;  // of additions, so that none waits for the one before
  for (i64 v = 0; v < columns; v += W) {
    vf sum[chains] = {};
    const float* from = x + v;
    i64 i = 0;
    for (; i + chains <= pixels; i += chains) {
      QUERN_UNROLL
      for (int c = 0; c < chains; c++) sum[c] += load(from + (i + c) * row_stride);
    }
    for (; i < pixels; i++) sum[0] += load(from + i * row_stride);
    store(sums + v, load(sums + v) + ((sum[0] + sum[1]) + (sum[2] + sum[3])));
  }
}

}  // namespace quern::QUERN_ISA
