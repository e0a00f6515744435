// Backward-weights of depthwise convolution: the sums of a few taps in registers, over the pixels of a row.
#include "columns.h"
#include "depthwise.h"
#include "depthwise_window.h"
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

constexpr int most_taps = 9;
#if defined(__AVX512F__)
constexpr int sum_vectors = 3;
#else
constexpr int sum_vectors = 1;
#endif

// sums[tap] += Σ_pixel x[tap][pixel] · dy[pixel] for a few channels
struct Sums {
  const float* x[most_taps];  // of the first pixel
  float* sums[most_taps];
  i64 x_step, pixels;
  const float* dy;
  i64 dy_step;
  // What the next row will read, fetched bit by bit: x in `spread` times as many pieces as dy.
  const float *next_x, *next_dy;
  i64 spread;
};

template <int T, int V>
void sum_tile(const Sums& s) {
  vf acc[T][V] = {};
  const float* x[T];
  QUERN_UNROLL
  for (int t = 0; t < T; t++) x[t] = s.x[t];
  const float *dy = s.dy, *next_x = s.next_x, *next_dy = s.next_dy;
  i64 at = 0;
  for (i64 i = 0; i < s.pixels; i++, at += s.x_step, dy += s.dy_step) {
    vf d[V];
    QUERN_UNROLL
    for (int v = 0; v < V; v++) d[v] = load(dy + v * W);
    prefetch(next_dy, V * W);
    next_dy += V * W;
    for (i64 k = 0; k < s.spread; k++, next_x += V * W) prefetch(next_x, V * W);
    QUERN_UNROLL
    for (int t = 0; t < T; t++) {
      QUERN_UNROLL
      for (int v = 0; v < V; v++) acc[t][v] += load(x[t] + at + v * W) * d[v];
    }
  }
  QUERN_UNROLL
  for (int t = 0; t < T; t++) {
    QUERN_UNROLL
    for (int v = 0; v < V; v++) store(s.sums[t] + v * W, load(s.sums[t] + v * W) + acc[t][v]);
  }
}

// sum_kernels.at[taps - 1][vectors - 1]
using SumKernel = void (*)(const Sums&);
struct SumKernels {
  SumKernel at[most_taps][sum_vectors];
  template <int T, int V>
  constexpr void row() {
    at[T - 1][V - 1] = sum_tile<T, V>;
    if constexpr (V > 1) row<T, V - 1>();
  }
  template <int T>
  constexpr void rows() {
    row<T, sum_vectors>();
    if constexpr (T > 1) rows<T - 1>();
  }
  constexpr SumKernels() : at() { rows<most_taps>(); }  // Clang wants it behind what it calls
};
constexpr SumKernels sum_kernels;

using Weights = args::conv2d_backward_weights<float>;

constexpr int most_down = 3;

// The sums of three neighbouring taps in each row, along a whole row of dy with stride 1: each column of x is loaded
// once for all.
struct WindowSums {
  const float* x[most_down];  // of each row of taps: the column under its first tap at the first pixel
  float* sums[most_down];     // (across,padded)
  i64 padded, channels, pixels;
  i64 begin, end;  // of the columns that lie on the image
  const float* dy;
  const float *next_x, *next_dy;  // what the next row will read
};

template <int R, int V>
void window_sums(const WindowSums& s) {
  constexpr int K = across;
  vf acc[R][K][V] = {}, d[K][V] = {};
  i64 at = 0;
  for (i64 j = 0; j < s.pixels + K - 1; j++, at += s.channels) {
    QUERN_UNROLL
    for (int v = 0; v < V; v++) {
      QUERN_UNROLL
      for (int k = K - 1; k > 0; k--) d[k][v] = d[k - 1][v];
      d[0][v] = j < s.pixels ? load(s.dy + at + v * W) : vf{};
    }
    if (j < s.begin || j >= s.end) continue;
    prefetch(s.next_x + at, V * W);
    prefetch(s.next_dy + at, V * W);
    QUERN_UNROLL
    for (int r = 0; r < R; r++) {
      QUERN_UNROLL
      for (int v = 0; v < V; v++) {
        const vf x = load(s.x[r] + at + v * W);
        QUERN_UNROLL
        for (int k = 0; k < K; k++) acc[r][k][v] += x * d[k][v];
      }
    }
  }
  QUERN_UNROLL
  for (int r = 0; r < R; r++) {
    QUERN_UNROLL
    for (int k = 0; k < K; k++) {
      QUERN_UNROLL
      for (int v = 0; v < V; v++) {
        float* sum = s.sums[r] + k * s.padded + v * W;
        store(sum, load(sum) + acc[r][k][v]);
      }
    }
  }
}

