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

}  // namespace quern::QUERN_ISA
