// The register tile of convolutions with few outputs, such as an image's channels: they would leave most of a vector
// empty, so what lies across a vector is the depth, and each output of each pixel is a dot product.
#pragma once
#include "pack.h"

namespace quern::QUERN_ISA {

constexpr int most_dots = min(4, W / 2);  // outputs: more fill enough of a vector

// Pixels side by side for so many outputs: as many as leave registers for their weights and one value.
#if defined(__AVX512F__)
constexpr int dot_pixels(int outputs) { return outputs < 4 ? 8 : 6; }
#else
constexpr int dot_pixels(int outputs) { return outputs < 2 ? 8 : 12 / outputs; }
#endif

// c[c_offset[p] + o] = bias[o] + Σ_tap Σ_k a[a_offset[p] + delta[tap] + k] · b[(o·taps + tap)·run + k]
struct DotTile {
  const float* a;
  const i64 *a_offset, *c_offset;  // of each pixel
  const i64* delta;                // of each tap
  i64 taps, run;
  const float* b;
  float* c;
  const float* bias;  // null: zero
  bool relu;
  const float* ahead;  // what will be read soon: fetched into L2, so much of it with each tile; null: nothing
  i64 ahead_step;
};

// sum[p][o] += x[p][at..] · w[o][k..], lane by lane; `lanes` of them
template <int O, int P>
QUERN_INLINE void add_dots(vf (&sum)[P][O], const float* const (&x)[P], const float* const (&w)[O], i64 at, i64 k,
                           i64 lanes) {
  vf b[O];
  QUERN_UNROLL
  for (int o = 0; o < O; o++) b[o] = load_lanes(w[o] + k, lanes);
  QUERN_UNROLL
  for (int p = 0; p < P; p++) {
    vf value = load_lanes(x[p] + at, lanes);
    QUERN_LOADED(value);
    QUERN_UNROLL
    for (int o = 0; o < O; o++) sum[p][o] += value * b[o];
  }
}

template <int O>
void dot_tile(const DotTile& t, int pixels) {
  constexpr int P = dot_pixels(O), floats = P * O;
  const float *x[P], *w[O];
  float* y[P];
  QUERN_UNROLL
  for (int p = 0; p < P; p++) {
    const int place = min(p, pixels - 1);  // what is missing repeats the last
    x[p] = t.a + t.a_offset[place], y[p] = t.c + t.c_offset[place];
    __builtin_prefetch(y[p], 1);
  }
  QUERN_UNROLL
  for (int o = 0; o < O; o++) w[o] = t.b + o * t.taps * t.run;
  vf sum[P][O] = {};
  // At once: a tile waits for nothing else from memory.
  for (i64 i = 0; t.ahead && i < t.ahead_step; i += 16) __builtin_prefetch(t.ahead + i, 0, 2);
  i64 k = 0;
  for (i64 tap = 0; tap < t.taps; tap++) {
    i64 at = t.delta[tap];
    const i64 end = at + t.run;
    for (; at + W <= end; at += W, k += W) add_dots(sum, x, w, at, k, W);
    if (at < end) add_dots(sum, x, w, at, k, end - at);
    k += end - at;
  }
  alignas(64) float sums[round_up(floats, W)], bias[round_up(floats, W)] = {};
  tile_sums(sums, sum);
  for (int i = 0; t.bias && i < floats; i++) bias[i] = t.bias[i % O];
  for (int v = 0; v < floats; v += W) {
    const vf total = load(sums + v) + load(bias + v);
    store(sums + v, t.relu ? max_or_b(vf{}, total) : total);  // in this order NaN stays NaN
  }
  QUERN_UNROLL
  for (int p = 0; p < P; p++) __builtin_memcpy(y[p], sums + p * O, O * sizeof(float));
}

// As many pixels as there are, `outputs` of each.
inline void run_dot_tiles(DotTile t, i64 pixels, i64 outputs) {
  constexpr void (*kernels[])(const DotTile&, int) = {dot_tile<1>, dot_tile<2>, dot_tile<3>, dot_tile<4>};
  const int together = dot_pixels(static_cast<int>(outputs));
  for (; pixels > 0; pixels -= together, t.a_offset += together, t.c_offset += together) {
    kernels[outputs - 1](t, static_cast<int>(min<i64>(together, pixels)));
    if (t.ahead) t.ahead += t.ahead_step;
  }
}

}  // namespace quern::QUERN_ISA
