#include <limits>

#include "pool_shapes.h"

using namespace quern;
using namespace quern::test;

namespace {

struct Shape {
  i32 n, c, ih, iw, kh, kw, stride_h, stride_w, pad_h, pad_w, dil_h, dil_w;
  bool ceil = false;
  i32 oh() const { return windows(ih, dil_h * (kh - 1) + 1, stride_h, pad_h, ceil); }
  i32 ow() const { return windows(iw, dil_w * (kw - 1) + 1, stride_w, pad_w, ceil); }
  i64 inputs() const { return static_cast<i64>(n) * ih * iw * c; }
  i64 outputs() const { return static_cast<i64>(n) * oh() * ow() * c; }
};

Shape random_shape(Random& random) {
  const auto pick = [&](i64 low, i64 high) { return static_cast<i32>(random.between(low, high)); };
  const i32 most = random.between(0, 5) ? 12 : 40;
  Shape s{pick(0, 20) ? pick(1, 3) : 0,
          pool_channels(random),
          pick(1, most),
          pick(1, most),
          pick(1, 4),
          pick(1, 4),
          pick(1, 4),
          pick(1, 4),
          0,
          0,
          1,
          1,
          random.between(0, 2) == 0};
  if (random.between(0, 1)) s.kh = s.kw = s.stride_h = s.stride_w = pick(2, 3);
  if (random.between(0, 19) == 0) s.kh = pick(14, 17), s.kw = pick(14, 17);  // taps that fill a byte, and more
  if (random.between(0, 1)) {
    s.pad_h = pick(0, s.kh / 2);
    s.pad_w = pick(0, s.kw / 2);
  }
  if (random.between(0, 3) == 0) {
    s.dil_h = pick(1, 3);
    s.dil_w = pick(1, 2);
  }
  s.ih = std::max(s.ih, s.dil_h * (s.kh - 1) + 1);
  s.iw = std::max(s.iw, s.dil_w * (s.kw - 1) + 1);
  return s;
}

args::max_pool2d<float> forward(const Shape& s, float* y, u8* index8, i32* index32, const float* x, bool relu) {
  return {y,    index8, index32,    x,          s.n,     s.c,     s.ih,    s.iw,    s.oh(), s.ow(),
          s.kh, s.kw,   s.stride_h, s.stride_w, s.pad_h, s.pad_w, s.dil_h, s.dil_w, relu};
}
args::max_pool2d_backward<float> backward(const Shape& s, float* dx, const float* dy, const u8* index8,
                                          const i32* index32) {
  return {dx,     dy,   index8, index32,    s.n,        s.c,     s.ih,    s.iw,    s.oh(),
          s.ow(), s.kh, s.kw,   s.stride_h, s.stride_w, s.pad_h, s.pad_w, s.dil_h, s.dil_w};
}

// Forward and backward against the references, both kinds of index, with and without ReLU.
void check_pool(const Shape& s, const Buffer<float>& x) {
  const Buffer<float> dy = integers(s.outputs(), -9, 9, 2);
  Buffer<float> y(s.outputs()), expected_y(s.outputs()), dx(s.inputs()), expected_dx(s.inputs());
  Buffer<u8> index8(s.outputs()), expected8(s.outputs());
  Buffer<i32> index32(s.outputs()), expected32(s.outputs());
  Workers serial(1);
  for (bool relu : {false, true})
    for (bool wide : {false, true}) {
      if (!wide && s.kh * s.kw > 254) continue;
      u8 *got8 = wide ? nullptr : index8.data(), *want8 = wide ? nullptr : expected8.data();
      i32 *got32 = wide ? index32.data() : nullptr, *want32 = wide ? expected32.data() : nullptr;
      reference::max_pool2d(forward(s, expected_y, want8, want32, x, relu), serial);
      reference::max_pool2d_backward(backward(s, expected_dx, dy, want8, want32), serial);
      on_every_backend([&](const Kernels& k, Context& context) {
        y.poison(), index8.poison(), index32.poison(), dx.poison();
        k.max_pool2d(forward(s, y, got8, got32, x, relu), context);
        CHECK_SAME(y, expected_y);
        if (wide)
          CHECK_SAME(index32, expected32);
        else
          CHECK_SAME(index8, expected8);
        k.max_pool2d_backward(backward(s, dx, dy, got8, got32), context);
        CHECK_SAME(dx, expected_dx);
      });
    }
}

}  // namespace

SWEEP(max_pool_of_random_shapes, 60) {
  const Shape s = random_shape(random);
  describe("n %d, %d channels %dx%d, kernel %dx%d, stride %d,%d, padding %d,%d, dilation %d,%d%s", s.n, s.c, s.ih, s.iw,
           s.kh, s.kw, s.stride_h, s.stride_w, s.pad_h, s.pad_w, s.dil_h, s.dil_w, s.ceil ? ", ceil" : "");
  check_pool(s, with_ties(random, s.inputs()));
}

// The common overlapping window, whose gradient has a way of its own, on images of every small size.
TEST(max_pool_of_3x3_with_stride_2) {
  Random random(1);
  for (i32 ih = 3; ih <= 9; ih++)
    for (i32 iw = 3; iw <= 9; iw++)
      for (i32 pads = 0; pads < 4; pads++)
        for (bool ceil : {false, true}) {
          const Shape s{2, pool_channels(random), ih, iw, 3, 3, 2, 2, pads / 2, pads % 2, 1, 1, ceil};
          check_pool(s, with_ties(random, s.inputs()));
        }
}

TEST(max_pool_in_parallel) {
  const Shape shapes[] = {{5, 32, 28, 28, 2, 2, 2, 2, 0, 0, 1, 1}, {3, 48, 17, 19, 3, 3, 2, 2, 1, 1, 1, 1}};
  for (const Shape& s : shapes) check_pool(s, integers(s.inputs(), -50, 50));
}

TEST(max_pool_of_nothing) {
  for (const Shape& s : {Shape{0, 3, 4, 4, 2, 2, 2, 2, 0, 0, 1, 1}, Shape{2, 0, 4, 4, 2, 2, 2, 2, 0, 0, 1, 1}})
    check_pool(s, integers(s.inputs()));
}
