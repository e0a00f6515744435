// Tiles of depthwise convolution with any taps: some pixels of one row by some vectors of channels.
#pragma once
#include "depthwise_window.h"

namespace quern::QUERN_ISA {

// The register tile of forward and backward-data: pixels of one row × vectors of channels.
#if defined(__AVX512F__)
constexpr int tile_pixels = 6, tile_vectors = 4;
#elif defined(__AVX2__)
constexpr int tile_pixels = 4, tile_vectors = 3;
#else
constexpr int tile_pixels = 4, tile_vectors = 2;
#endif

// A tap that falls on the image: where it reads, from the window's origin, and its weights.
struct Tap {
  i64 x;
  const float* w;
  i64 column;
};

// Some channels of some neighbouring pixels of one row.
struct Pixels {
  const float* x;
  i64 x_step;
  float* y;
  i64 y_step;
  const Tap* taps;
  i64 count, channel, channels;
  const float* bias;
  bool relu;
  float* halves;  // where y is streamed
};

template <int P, int V>
void pixel_tile(const Pixels& t) {
  vf acc[P][V];
  QUERN_UNROLL
  for (int p = 0; p < P; p++) {
    QUERN_UNROLL
    for (int v = 0; v < V; v++) acc[p][v] = t.bias ? load(t.bias + t.channel + v * W) : vf{};
  }
  const i64 step = t.x_step;
  for (i64 i = 0; i < t.count; i++) {
    const float *x = t.x + t.taps[i].x + t.channel, *weights = t.taps[i].w + t.channel;
    vf w[V];
    QUERN_UNROLL
    for (int v = 0; v < V; v++) w[v] = load(weights + v * W);
    QUERN_UNROLL
    for (int p = 0; p < P; p++, x += step) {
      QUERN_OPAQUE(x);
      QUERN_UNROLL
      for (int v = 0; v < V; v++) acc[p][v] += load(x + v * W) * w[v];
    }
  }
  write_pixels(acc, t.y, t.y_step, t.channel, t.channels, t.relu, t.halves);
}

// pixel_kernels.at[pixels - 1][vectors - 1]
using PixelKernel = void (*)(const Pixels&);
struct PixelKernels {
  PixelKernel at[tile_pixels][tile_vectors];
  template <int P, int V>
  constexpr void row() {
    at[P - 1][V - 1] = pixel_tile<P, V>;
    if constexpr (V > 1) row<P, V - 1>();
  }
  template <int P>
  constexpr void rows() {
    row<P, tile_vectors>();
    if constexpr (P > 1) rows<P - 1>();
  }
  constexpr PixelKernels() : at() { rows<tile_pixels>(); }  // Clang wants it behind what it calls
};
inline constexpr PixelKernels pixel_kernels;

// A strip of `pixels` pixels, as wide as tiles go.
inline void run_pixels(Pixels& t, Strip strip, i64 pixels) {
  for (t.channel = strip.begin; t.channel < strip.end; t.channel += tile_vectors * W) {
    const i64 vectors = min<i64>(tile_vectors, ceil_div(strip.end - t.channel, W));
    pixel_kernels.at[pixels - 1][vectors - 1](t);
  }
}

}  // namespace quern::QUERN_ISA
