// The register tile of backward-weights for three neighbouring taps in a row and one vector of outputs: each value of x
// is broadcast once for all three.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr int row_channels = 8;
#elif defined(__AVX2__)
constexpr int row_channels = 4;
#else
constexpr int row_channels = 2;
#endif

// c[m·W + k·c_tap] = Σ_row Σ_i a[delta[row] + (i + k)·a_step + m] · b[(row·run + i)·W]
struct RowSums {
  const float* a;
  i64 a_step;
  const i64* delta;
  i64 rows, run;
  const float* b;
  float* c;
  i64 c_tap;
  bool accumulate;     // add what c holds
  const float* ahead;  // fetched into L2, ahead_step floats with each pixel; null: nothing
  i64 ahead_step;
};

template <int C>
void row_sums(const RowSums& t) {
  vf acc[C][3] = {};
  const float *b = t.b, *ahead = t.ahead;
  for (i64 row = 0; row < t.rows; row++) {
    const float* a = t.a + t.delta[row];
    vf d[3] = {};  // at column j: of pixels j, j - 1 and j - 2
    // Two columns more than pixels: under the last ones' further taps.
    for (i64 j = 0; j < t.run + 2; j++, a += t.a_step) {
      d[2] = d[1], d[1] = d[0], d[0] = j < t.run ? load(b) : vf{};
      b += j < t.run ? W : 0;
      if (ahead) __builtin_prefetch(ahead, 0, 2), ahead += t.ahead_step;
      QUERN_UNROLL
      for (int m = 0; m < C; m++) {
        const vf x = set1(a[m]);
        QUERN_UNROLL
        for (int k = 0; k < 3; k++) acc[m][k] += x * d[k];
      }
    }
  }
  for_each<C, 3>([&](int m, int k) {
    float* c = t.c + m * W + k * t.c_tap;
    store(c, t.accumulate ? load(c) + acc[m][k] : acc[m][k]);
  });
}

// row_sum_kernels.at[channels - 1]
struct RowSumKernels {
  void (*at[row_channels])(const RowSums&);
  template <int C>
  constexpr void fill() {
    at[C - 1] = row_sums<C>;
    if constexpr (C > 1) fill<C - 1>();
  }
  constexpr RowSumKernels() : at() { fill<row_channels>(); }
};
constexpr RowSumKernels row_sum_kernels;

}  // namespace quern::QUERN_ISA
