// Winograd's minimal filtering F(4×4,3×3) (Lavin and Gray 2016, arXiv:1509.09308) under 3×3 convolutions of stride 1:
//   y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ x B)]A
// makes 4×4 pixels of y from 6×6 of x, so that a convolution is 36 matrix products, one for each place of the 6×6, with
// a quarter of the multiplications. The points are ±5/8, ±3/2, 0 and ∞, in this order: rounding costs less than half of
// what it does with the usual ±1 and ±2. What is not finite spreads over the 4×4 pixels that it takes part in.
#pragma once
#include "conv_shape.h"

namespace quern::QUERN_ISA {

void winograd_conv2d(const args::conv2d<float>& p, Context& context);
void winograd_backward_data(const args::conv2d_backward_data<float>& p, Context& context);
void winograd_backward_weights(const args::conv2d_backward_weights<float>& p, Context& context);

constexpr int made = 4, points = made + 2, places = points * points;  // `made` pixels of y each way
constexpr int pairs = points / 2;                                     // of points, which share most of their transforms

// A tile's first pixel.
struct Corner {
  i64 image, row, column;
};

// The tiles that cover images (n,rows,columns).
struct TileGrid {
  i64 rows, columns, down, across, tiles;

  Corner corner(i64 tile) const { return {tile / across / down, tile / across % down * made, tile % across * made}; }
  void advance(Corner& c) const {
    if ((c.column += made) < columns) return;
    c.column = 0;
    if ((c.row += made) < rows) return;
    c.row = 0, c.image++;
  }
  i64 pixel(const Corner& c) const { return (c.image * rows + c.row) * columns + c.column; }  // the first of all
};
inline TileGrid make_grid(i64 n, i64 rows, i64 columns) {
  const i64 down = ceil_div(rows, made), across = ceil_div(columns, made);
  return {rows, columns, down, across, n * down * across};
}

// What pays for the transforms: enough channels to multiply, enough tiles to share those of the weights, and no more
// than two thirds of the multiplications.
constexpr i64 least_channels = W < 8 ? 24 : 16, least_tiles = 16;
template <class Args>
bool suits_winograd(const Args& p) {
  if (p.kh != 3 || p.kw != 3 || p.stride_h != 1 || p.stride_w != 1 || p.dil_h != 1 || p.dil_w != 1 || p.groups != 1)
    return false;
  const i64 tiles = make_grid(p.n, p.oh, p.ow).tiles;
  return p.ic >= least_channels && p.oc >= least_channels && tiles >= least_tiles &&
         tiles * places <= i64(p.n) * p.oh * p.ow * 6;
}

// Fetches `floats` of each of made×made pixels from the first on. It is inlined, or GCC drops it as without effect.
template <bool writes>
QUERN_INLINE void fetch_pixels(const float* first, i64 row, i64 pixel, i64 floats) {
  for (i64 i = 0; i < made; i++)
    for (i64 j = 0; j < made; j++)
      for (i64 c = 0; c < floats; c += 16) __builtin_prefetch(first + i * row + j * pixel + c, writes, 2);
}

// x(n,height,width,channels), of which a tile reads from pad_h rows and pad_w columns before its first pixel on, and
// what is read outside.
struct Images {
  const float* x;
  i64 height, width, channels, pad_h, pad_w;
  const float* zeros;

  const float* at(i64 image, i64 row, i64 column) const {
    return x + ((image * height + row - pad_h) * width + column - pad_w) * channels;
  }

  // The SIDE×SIDE pixels of a tile.
  template <int SIDE>
  void pixels(const float* (&out)[SIDE][SIDE], const Corner& tile) const {
    const i64 top = tile.row - pad_h, left = tile.column - pad_w;
    const float* first = at(tile.image, tile.row, tile.column);
    for (i64 i = 0; i < SIDE; i++)
      for (i64 j = 0; j < SIDE; j++) {
        const bool inside = top + i >= 0 && top + i < height && left + j >= 0 && left + j < width;
        out[i][j] = inside ? first + (i * width + j) * channels : zeros;
      }
  }

