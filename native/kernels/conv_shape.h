// What convolution's passes ask of a shape.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

// Each channel by itself.
template <class Args>
bool is_depthwise(const Args& p) {
  return p.groups > 1 && p.groups == p.ic && p.groups == p.oc;
}

// 1×1 kernels that see each pixel alone.
template <class Args>
bool is_pointwise(const Args& p) {
  return p.kh == 1 && p.kw == 1 && p.stride_h == 1 && p.stride_w == 1 && p.pad_h == 0 && p.pad_w == 0 && p.ih == p.oh &&
         p.iw == p.ow;
}

struct Taps {
  i64 *y, *x, *offset;  // position in the source, offset in the weights
};
inline bool make_taps(Taps& taps, i64 count, Context& context) {
  taps.y = scratch<i64>(context, 3 * count + 1);
  taps.x = taps.y + count;
  taps.offset = taps.x + count;
  return taps.y != nullptr;
}

// Residue class (ry, rx) of backward-data: the pixels of dx that a stride of y's grid reaches through the same taps.
// dx[ry + stride·j] gathers dy[j + (ry + pad - ky·dil) / stride] over the ky that divide, from the last on: so they
// rise.
inline i64 class_taps(const args::conv2d_backward_data<float>& p, i64 ry, i64 rx, const Taps& taps) {
  i64 count = 0;
  for (i64 ky = p.kh - 1; ky >= 0; ky--)
    for (i64 kx = p.kw - 1; kx >= 0; kx--) {
      const i64 y = ry + p.pad_h - ky * p.dil_h, x = rx + p.pad_w - kx * p.dil_w;
      if (y % p.stride_h != 0 || x % p.stride_w != 0) continue;
      taps.y[count] = y / p.stride_h;
      taps.x[count] = x / p.stride_w;
      taps.offset[count++] = ky * p.kw + kx;
    }
  return count;
}

}  // namespace quern::QUERN_ISA