// window_sum_kernels.at[rows - 1][vectors - 1]
struct WindowSumKernels {
  using Kernel = void (*)(const WindowSums&);
  Kernel at[most_down][window_vectors];
  template <int R, int V>
  constexpr void fill() {
    at[R - 1][V - 1] = window_sums<R, V>;
    if constexpr (V > 1) fill<R, V - 1>();
    if constexpr (R > 1 && V == window_vectors) fill<R - 1, V>();
  }
  constexpr WindowSumKernels() : at() { fill<most_down, window_vectors>(); }
};
constexpr WindowSumKernels window_sum_kernels;

// Adds a strip of row (n, oy) to sums(taps,padded).
void sum_window_row(const Weights& p, float* sums, i64 padded, i64 n, i64 oy, Strip strip) {
  const i64 c = p.ic, line = p.iw * c;
  WindowSums s{};
  s.padded = padded, s.channels = c, s.pixels = p.ow;
  s.begin = p.pad_w, s.end = min<i64>(p.ow + p.kw - 1, p.iw + p.pad_w);
  const float* dy = p.dy + (n * p.oh + oy) * p.ow * c;
  for (i64 ky = 0; ky < p.kh;) {
    i64 rows = 0, tap_rows[most_down], last = 0;
    for (; ky < p.kh && rows < most_down; ky++) {
      const i64 y = oy * p.stride_h - p.pad_h + ky * p.dil_h;
      if (y >= 0 && y < p.ih) tap_rows[rows++] = ky, last = y;
    }
    if (rows == 0) continue;
    for (i64 channel = strip.begin; channel < strip.end; channel += window_vectors * W) {
      for (i64 r = 0; r < rows; r++) {
        const i64 y = oy * p.stride_h - p.pad_h + tap_rows[r] * p.dil_h;
        s.x[r] = p.x + (n * p.ih + y) * line - p.pad_w * c + channel;
        s.sums[r] = sums + tap_rows[r] * p.kw * padded + channel;
      }
      s.dy = dy + channel;
      s.next_x = p.x + (n * p.ih + last + 1) * line - p.pad_w * c + channel;
      s.next_dy = s.dy + p.ow * c;
      const i64 vectors = min<i64>(window_vectors, ceil_div(strip.end - channel, W));
      window_sum_kernels.at[rows - 1][vectors - 1](s);
    }
  }
}

struct Span {
  i64 begin, end;
};

// Adds columns [begin, end) of row (n, oy) to sums(taps,padded) of these taps, which all fall on x there.
void sum_taps(const Weights& p, float* sums, i64 padded, i64 n, i64 oy, const i64* taps, i64 count, Span columns) {
  const i64 c = p.ic, line = p.iw * c, top = oy * p.stride_h - p.pad_h, pixels = columns.end - columns.begin;
  Sums s{};
  s.x_step = i64(p.stride_w) * c, s.dy_step = c, s.pixels = pixels, s.spread = i64(p.stride_h) * p.stride_w;
  const float* x = p.x + (n * p.ih + top) * line + (columns.begin * p.stride_w - p.pad_w) * c;
  const float* dy = p.dy + ((n * p.oh + oy) * p.ow + columns.begin) * c;
  for (i64 channel = 0; channel < c; channel += sum_vectors * W) {
    const i64 vectors = min<i64>(sum_vectors, ceil_div(c - channel, W));
    s.dy = dy + channel;
    s.next_dy = dy + p.ow * c + channel * pixels;
    s.next_x = x + ((p.kh - 1) * p.dil_h + 1) * line + channel * pixels * s.spread;
    for (i64 first = 0; first < count; first += most_taps) {
      const i64 group = min<i64>(most_taps, count - first);
      for (i64 t = 0; t < group; t++) {
        const i64 tap = taps[first + t];
        s.x[t] = x + tap / p.kw * p.dil_h * line + tap % p.kw * p.dil_w * c + channel;
        s.sums[t] = sums + tap * padded + channel;
      }
      sum_kernels.at[group - 1][vectors - 1](s);
    }
  }
}

