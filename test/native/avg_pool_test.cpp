// Average and adaptive pooling against their references.
#include <numeric>

#include "../../native/kernels/avg_pool.reference.h"
#include "pool_shapes.h"

using namespace quern;
using namespace quern::test;

namespace {

struct Shape {
  i32 n, c, ih, iw, oh, ow, kh, kw, stride_h, stride_w, pad_h, pad_w, include_pad, divisor, adaptive;
  i64 inputs() const { return i64(n) * ih * iw * c; }
  i64 outputs() const { return i64(n) * oh * ow * c; }
};

Shape random_shape(Random& random) {
  const auto pick = [&](i64 low, i64 high) { return static_cast<i32>(random.between(low, high)); };
  Shape s{};
  const i32 most = pick(0, 5) ? 12 : 50;
  s.n = pick(0, 20) ? pick(1, 3) : 0, s.c = pool_channels(random), s.ih = pick(1, most), s.iw = pick(1, most);
  s.include_pad = pick(0, 1), s.divisor = pick(0, 3) == 0 ? pick(1, 7) : 0, s.adaptive = pick(0, 2) == 0;
  s.kh = pick(1, 4), s.kw = pick(1, 4), s.stride_h = pick(1, 4), s.stride_w = pick(1, 4);
  s.pad_h = pick(0, s.kh / 2), s.pad_w = pick(0, s.kw / 2);
  s.ih = std::max(s.ih, s.kh), s.iw = std::max(s.iw, s.kw);
  const bool ceil = pick(0, 1);
  s.oh = s.adaptive ? pick(1, 9) : windows(s.ih, s.kh, s.stride_h, s.pad_h, ceil);
  s.ow = s.adaptive ? pick(1, 9) : windows(s.iw, s.kw, s.stride_w, s.pad_w, ceil);
  return s;
}

template <class T>
args::avg_pool2d<T> forward(const Shape& s, T* y, const T* x) {
  return {y,    x,          s.n,        s.c,     s.ih,    s.iw,          s.oh,      s.ow,      s.kh,
          s.kw, s.stride_h, s.stride_w, s.pad_h, s.pad_w, s.include_pad, s.divisor, s.adaptive};
}
template <class T>
args::avg_pool2d_backward<T> backward(const Shape& s, T* dx, const T* dy) {
  return {dx,   dy,         s.n,        s.c,     s.ih,    s.iw,          s.oh,      s.ow,      s.kh,
          s.kw, s.stride_h, s.stride_w, s.pad_h, s.pad_w, s.include_pad, s.divisor, s.adaptive};
}

void check_average(const Shape& s) {
  const Buffer<float> x = reals(s.inputs(), 1), dy = reals(s.outputs(), 2);
  const Buffer<double> xd = converted<double>(x), dyd = converted<double>(dy);
  Buffer<double> y(s.outputs()), dx(s.inputs());
  Workers serial(1);
  reference::avg_pool2d(forward<double>(s, y, xd), serial);
  reference::avg_pool2d_backward(backward<double>(s, dx, dyd), serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> got_y(s.outputs()), got_dx(s.inputs());
    k.avg_pool2d(forward<float>(s, got_y, x), context);
    CHECK_CLOSE(got_y, y, 1e-6);
    k.avg_pool2d_backward(backward<float>(s, got_dx, dy), context);
    CHECK_CLOSE(got_dx, dx, 3e-6);
  });
}

void check_maximum(const Shape& s, const Buffer<float>& x) {
  const Buffer<float> dy = integers(s.outputs(), -9, 9, 2);
  Buffer<float> y(s.outputs()), dx(s.inputs());
  Buffer<i32> index(s.outputs());
  Workers serial(1);
  reference::adaptive_max_pool2d<float>({y, index, x, s.n, s.c, s.ih, s.iw, s.oh, s.ow}, serial);
  reference::adaptive_max_pool2d_backward<float>({dx, dy, index, s.n, s.c, s.ih, s.iw, s.oh, s.ow}, serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> got_y(s.outputs()), got_dx(s.inputs());
    Buffer<i32> got_index(s.outputs());
    k.adaptive_max_pool2d({got_y, got_index, x, s.n, s.c, s.ih, s.iw, s.oh, s.ow}, context);
    CHECK_SAME(got_y, y);
    CHECK_SAME(got_index, index);
    k.adaptive_max_pool2d_backward({got_dx, dy, index, s.n, s.c, s.ih, s.iw, s.oh, s.ow}, context);
    CHECK_SAME(got_dx, dx);
  });
}

