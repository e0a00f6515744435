// Winograd's minimal filtering F(2×2,3×3) (Lavin and Gray 2016, arXiv:1509.09308) under 3×3 convolutions of stride 1:
//   y = Aᵀ[(G w Gᵀ) ⊙ (Bᵀ x B)]A
// makes 2×2 pixels of y from 4×4 of x, so that a convolution is 16 matrix products, one for each place of the 4×4, with
// 4/9 of the multiplications. A and B add and subtract alone, G halves: nothing is rounded that would not be otherwise,
// and whole numbers stay whole. What is not finite spreads over the 2×2 pixels that it takes part in.
#pragma once
#include "conv_shape.h"

namespace quern::QUERN_ISA {

void winograd_conv2d(const args::conv2d<float>& p, Context& context);
void winograd_backward_data(const args::conv2d_backward_data<float>& p, Context& context);
void winograd_backward_weights(const args::conv2d_backward_weights<float>& p, Context& context);

constexpr int places = 16;

// The 2×2 tiles that cover images (n,rows,columns).
struct TileGrid {
  i64 rows, columns, down, across, tiles;

  i64 image(i64 tile) const { return tile / across / down; }
  i64 row(i64 tile) const { return tile / across % down * 2; }  // of its first pixel
  i64 column(i64 tile) const { return tile % across * 2; }
};
inline TileGrid make_grid(i64 n, i64 rows, i64 columns) {
  const i64 down = ceil_div(rows, 2), across = ceil_div(columns, 2);
  return {rows, columns, down, across, n * down * across};
}

// What pays for the transforms: enough channels to multiply, and enough tiles to share those of the weights.
constexpr i64 least_channels = W < 16 ? 24 : 16, least_tiles = 64;
template <class Args>
bool suits_winograd(const Args& p) {
  if (p.kh != 3 || p.kw != 3 || p.stride_h != 1 || p.stride_w != 1 || p.dil_h != 1 || p.dil_w != 1 || p.groups != 1)
    return false;
  return p.ic >= least_channels && p.oc >= least_channels && make_grid(p.n, p.oh, p.ow).tiles >= least_tiles;
}

// x(n,height,width,channels), and what is read outside.
struct Images {
  const float* x;
  i64 height, width, channels;
  const float* zeros;

  // Pixels (top + i, left + j) of an image, i < ROWS and j < COLUMNS.
  template <int ROWS, int COLUMNS>
  void pixels(const float* (&out)[ROWS][COLUMNS], i64 image, i64 top, i64 left) const {
    const float* first = x + ((image * height + top) * width + left) * channels;
    for (i64 i = 0; i < ROWS; i++)
      for (i64 j = 0; j < COLUMNS; j++) {
        const bool inside = top + i >= 0 && top + i < height && left + j >= 0 && left + j < width;
        out[i][j] = inside ? first + (i * width + j) * channels : zeros;
      }
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

// The products Bᵀ d, G g, Aᵀ m and Gᵀ u.
QUERN_INLINE void times_b(vf (&v)[4], vf d0, vf d1, vf d2, vf d3) {
  v[0] = d0 - d2, v[1] = d1 + d2, v[2] = d2 - d1, v[3] = d1 - d3;
}
QUERN_INLINE void times_g(vf (&u)[4], vf g0, vf g1, vf g2) {
  const vf even = 0.5f * (g0 + g2), odd = 0.5f * g1;
  u[0] = g0, u[1] = even + odd, u[2] = even - odd, u[3] = g2;
}
QUERN_INLINE void times_a(vf (&y)[2], vf m0, vf m1, vf m2, vf m3) { y[0] = m0 + m1 + m2, y[1] = m1 - m2 - m3; }
QUERN_INLINE void times_g_transposed(vf (&w)[3], vf u0, vf u1, vf u2, vf u3) {
  const vf even = 0.5f * (u1 + u2);
  w[0] = u0 + even, w[1] = 0.5f * (u1 - u2), w[2] = even + u3;
}

}  // namespace quern::QUERN_ISA
