// The register tiles under matmul and all passes of convolution: up to MR rows × NV vectors of accumulators, summed
// over a list of taps, each tap a run of k. What differs between the kernels is only where they find A.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

constexpr int NV = 2;       // vectors across a tile
constexpr int NR = NV * W;  // columns of a full panel of B
// Rows of the largest tile: as many as leave registers for a row of B and one element of A.
#if defined(__AVX512F__)
constexpr int MR = 14;
#elif defined(__AVX2__)
constexpr int MR = 6;
#elif defined(__ARM_NEON)
constexpr int MR = 8;
#elif defined(__SSE2__)
constexpr int MR = 5;
#else
constexpr int MR = 4;
#endif
// WASM has too few registers for a pointer per row: there A is always copied to k-major order first.
#if defined(__wasm_simd128__)
constexpr bool copy_a = true;
#else
constexpr bool copy_a = false;
#endif

// Of the columns of a panel: the first row's values, and what all rows deviate from them, summed up in float.
struct alignas(64) PanelSums {
  float first[NR], sum[NR], square[NR];
};

// c[c_offset[m] + column] = bias + Σ_tap Σ_k A(m, tap, k) · b[(tap·run + k)·b_step + column], for columns of one panel
struct Tile {
  const float* a;
  const i64* a_offset;  // of each row (not for A::steps)
  i64 a_step;           // from k to k + 1 (not for A::rows, where it is 1)
  const i64* delta;     // of each tap
  i64 taps, run;
  const float* b;  // readable to the end of the panel's last vector
  i64 b_step;
  float* c;
  const i64* c_offset;
  int columns;        // to store, at most NR
  const float* bias;  // what the sums start with; null: zero
  bool accumulate;    // add what c holds
  bool relu;
  bool streams;        // c goes past the caches
  PanelSums* sums;     // that what is stored is added to, whole vectors of it; null: none
  bool starts_sums;    // with this tile
  const float* ahead;  // what will be read soon: fetched into L2, so much of it with each k; null: nothing
  i64 ahead_step;      // floats: in bursts of whole lines it would keep the tile's own loads waiting
};

// A(m, tap, k), from p = a + delta[tap]:
enum class A {
  rows,   // p[a_offset[m] + k]                       each row contiguous in k
  steps,  // p[k·a_step + m]                          k-major
};

template <int M, int N>
QUERN_INLINE void start(vf (&acc)[M][N], const Tile& t) {
  // Where there is enough to do until the stores, which would wait for their lines.
  const bool fetch = t.taps * t.run >= 16 && !(has_streams && t.streams);
  QUERN_UNROLL
  for (int m = 0; m < M; m++) {
    QUERN_UNROLL
    for (int v = 0; v < N; v++) {
      acc[m][v] = t.bias ? load(t.bias + v * W) : vf{};
      if (fetch) __builtin_prefetch(t.c + t.c_offset[m] + v * W, 1);
    }
  }
}

template <int M, int N>
QUERN_INLINE void add_to_sums(PanelSums& s, const vf (&rows)[M][N], bool first) {
  QUERN_UNROLL
  for (int v = 0; v < N; v++) {
    const vf base = first ? rows[0][v] : load(s.first + v * W);
    vf sum = first ? vf{} : load(s.sum + v * W);
    vf square[2] = {first ? vf{} : load(s.square + v * W), {}};  // two, so that fewer wait for the one before
    QUERN_UNROLL
    for (int m = 0; m < M; m++) {
      const vf d = rows[m][v] - base;
      sum += d, square[m % 2] += d * d;
    }
    if (first) store(s.first + v * W, base);
    store(s.sum + v * W, sum), store(s.square + v * W, square[0] + square[1]);
  }
}

// Each question is asked once a tile, not once a vector.
template <int M, int N>
QUERN_INLINE void finish(vf (&acc)[M][N], const Tile& t) {
  float* const c = t.c;
  const i64* const offset = t.c_offset;
  auto at = [&](int m, int v) { return c + offset[m] + v * W; };
  const bool whole = t.columns >= N * W;
  auto left = [&](int v) { return t.columns - v * W; };
  if (t.accumulate) {
    if (whole)
      for_each<M, N>([&](int m, int v) { acc[m][v] += load(at(m, v)); });
    else
      for_each<M, N>([&](int m, int v) { acc[m][v] += left(v) >= W ? load(at(m, v)) : load_first(at(m, v), left(v)); });
  }
  if (t.relu) for_each<M, N>([&](int m, int v) { acc[m][v] = max_or_b(vf{}, acc[m][v]); });  // so NaN stays NaN
  if (t.sums) add_to_sums(*t.sums, acc, t.starts_sums);
  if (has_streams && t.streams)
    for_each<M, N>([&](int m, int v) { stream(at(m, v), acc[m][v]); });
  else if (whole)
    for_each<M, N>([&](int m, int v) { store(at(m, v), acc[m][v]); });
  else
    for_each<M, N>([&](int m, int v) { store_lanes(at(m, v), acc[m][v], left(v)); });
}