// Row (n, oy): the columns where every tap falls on x together, the others one by one. `taps` has room for all.
void sum_row(const Weights& p, float* sums, i64 padded, i64 n, i64 oy, i64* taps) {
  const i64 right = (p.kw - 1) * p.dil_w - p.pad_w;  // of the last tap
  const i64 begin = min<i64>(p.ow, ceil_div(p.pad_w, p.stride_w));
  const i64 end = max(begin, p.iw > right ? min<i64>(p.ow, (p.iw - 1 - right) / p.stride_w + 1) : 0);
  for (i64 column = 0; column < p.ow;) {
    const i64 next = column == begin && begin < end ? end : column + 1, left = column * p.stride_w - p.pad_w;
    i64 count = 0;
    for (i64 ky = 0; ky < p.kh; ky++) {
      const i64 y = oy * p.stride_h - p.pad_h + ky * p.dil_h;
      if (y < 0 || y >= p.ih) continue;
      for (i64 kx = 0; kx < p.kw; kx++)
        if (left + kx * p.dil_w >= 0 && left + kx * p.dil_w < p.iw) taps[count++] = ky * p.kw + kx;
    }
    sum_taps(p, sums, padded, n, oy, taps, count, {column, next});
    column = next;
  }
}

}  // namespace

// dw(c,1,kh,kw) = Σ x · dy over the products that w took part in, dbias(c) = Σ dy; either may be absent
void depthwise_backward_weights(const Weights& p, Context& context) {
  const i64 c = p.ic, taps = i64(p.kh) * p.kw, padded = round_up(c, W), rows = i64(p.n) * p.oh;
  // Each slice of the rows has sums of its own, added up in order.
  const i64 slices = min(rows, 8 * i64(context.threads)), slice_floats = (taps + 1) * padded;
  float* sums = scratch<float>(context, slices * slice_floats + sum_vectors * W);
  i64* lists = scratch<i64>(context, taps * context.threads);
  if (!sums || !lists) return;
  const bool neighbours = p.stride_w == 1 && p.dil_w == 1 && p.kw == across;
  const i64 strip = strip_channels(c, p.iw);
  parallel_if(context, rows * p.ow * c, slices, [&](i64 slice, int worker) {
    float *own = sums + slice * slice_floats, *bias = own + taps * padded;
    __builtin_memset(own, 0, slice_floats * sizeof(float));
    const i64 begin = rows * slice / slices, end = rows * (slice + 1) / slices;
    for (i64 channel = 0; p.dw && neighbours && channel < c; channel += strip)
      for (i64 row = begin; row < end; row++)
        sum_window_row(p, own, padded, row / p.oh, row % p.oh, {channel, min(c, channel + strip)});
    for (i64 row = begin; row < end; row++) {
      if (p.dw && !neighbours) sum_row(p, own, padded, row / p.oh, row % p.oh, lists + worker * taps);
      if (p.dbias) add_columns(bias, p.dy + row * p.ow * c, c, p.ow, c);
    }
  });
  for (i64 slice = 1; slice < slices; slice++)
    for (i64 i = 0; i < slice_floats; i += W) store(sums + i, load(sums + i) + load(sums + slice * slice_floats + i));
  if (p.dw)
    for (i64 i = 0; i < c; i++)
      for (i64 tap = 0; tap < taps; tap++) p.dw[i * taps + tap] = sums[tap * padded + i];
  if (p.dbias) __builtin_memcpy(p.dbias, sums + taps * padded, c * sizeof(float));
}

}  // namespace quern::QUERN_ISA
