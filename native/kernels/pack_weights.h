// Copies of convolution's weights in the order the register tiles read them in.
#pragma once
#include "pack.h"

namespace quern::QUERN_ISA {

// Where the packer finds w[tap][k][column] in the weights as they are, and how many of each.
struct WeightOrder {
  i64 taps, depth, columns, groups;
  const i64* tap;  // offset of each
  i64 k_stride, column_stride, group_stride;
  i64 kernel;  // taps that the weights have, side by side
};

// Rows k of [k0, k1) of one panel: out(taps,depth,width) = w, zero beyond `columns`.
inline void pack_weight_rows(const WeightOrder& o, float* out, const float* w, i64 width, i64 columns, i64 k0, i64 k1) {
  for (i64 column = 0; column < width; column++)
    for (i64 k = k0; k < k1; k++)
      for (i64 t = 0; t < o.taps; t++)
        out[(t * o.depth + k) * width + column] =
            column < columns ? w[o.tap[t] + k * o.k_stride + column * o.column_stride] : 0;
}

// The same for W columns, all present, by transposing the taps of each k; place: of each in the kernel among ours, or
// -1.
inline void pack_weight_vector(const WeightOrder& o, const i64* place, float* out, const float* w, i64 width, i64 k0,
                               i64 k1) {
  for (i64 k = k0; k < k1; k++)
    for (i64 first = 0; first < o.kernel; first += W) {
      vf r[W];
      QUERN_UNROLL
      for (int i = 0; i < W; i++) r[i] = load(w + i * o.column_stride + k * o.k_stride + first);
      transpose(r);
      QUERN_UNROLL
      for (int i = 0; i < W; i++) {
        const i64 t = first + i < o.kernel ? place[first + i] : -1;
        if (t >= 0) store(out + (t * o.depth + k) * width, r[i]);
      }
    }
}

inline void pack_weight_panel(const WeightOrder& o, const i64* place, float* out, const float* w, i64 width,
                              i64 columns, i64 k0, i64 k1) {
  if (o.kernel == 1 && o.taps == 1) {
    float* to = out + k0 * width;
    if (o.k_stride == 1) return pack_transposed(to, w + k0, o.column_stride, k1 - k0, columns, width);
    return pack_panels(to, w + k0 * o.k_stride, o.k_stride, o.column_stride, k1 - k0, columns);
  }
  if (width > columns) return pack_weight_rows(o, out, w, width, columns, k0, k1);
  for (i64 v = 0; v < width; v += W) pack_weight_vector(o, place, out + v, w + v * o.column_stride, width, k0, k1);
}

}  // namespace quern::QUERN_ISA