constexpr int together = 4;  // steps of k

template <A kind, int M, int N>
void tile(const Tile& t) {
  vf acc[M][N];
  start(acc, t);
  const float *b = t.b, *ahead = t.ahead;
  for (i64 tap = 0; tap < t.taps; tap++) {
    const float* a = t.a + t.delta[tap];
    const float* row[M];
    if constexpr (kind != A::steps) {
      QUERN_UNROLL
      for (int m = 0; m < M; m++) row[m] = a + t.a_offset[m];
    }
    i64 at = 0, k = 0;
    // One vector across: a pointer for each row and step would keep the load ports busier than the multipliers.
    if constexpr (kind == A::rows && N == 1 && M > 1) {
      auto steps = [&]() __attribute__((always_inline)) {
        vf bv[together];
        QUERN_UNROLL
        for (int i = 0; i < together; i++) bv[i] = load(b + i * t.b_step);
        QUERN_UNROLL
        for (int m = 0; m < M; m++) {
          const float* x = row[m] + at;
          QUERN_UNROLL
          for (int i = 0; i < together; i++) acc[m][0] += set1(x[i]) * bv[i];
        }
        k += together, b += together * t.b_step, at += together;
      };
      if (ahead)
        for (; k + together <= t.run; steps()) {
          QUERN_UNROLL
          for (int i = 0; i < together; i++, ahead += t.ahead_step) __builtin_prefetch(ahead, 0, 2);
        }
      while (k + together <= t.run) steps();
    }
    auto step = [&]() __attribute__((always_inline)) {
      vf bv[N];
      QUERN_UNROLL
      for (int v = 0; v < N; v++) bv[v] = load(b + v * W);
      QUERN_UNROLL
      for (int m = 0; m < M; m++) {
        vf x = set1(kind == A::rows ? row[m][at] : a[at + m]);
        QUERN_UNROLL
        for (int v = 0; v < N; v++) acc[m][v] += x * bv[v];
      }
      k++, b += t.b_step, at += kind == A::rows ? 1 : t.a_step;
    };
    if (ahead)
      for (; k < t.run; ahead += t.ahead_step) __builtin_prefetch(ahead, 0, 2), step();
    while (k < t.run) step();
  }
  finish(acc, t);
}

using TileKernel = void (*)(const Tile&);

// tiles<kind>.at[v - 1][m - 1] is the kernel for m rows and v vectors.
template <A kind>
struct Tiles {
  TileKernel at[NV][MR];
  constexpr Tiles() : at() { fill<MR>(); }
  template <int M>
  constexpr void fill() {
    at[0][M - 1] = tile<kind, M, 1>;
    at[1][M - 1] = tile<kind, M, 2>;
    if constexpr (M > 1) fill<M - 1>();
  }
};
template <A kind>
inline constexpr Tiles<kind> tiles{};

// `rows` rows and t.columns columns
template <A kind>
QUERN_INLINE void run_tile(int rows, const Tile& t) {
  tiles<kind>.at[t.columns > W ? 1 : 0][rows - 1](t);
}

// m rows in tiles of at most MR, as even as can be: 64 are 13+13+13+13+12, not 4×14+8. f(first row, rows)
template <class F>
QUERN_INLINE void for_tiles(i64 m, const F& f) {
  const i64 tiles = ceil_div(m, MR);
  for (i64 i = 0; i < tiles; i++) {
    const i64 begin = m * i / tiles, end = m * (i + 1) / tiles;
    f(begin, static_cast<int>(end - begin));
  }
}

constexpr i64 serial_work = 262144;  // multiply-adds below which threads cost more than they bring

// f(task, worker), on all workers unless there is too little to do
template <class F>
inline void for_tasks(Context& context, i64 work, i64 tasks, const F& f) {
  if (context.threads > 1 && work >= serial_work && tasks > 1) return parallel(context, tasks, f);
  for (i64 i = 0; i < tasks; i++) f(i, 0);
}

}  // namespace quern::QUERN_ISA