  // Fetches channels [c0, c1) of what the tile `below` rows below reads and those above it do not, in 4 of its columns:
  // the tiles beside it fetch the others.
  template <int SIDE>
  QUERN_INLINE void fetch(const Corner& tile, i64 below, i64 c0, i64 c1) const {
    constexpr i64 shared = SIDE - made;
    const float* first = at(tile.image, tile.row + below + shared, tile.column + shared / 2);
    fetch_pixels<false>(first + c0, width * channels, channels, c1 - c0);
  }
};

// Null without memory.
inline const float* make_zeros(i64 channels, Context& context) {
  float* zeros = scratch<float>(context, round_up(channels, W));
  if (zeros) __builtin_memset(zeros, 0, round_up(channels, W) * sizeof(float));
  return zeros;
}

// An odd number of cache lines: what lies that far apart does not share a set of L1.
constexpr i64 odd_lines(i64 floats) { return (ceil_div(floats, 16) | 1) * 16; }

constexpr float a = 0.625f, b = 1.5f, aa = a * a, bb = b * b;  // the points, and their squares
// G's rows are (1, x, x²) times these.
constexpr float g_a = 1 / (2 * aa * (aa - bb)), g_b = 1 / (2 * bb * (bb - aa)), g_0 = 1 / (aa * bb);

// Bᵀ d, of one pair of points and of all
template <int PAIR>
QUERN_INLINE void times_bt(vf& v0, vf& v1, const vf (&d)[points]) {
  if constexpr (PAIR == 2) {
    v0 = d[4] - (aa + bb) * d[2] + aa * bb * d[0];
    v1 = d[5] - (aa + bb) * d[3] + aa * bb * d[1];
  } else {
    constexpr float x = PAIR ? b : a, other = PAIR ? aa : bb;
    const vf even = d[4] - other * d[2], odd = d[3] - other * d[1];
    v0 = even + x * odd, v1 = even - x * odd;
  }
}
QUERN_INLINE void times_bt(vf (&v)[points], const vf (&d)[points]) {
  times_bt<0>(v[0], v[1], d), times_bt<1>(v[2], v[3], d), times_bt<2>(v[4], v[5], d);
}

// A y, of one pair of points and of all
template <int PAIR>
QUERN_INLINE void times_a(vf& v0, vf& v1, const vf (&y)[made]) {
  if constexpr (PAIR == 2) {
    v0 = y[0], v1 = y[3];
  } else {
    constexpr float x = PAIR ? b : a;
    const vf even = y[0] + x * x * y[2], odd = x * y[1] + x * x * x * y[3];
    v0 = even + odd, v1 = even - odd;
  }
}
QUERN_INLINE void times_a(vf (&v)[points], const vf (&y)[made]) {
  times_a<0>(v[0], v[1], y), times_a<1>(v[2], v[3], y), times_a<2>(v[4], v[5], y);
}

// Aᵀ m, G g and Gᵀ u
QUERN_INLINE void times_at(vf (&y)[made], const vf (&m)[points]) {
  const vf sum_a = m[0] + m[1], difference_a = m[0] - m[1], sum_b = m[2] + m[3], difference_b = m[2] - m[3];
  y[0] = m[4] + sum_a + sum_b;
  y[1] = a * difference_a + b * difference_b;
  y[2] = aa * sum_a + bb * sum_b;
  y[3] = m[5] + a * aa * difference_a + b * bb * difference_b;
}
QUERN_INLINE void times_g(vf (&u)[points], const vf (&g)[3]) {
  const vf even_a = g_a * g[0] + g_a * aa * g[2], odd_a = g_a * a * g[1];
  const vf even_b = g_b * g[0] + g_b * bb * g[2], odd_b = g_b * b * g[1];
  u[0] = even_a + odd_a, u[1] = even_a - odd_a, u[2] = even_b + odd_b, u[3] = even_b - odd_b;
  u[4] = g_0 * g[0], u[5] = g[2];
}
QUERN_INLINE void times_gt(vf (&g)[3], const vf (&u)[points]) {
  const vf sum_a = g_a * (u[0] + u[1]), sum_b = g_b * (u[2] + u[3]);
  g[0] = g_0 * u[4] + sum_a + sum_b;
  g[1] = g_a * a * (u[0] - u[1]) + g_b * b * (u[2] - u[3]);
  g[2] = u[5] + aa * sum_a + bb * sum_b;
}

// out(2,points): rows of Bᵀ x B that belong to a pair of points, its places `place` apart
template <int PAIR>
void transform_pixels(float* out, i64 place, const float* const (&x)[points][points], i64 channels) {
  for (i64 c = 0; c < channels; c += W) {
    vf half[2][points];
    QUERN_UNROLL
    for (int j = 0; j < points; j++) {
      vf d[points];
      QUERN_UNROLL
      for (int i = 0; i < points; i++) d[i] = load(x[i][j] + c);
      times_bt<PAIR>(half[0][j], half[1][j], d);
    }
    QUERN_UNROLL
    for (int i = 0; i < 2; i++) {
      vf row[points];
      times_bt(row, half[i]);
      QUERN_UNROLL
      for (int j = 0; j < points; j++) store(out + (i * points + j) * place + c, row[j]);
    }
  }
}

}  // namespace quern::QUERN_ISA