// The least number that every window's divisor divides.
i64 common_multiple(const Shape& s) {
  i64 multiple = 1;
  Shape one = s;
  one.n = one.c = 1;
  const auto include = [&](i64, i64, i64 divisor) { multiple = std::lcm(multiple, divisor); };
  reference::for_each_share(forward<float>(one, nullptr, nullptr), include);
  return multiple;
}

// Terms of any sum: the pixels of a window, or the windows over a pixel.
i64 most_terms(const Shape& s) {
  return s.adaptive ? std::max(i64{81}, i64(s.ih / s.oh + 2) * (s.iw / s.ow + 2)) : i64(s.kh) * s.kw;
}

// Multiples of all divisors: every quotient is a whole number, and sums are exact.
void check_exact_average(const Shape& s, i64 multiple, Random& random) {
  Buffer<float> x = integers(s.inputs(), -3, 3, random.next()), dy = integers(s.outputs(), -3, 3, random.next());
  for (Buffer<float>* operand : {&x, &dy})
    for (i64 i = 0; i < operand->size(); i++) (*operand)[i] *= static_cast<float>(multiple);
  Buffer<float> expected_y(s.outputs()), expected_dx(s.inputs()), y(s.outputs()), dx(s.inputs());
  Workers serial(1);
  reference::avg_pool2d(forward<float>(s, expected_y, x), serial);
  reference::avg_pool2d_backward(backward<float>(s, expected_dx, dy), serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    y.poison(), dx.poison();
    k.avg_pool2d(forward<float>(s, y, x), context);
    CHECK_SAME(y, expected_y);
    k.avg_pool2d_backward(backward<float>(s, dx, dy), context);
    CHECK_SAME(dx, expected_dx);
  });
}

void describe_average(const Shape& s) {
  describe("n %d, %d channels %dx%d to %dx%d, kernel %dx%d, stride %d,%d, padding %d,%d%s, divisor %d%s", s.n, s.c,
           s.ih, s.iw, s.oh, s.ow, s.kh, s.kw, s.stride_h, s.stride_w, s.pad_h, s.pad_w,
           s.include_pad ? " included" : "", s.divisor, s.adaptive ? ", adaptive" : "");
}

const Shape large[] = {{5, 32, 28, 28, 14, 14, 2, 2, 2, 2, 0, 0, 1, 0, 0},
                       {3, 48, 17, 19, 9, 10, 3, 3, 2, 2, 1, 1, 0, 0, 0},
                       {4, 33, 30, 31, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
                       {2, 20, 40, 41, 7, 6, 1, 1, 1, 1, 0, 0, 0, 0, 1}};

}  // namespace

TEST(average_pool_of_random_shapes) {
  Random random(22);
  for (int round = 0; round < 80; round++) check_average(random_shape(random));
}

SWEEP(exact_average_pool, 60) {
  for (;;) {
    const Shape s = random_shape(random);
    const i64 multiple = common_multiple(s);
    if (multiple * 3 * most_terms(s) > 1 << 24) continue;  // sums that float32 may not hold
    describe_average(s);
    return check_exact_average(s, multiple, random);
  }
}

TEST(average_pool_in_parallel) {
  for (const Shape& s : large) check_average(s);
}

SWEEP(adaptive_max_pool_of_random_shapes, 40) {
  const Shape s = random_shape(random);
  describe_average(s);
  check_maximum(s, with_ties(random, s.inputs()));
}

TEST(adaptive_max_pool_in_parallel) {
  for (const Shape& s : large) check_maximum(s, integers(s.inputs(), -50, 50));
}

TEST(average_and_adaptive_pool_of_nothing) {
  for (const Shape& s :
       {Shape{0, 3, 4, 4, 2, 2, 2, 2, 2, 2, 0, 0, 1, 0, 0}, Shape{2, 0, 4, 4, 2, 2, 2, 2, 2, 2, 0, 0, 1, 0, 1}}) {
    check_average(s);
    check_maximum(s, integers(s.inputs()));
  }
}
