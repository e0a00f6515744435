// Matrix product as dot products, for operands that are both contiguous in k: nothing is packed. It wins where each
// element of b meets too few rows of a to pay for a transposition: linear layers with small batches.
#pragma once
#include "dot_tile.h"

namespace quern::QUERN_ISA {

#if defined(__AVX512F__)
constexpr int dot_rows = 4, dot_columns = 6;
#elif defined(__AVX2__) || defined(__ARM_NEON)
constexpr int dot_rows = 3, dot_columns = 4;
#else
constexpr int dot_rows = 2, dot_columns = 4;
#endif

// Rows [m0, m1) and columns [n0, n1) of out(m,n) = a(m,k) · b(n,k)ᵀ + bias(n), ReLU if relu
inline void dot_matmul(const args::matmul<float>& p, float* out, const float* a, const float* b, i64 m0, i64 m1, i64 n0,
                       i64 n1) {
  const i64 block = ceil_div(max<i64>(p.k, 1), ceil_div(max<i64>(p.k, 1), 1024));  // dot_columns of them fit in L1
  for (i64 k0 = 0; k0 == 0 || k0 < p.k; k0 += block) {
    const bool first = k0 == 0, last = k0 + block >= p.k;
    for (i64 j = n0; j < n1; j += dot_columns)
      for (i64 i = m0; i < m1; i += dot_rows) {
        // Tails repeat the last row or column; what they yield is dropped.
        const float *row[dot_rows], *column[dot_columns];
        for (int m = 0; m < dot_rows; m++) row[m] = a + min<i64>(i + m, m1 - 1) * p.a_row_stride + k0;
        for (int n = 0; n < dot_columns; n++) column[n] = b + min<i64>(j + n, n1 - 1) * p.b_col_stride + k0;
        vf sum[dot_columns][dot_rows] = {};
        const i64 k = min<i64>(block, p.k - k0);
        i64 at = 0;
        for (; at + W <= k; at += W) add_dots(sum, column, row, at, at, W);
        if (at < k) add_dots(sum, column, row, at, at, k - at);
        alignas(64) float y[round_up(dot_rows * dot_columns, W)];
        tile_sums(y, sum);
        for (i64 m = 0; m < min<i64>(dot_rows, m1 - i); m++)
          for (i64 n = 0; n < min<i64>(dot_columns, n1 - j); n++) {
            float* c = out + (i + m) * p.n + j + n;
            const float total = y[n * dot_rows + m] + (!first ? *c : p.bias ? p.bias[j + n] : 0);
            *c = last && p.relu && total <= 0 ? 0 : total;
          }
      }
  }
}

}  // namespace quern::QUERN_ISA
