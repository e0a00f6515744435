// The register tile of convolutions with three neighbouring taps in a row, a vector of outputs at a time: each value of
// x is broadcast once for all three, where the common tile would load it with every multiplication.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr int row_pixels = 16;
#else
constexpr int row_pixels = 8;
#endif

// c[p·c_pixel] = bias + Σ_row Σ_k Σ_channel
//                a[delta[3·row] + (p + k)·pixel + channel] · b[((3·row + k)·depth + channel)·b_step]
struct RowTile {
  const float* a;
  const i64* delta;        // of each tap
  i64 rows, depth, pixel;  // rows: of taps
  const float* b;
  i64 b_step;
  float* c;
  i64 c_pixel;
  int columns;
  const float* bias;
  bool relu;
  bool streams;  // c goes past the caches
};

template <int P>
void row_tile(const RowTile& t) {
  vf acc[P];
  const vf bias = t.bias ? load(t.bias) : vf{};
  QUERN_UNROLL
  for (int p = 0; p < P; p++) acc[p] = bias;
  const i64 pixel = t.pixel, tap = t.depth * t.b_step;
  for (i64 row = 0; row < t.rows; row++) {
    const float *a = t.a + t.delta[3 * row], *b = t.b + 3 * row * tap;
    for (i64 channel = 0; channel < t.depth; channel++, a++, b += t.b_step) {
      const vf w[3] = {load(b), load(b + tap), load(b + 2 * tap)};
      const float* x = a;
      QUERN_UNROLL
      for (int j = 0; j < P + 2; j++, x += pixel) {
        QUERN_OPAQUE(x);
        const vf value = set1(*x);
        QUERN_UNROLL
        for (int k = 0; k < 3; k++)
          if (j >= k && j - k < P) acc[j - k] += value * w[k];
      }
    }
  }
  QUERN_UNROLL
  for (int p = 0; p < P; p++) {
    const vf y = t.relu ? max_or_b(vf{}, acc[p]) : acc[p];  // in this order NaN stays NaN
    if (has_streams && t.streams)
      stream(t.c + p * t.c_pixel, y);
    else
      store_lanes(t.c + p * t.c_pixel, y, t.columns);
  }
}

// row_tiles.at[pixels - 1]
struct RowTiles {
  void (*at[row_pixels])(const RowTile&);
  template <int P>
  constexpr void fill() {
    at[P - 1] = row_tile<P>;
    if constexpr (P > 1) fill<P - 1>();
  }
  constexpr RowTiles() : at() { fill<row_pixels>(); }
};
constexpr RowTiles row_tiles;

// `pixels` neighbours of one row, in tiles as even as can be.
QUERN_INLINE void run_row_tiles(RowTile t, i64 pixels) {
  const float* a = t.a;
  float* c = t.c;
  const i64 tiles = ceil_div(pixels, row_pixels);
  for (i64 i = 0; i < tiles; i++) {
    const i64 begin = pixels * i / tiles, end = pixels * (i + 1) / tiles;
    t.a = a + begin * t.pixel, t.c = c + begin * t.c_pixel;
    row_tiles.at[end - begin - 1](t);
  }
}

}  // namespace quern::QUERN_ISA
