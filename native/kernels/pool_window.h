// The windows of pooling along one dim, plain and adaptive, and which of them cover an input position.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

// [begin, end) of the input, and how much a window covers with the padding.
struct Window {
  i64 begin, end, extent;
};
QUERN_INLINE Window plain_window(i64 o, i64 in, i64 kernel, i64 stride, i64 pad) {
  const i64 origin = o * stride - pad, stop = min(origin + kernel, in + pad);
  return {max<i64>(origin, 0), min(stop, in), stop - origin};
}
QUERN_INLINE Window adaptive_window(i64 o, i64 in, i64 out) {
  const i64 begin = o * in / out, end = ceil_div((o + 1) * in, out);
  return {begin, end, end - begin};
}

// Windows first to last, both included, cover an input position.
struct Cover {
  i64 first, last;
};
QUERN_INLINE Cover plain_cover(i64 i, i64 out, i64 kernel, i64 stride, i64 pad) {
  const i64 reach = i + pad - kernel + 1;
  return {reach > 0 ? ceil_div(reach, stride) : 0, min((i + pad) / stride, out - 1)};
}
QUERN_INLINE Cover adaptive_cover(i64 i, i64 in, i64 out) { return {i * out / in, ceil_div((i + 1) * out, in) - 1}; }

}  // namespace quern::QUERN_ISA
