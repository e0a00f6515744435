// Shapes of convolution: how they are written, and random ones that reach every plan of the kernels.
#pragma once
#include "check.h"

namespace quern::test {

struct Conv {
  i32 n, ic, ih, iw, oc, kh, kw;
  i32 stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dil_h = 1, dil_w = 1, groups = 1;
  i32 after_h = -1, after_w = -1;  // padding behind; -1: as before

  i32 oh() const { return outputs(ih, kh, stride_h, pad_h, after_h, dil_h); }
  i32 ow() const { return outputs(iw, kw, stride_w, pad_w, after_w, dil_w); }
  i64 x() const { return i64(n) * ih * iw * ic; }
  i64 y() const { return i64(n) * oh() * ow() * oc; }
  i64 weights() const { return i64(oc) * (ic / groups) * kh * kw; }
  i64 products() const { return y() * (ic / groups) * kh * kw; }

 private:
  static i32 outputs(i32 in, i32 kernel, i32 stride, i32 before, i32 after, i32 dilation) {
    const i32 steps = in + before + (after < 0 ? before : after) - dilation * (kernel - 1) - 1;
    return steps < 0 ? 0 : steps / stride + 1;
  }
};

inline void describe(const Conv& c) {
  describe(
      "n %d, %d channels %dx%d to %d, kernel %dx%d, stride %d,%d, padding %d,%d before %d,%d behind, dilation %d,%d, "
      "groups %d",
      c.n, c.ic, c.ih, c.iw, c.oc, c.kh, c.kw, c.stride_h, c.stride_w, c.pad_h, c.pad_w,
      c.after_h < 0 ? c.pad_h : c.after_h, c.after_w < 0 ? c.pad_w : c.after_w, c.dil_h, c.dil_w, c.groups);
}

// Kernel, stride, dilation and padding, which is none, `same` (it may be longer behind), even, or anything.
inline void draw_windows(Random& random, Conv& c, std::initializer_list<i32> kernels) {
  c.kh = random.of(kernels), c.kw = random.between(0, 1) ? c.kh : random.of(kernels);
  if (random.between(0, 2) == 0) c.stride_h = random.of({1, 2, 2, 3, 4}), c.stride_w = random.of({1, 2, 2, 3, 5});
  if (random.between(0, 3) == 0) c.dil_h = random.of({1, 2, 3}), c.dil_w = random.of({1, 2, 2, 3});
  const i32 reach_h = c.dil_h * (c.kh - 1), reach_w = c.dil_w * (c.kw - 1);
  const auto upto = [&](i32 most) { return static_cast<i32>(random.between(0, most)); };
  switch (random.between(0, 3)) {
    case 1:
      c.pad_h = reach_h / 2, c.pad_w = reach_w / 2, c.after_h = reach_h - c.pad_h, c.after_w = reach_w - c.pad_w;
      break;
    case 2:
      c.pad_h = upto(reach_h / 2), c.pad_w = upto(reach_w / 2);
      break;
    case 3:  // some windows may lie in the padding altogether
      c.pad_h = upto(reach_h + 2), c.pad_w = upto(reach_w + 2), c.after_h = upto(reach_h + 2);
      c.after_w = upto(reach_w + 2);
  }
}

inline i32 few_channels(Random& random) { return random.of({1, 2, 3, 4, 5, 6, 7, 8, 13}); }
inline i32 any_channels(Random& random) {
  return random.of({1, 2, 3, 5, 7, 8, 13, 15, 16, 17, 31, 32, 33, 47, 64, 65, 96, 100, 129, 160});
}
inline i32 size(Random& random, i64 low, i64 high) { return static_cast<i32>(random.between(low, high)); }

// What a shape is drawn to meet: channels of some kind, then images and windows of some kind, or nothing special.
enum class Bucket {
  depthwise,
  multiplier,
  grouped,
  pointwise,
  colliding,
  deep,
  tall,
  crowd,
  large,
  sparse,
  tiny,
  tiles,
  plain
};

inline void draw_channels(Random& random, Conv& c, Bucket bucket) {
  switch (bucket) {
    case Bucket::depthwise:
      if (random.between(0, 3) == 0) c.ic = random.of({192, 257, 400});
      c.groups = c.oc = c.ic, c.ih = size(random, 1, 50);
      break;
    case Bucket::multiplier:
      c.groups = c.ic = random.of({2, 3, 5, 8, 17, 33, 64}), c.oc = c.ic * random.of({2, 3, 5, 17});
      break;
    case Bucket::grouped:
      c.groups = random.of({2, 3, 4, 5, 8}), c.ic = c.groups * random.of({1, 2, 3, 5, 8, 16, 17, 40});
      c.oc = c.groups * random.of({1, 2, 5, 8, 16, 33, 40});
      break;
    case Bucket::pointwise:
      c.kh = c.kw = 1, c.ih = size(random, 1, 40), c.iw = size(random, 1, 40);
      if (random.between(0, 3)) c.pad_h = c.pad_w = c.after_h = c.after_w = 0;
      if (random.between(0, 2)) c.stride_h = c.stride_w = 1;
      if (random.between(0, 7) == 0)
        c.pad_h = c.pad_w = 0, c.after_h = size(random, 0, 3), c.after_w = size(random, 0, 3);
      if (random.between(0, 2) == 0) c.oc = random.of({256, 300, 515});
      break;
    case Bucket::colliding:  // pixels lie a multiple of 4 KB apart
      c.groups = random.of({1, 1, 1, 2, 4}), c.ih = size(random, 1, 7), c.iw = size(random, 1, 7);
      c.ic = 1024 * random.of({1, 1, 2}) * (random.between(0, 2) ? 1 : c.groups),
      c.oc = c.groups * few_channels(random);
      if (random.between(0, 1)) std::swap(c.ic, c.oc);
      break;
    case Bucket::deep:  // weights that exceed L2, and their taps too
      c.ih = size(random, 2, 8), c.iw = size(random, 2, 8);
      c.ic = random.of({256, 300, 511, 900, 1300}), c.oc = random.of({1, 8, 17, 33, 70});
      if (random.between(0, 1)) std::swap(c.ic, c.oc);
      break;
    default:
      break;
  }
}

inline void draw_images(Random& random, Conv& c, Bucket bucket) {
  switch (bucket) {
    case Bucket::tall:  // images that exceed L2
      c.n = size(random, 1, 2), c.ih = size(random, 50, 160), c.iw = size(random, 40, 120);
      c.ic = random.of({1, 3, 5, 10, 16, 33}), c.oc = few_channels(random);
      break;
    case Bucket::crowd:
      c.n = size(random, 8, 90), c.ih = size(random, 1, 8), c.iw = size(random, 1, 8);
      c.ic = few_channels(random), c.oc = random.of({1, 3, 10, 16, 33});
      break;
    case Bucket::large:  // kernels
      draw_windows(random, c, {3, 5, 6, 7, 8, 9, 10, 11});
      c.ic = few_channels(random), c.oc = random.of({1, 3, 10, 16, 33});
      break;
    case Bucket::tiles:  // of Winograd
      c.n = size(random, 1, 40), c.ih = size(random, 1, 24), c.iw = size(random, 1, 24);
      c.ic = random.of({16, 17, 24, 31, 32, 50}), c.oc = random.of({16, 18, 31, 33, 48, 70});
      c.kh = c.kw = 3, c.stride_h = c.stride_w = c.dil_h = c.dil_w = 1;
      break;
    case Bucket::sparse:  // strides beyond the kernel, and beyond the image
      c.stride_h = size(random, 2, 9), c.stride_w = size(random, 2, 9);
      break;
    case Bucket::tiny:
      c.n = size(random, 0, 2), c.ih = size(random, 1, 3), c.iw = size(random, 1, 3);
      c.ic = few_channels(random), c.oc = few_channels(random);
      break;
    default:
      break;
  }
}

// A valid shape of at most `most` multiply-adds; one in fifty without images.
inline Conv random_conv(Random& random, i64 most) {
  constexpr i64 plain = static_cast<i64>(Bucket::plain);
  const auto bucket = static_cast<Bucket>(std::min(random.between(0, plain + 2), plain));
  for (;;) {
    Conv c{
        size(random, 1, 4), any_channels(random), size(random, 1, 24), size(random, 1, 24), any_channels(random), 1, 1};
    draw_windows(random, c, {1, 2, 3, 3, 3, 4, 5, 7});
    draw_channels(random, c, bucket);
    draw_images(random, c, bucket);
    if (random.between(0, 49) == 0) c.n = 0;
    if (c.oh() > 0 && c.ow() > 0 && c.products() <= most) return c;
  }
}

}  // namespace quern::test
