// Tiles of depthwise convolution with three neighbouring taps in a row: each pixel of x is loaded once for all of them.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

constexpr int across = 3;         // taps along a row
constexpr int window_pixels = 7;  // of y: divides the rows of the usual images
// As many vectors of channels as leave registers for the weights of a row of taps.
#if defined(__AVX512F__) || defined(__ARM_NEON)
constexpr int window_vectors = 2;
#else
constexpr int window_vectors = 1;
#endif

// Channels [begin, end) of all pixels.
struct Strip {
  i64 begin, end;
};
// How many channels of the rows of x go before the others: as many as let three rows stay in the first cache, but about
// 512 bytes, since what is shorter is slow to fetch; of whole lines, which streaming relies on.
inline i64 strip_channels(i64 channels, i64 width) {
  const i64 fits = max<i64>(128, 1820 / max<i64>(1, width)), strips = max<i64>(1, (channels + fits / 2) / fits);
  return round_up(ceil_div(channels, strips), 32);
}

// Some channels of some neighbouring pixels of one row of y.
struct Window {
  i64 rows;                     // of taps that fall on the image
  const float* const* x;        // of each row of taps: where its first column lies
  const float* const* weights;  // (across,channels)
  i64 x_pixel;                  // from column to column
  const float* const* columns;  // instead of x, at the image's edges: where each column of each row of taps lies
  float* y;
  i64 y_pixel, channel, channels;
  const float* bias;
  bool relu;
  float* halves;  // where y is streamed
  // The window's first pixel in the rows of x that only the next row of y will read, to be fetched; or null.
  const float* ahead;
  i64 ahead_row;  // from row to row
  bool ahead_y;   // whether to fetch y, too
};

// Writes V vectors of each pixel from `channel` on, or as many as `channels` leave. halves: null, or y is streamed and
// what waits for the other half of its line stands there, a vector for each pixel.
template <int P, int V>
QUERN_INLINE void write_pixels(vf (&acc)[P][V], float* y, i64 y_pixel, i64 channel, i64 channels, bool relu,
                               float* halves) {
  if (relu) {
    QUERN_UNROLL
    for (int p = 0; p < P; p++) {
      QUERN_UNROLL
      for (int v = 0; v < V; v++) acc[p][v] = max_or_b(vf{}, acc[p][v]);  // in this order NaN stays NaN
    }
  }
  const i64 left = channels - channel;
  const bool whole = left >= V * W;
  y += channel;
  QUERN_UNROLL
  for (int p = 0; p < P; p++, y += y_pixel) {
    QUERN_UNROLL
    for (int v = 0; v < V; v++)
      if (has_streams && halves)
        stream_vector(y + v * W, acc[p][v], channel + v * W, halves + p * W);
      else if (whole)
        store(y + v * W, acc[p][v]);
      else
        store_lanes(y + v * W, acc[p][v], left - v * W);
  }
}

// y[p] = bias + Σ_row Σ_k x[row][S·p + k] · weights[row][k], ReLU if relu
template <int S, int V, bool edge>
void window_tile(const Window& t) {
  constexpr int K = across, P = window_pixels, columns = (P - 1) * S + K;
  if (t.ahead && t.channel % 16 == 0) {  // a line at a time
    const float* x = t.ahead + t.channel;
    for (int r = 0; r < S; r++, x = t.ahead + t.channel + t.ahead_row) {
      QUERN_UNROLL
      for (int p = 0; p < P * S; p++, x += t.x_pixel) prefetch(x, V * W);
    }
    if (t.ahead_y) {
      const float* y = t.y + t.channel + P * t.y_pixel;  // of the next window
      QUERN_UNROLL
      for (int p = 0; p < P; p++, y += t.y_pixel) prefetch(y, V * W);
    }
  }
  vf acc[P][V];
  QUERN_UNROLL
  for (int v = 0; v < V; v++) {
    const vf bias = t.bias ? load(t.bias + t.channel + v * W) : vf{};
    QUERN_UNROLL
    for (int p = 0; p < P; p++) acc[p][v] = bias;
  }
  for (i64 row = 0; row < t.rows; row++) {
    vf w[K][V];
    QUERN_UNROLL
    for (int k = 0; k < K; k++) {
      QUERN_UNROLL
      for (int v = 0; v < V; v++) w[k][v] = load(t.weights[row] + k * t.channels + t.channel + v * W);
    }
    const float* x = t.x[row] + t.channel;
    QUERN_UNROLL
    for (int j = 0; j < columns; j++, x += t.x_pixel) {
      if (edge) x = t.columns[row * columns + j] + t.channel;
      QUERN_UNROLL
      for (int v = 0; v < V; v++) {
        const vf value = load(x + v * W);
        QUERN_UNROLL
        for (int k = 0; k < K; k++)
          if (j >= k && (j - k) % S == 0 && (j - k) / S < P) acc[(j - k) / S][v] += value * w[k][v];
      }
    }
  }
  write_pixels(acc, t.y, t.y_pixel, t.channel, t.channels, t.relu, t.halves);
}

using WindowKernel = void (*)(const Window&);

// windows.at[S - 1][V - 1][edge]
struct WindowKernels {
  WindowKernel at[2][window_vectors][2];
  template <int S, int V>
  constexpr void fill() {
    at[S - 1][V - 1][0] = window_tile<S, V, false>;
    at[S - 1][V - 1][1] = window_tile<S, V, true>;
    if constexpr (V > 1) fill<S, V - 1>();
  }
  constexpr WindowKernels() : at() { fill<1, window_vectors>(), fill<2, window_vectors>(); }
};
constexpr WindowKernels windows;

QUERN_INLINE void run_window(Window& t, Strip strip, i64 step, bool edge) {
  for (t.channel = strip.begin; t.channel < strip.end; t.channel += window_vectors * W) {
    const i64 vectors = min<i64>(window_vectors, ceil_div(strip.end - t.channel, W));
    windows.at[step - 1][vectors - 1][edge](t);
  }
}

}  // namespace quern::QUERN_ISA
