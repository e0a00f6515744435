#include <limits>

#include "layouts.h"

using namespace quern;
using namespace quern::test;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
const float nan = std::numeric_limits<float>::quiet_NaN();

const std::vector<float> specials = {0.f,    -0.f,      1.f,      -1.f,      0.5f,      -2.f,      3.f,
                                     -3.f,   2.5f,      1e-45f,   -1e-40f,   1e30f,     -1e38f,    3.4e38f,
                                     88.7f,  -103.5f,   16777216, 16777215,  infinity,  -infinity, nan,
                                     1e-20f, 0x1p-126f, 0x1p24f,  -16777215, 1.0000001f};

// Bits of all exponents and signs, then a fine sweep of the usual range; a number of elements that fills no vector.
Buffer<float> sweep() {
  Buffer<float> x(40009);
  Random random(7);
  for (i64 i = 0; i < x.size(); i++) {
    const u32 bits = random.next() << 1 ^ random.next();
    if (i < static_cast<i64>(specials.size()))
      x[i] = specials[i];
    else if (i < 20000)
      std::memcpy(&x[i], &bits, sizeof bits);
    else
      x[i] = static_cast<float>((random.uniform() - 0.5) * (i % 3 ? 8 : 200));
  }
  return x;
}

// In units of the exact value's last place as a float; 0 where both are NaN, or the same infinity.
double ulps(float got, double exact) {
  const float rounded = static_cast<float>(exact);
  if (rounded == got || (got != got && exact != exact)) return 0;
  if (!std::isfinite(got) || !std::isfinite(rounded)) {
    // on either side of overflow
    if (std::fabs(exact) < 3.4028234e38 || std::fabs(exact) > 3.4028238e38 || std::signbit(got) != std::signbit(exact))
      return 1e30;
    return 1;
  }
  const int exponent = std::max(std::ilogb(rounded == 0 ? 1e-45f : rounded), -126);
  return std::fabs(got - exact) / std::ldexp(1.0, exponent - 23);
}

double worst(const Buffer<float>& got, const Buffer<double>& exact, std::string& where) {
  double most = 0;
  for (i64 i = 0; i < got.size(); i++) {
    const double error = ulps(got[i], exact[i]);
    if (error > most || error != error) {
      most = error;
      where = "element " + std::to_string(i) + " is " + std::to_string(got[i]) + ", exact " + std::to_string(exact[i]);
    }
  }
  return most;
}

void check_ulps(const char* name, const Buffer<float>& got, const Buffer<double>& exact, double bound) {
  std::string where;
  const double most = worst(got, exact, where);
  if (std::getenv("QUERN_TEST_VERBOSE")) std::printf("  %s: %.2f ulp [%s]\n", name, most, backend.c_str());
  if (!(most <= bound)) fail(__FILE__, __LINE__, std::string(name) + ": " + std::to_string(most) + " ulp, " + where);
}

struct Bound {
  const char* name;
  i32 kind;
  double ulps;
};
Bound bounded(const char* name, i32 kind, double ulps) { return {name, kind, ulps}; }
#define UNARY(name, bound) bounded(#name, i32(Unary::name), bound)
#define BINARY(name, bound) bounded(#name, i32(Binary::name), bound)
const Bound unary_bounds[] = {UNARY(identity, 0), UNARY(neg, 0),          UNARY(abs, 0),      UNARY(sign, 0),
                              UNARY(exp, 2),      UNARY(log, 2),          UNARY(sqrt, 0.5),   UNARY(rsqrt, 1.5),
                              UNARY(square, 0.5), UNARY(reciprocal, 0.5), UNARY(sin, 2),      UNARY(cos, 2),
                              UNARY(tanh, 4),     UNARY(sigmoid, 4),      UNARY(relu, 0),     UNARY(expm1, 3),
                              UNARY(log1p, 3),    UNARY(erf, 3),          UNARY(softplus, 3), UNARY(hardsigmoid, 2),
                              UNARY(floor, 0),    UNARY(ceil, 0),         UNARY(round, 0),    UNARY(trunc, 0)};
const Bound binary_bounds[] = {BINARY(add, 0.5), BINARY(sub, 0.5),   BINARY(mul, 0.5),   BINARY(div, 0.5),
                               BINARY(pow, 2),   BINARY(maximum, 0), BINARY(minimum, 0), BINARY(relu_grad, 0)};

std::vector<i32> dense(i64 n, int operands) {
  std::vector<i32> layout(1 + operands, 1);
  layout[0] = static_cast<i32>(n);
  return layout;
}

}  // namespace

TEST(unary_is_accurate) {
  const Buffer<float> x = sweep();
  const Buffer<double> xd = converted<double>(x);
  Buffer<double> exact(x.size());
  Buffer<float> y(x.size());
  const auto layout = dense(x.size(), 2);
  Workers serial(1);
  for (const Bound& b : unary_bounds) {
    reference::unary<double>({exact, xd, b.kind, 1, layout.data(), 3}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      y.poison();
      k.unary({y, x, b.kind, 1, layout.data(), 3}, context);
      check_ulps(b.name, y, exact, b.ulps);
    });
  }
}

TEST(binary_is_accurate) {
  Buffer<float> a = sweep(), b(a.size()), y(a.size());
  Random random(3);
  for (i64 i = 0; i < b.size(); i++) b[i] = i % 2 ? static_cast<float>(random.between(-9, 9)) : a[i / 2];
  const i64 count = static_cast<i64>(specials.size());
  for (i64 i = 0; i < count * count; i++) {  // every special value with every other
    a[i] = specials[i % count];
    b[i] = specials[i / count];
  }
  const Buffer<double> ad = converted<double>(a), bd = converted<double>(b);
  Buffer<double> exact(a.size());
  const auto layout = dense(a.size(), 3);
  Workers serial(1);
  for (const Bound& bound : binary_bounds) {
    reference::binary<double>({exact, ad, bd, bound.kind, 1, layout.data(), 4}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      y.poison();
      k.binary({y, a, b, bound.kind, 1, layout.data(), 4}, context);
      check_ulps(bound.name, y, exact, bound.ulps);
    });
  }
}

TEST(activation_gradients) {
  const Buffer<float> dy = reals(1003, 1), y = reals(1003, 2);
  Buffer<float> expected(1003), got(1003);
  const auto layout = dense(1003, 3);
  Workers serial(1);
  for (Binary kind : {Binary::sigmoid_grad, Binary::tanh_grad}) {
    const i32 code = static_cast<i32>(kind);
    reference::binary<float>({expected, dy, y, code, 1, layout.data(), 4}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      got.poison();
      k.binary({got, dy, y, code, 1, layout.data(), 4}, context);
      CHECK_CLOSE(got, expected, 3e-7);
    });
  }
}

SWEEP(elementwise_of_any_layout, 150) {
  Workers serial(1);
  const std::vector<i32> shape = random_shape(random, random.between(0, 9) ? 4 : 6);
  const i32 rank = static_cast<i32>(shape.size());
  const Strides so = random_strides(random, shape, false), sa = random_strides(random, shape, true),
                sb = random_strides(random, shape, true), sc = random_strides(random, shape, true);
  const Buffer<float> a = integers(sa.elements, -9, 9, random.next()), b = integers(sb.elements, -9, 9, random.next());
  const Buffer<u8> condition = integers<u8>(sc.elements, 0, 2, random.next());
  const float *pa = a + sa.origin, *pb = b + sb.origin;
  const auto one = layout_of(shape, so, sa), two = layout_of(shape, so, sa, sb),
             three = layout_of(shape, so, sc, sa, sb);
  const i32 sub = static_cast<i32>(Binary::sub), neg = static_cast<i32>(Unary::neg), le = static_cast<i32>(Compare::le);
  const auto run = [&](const Kernels& k, Context& context, Buffer<float>(&out)[5], Buffer<u8>& mask) {
    k.unary({out[0], pa, neg, rank, one.data(), 0}, context);
    k.binary({out[1], pa, pb, sub, rank, two.data(), 0}, context);
    k.scalar({out[2], pa, sub, 0, 2, rank, one.data(), 0}, context);
    k.scalar({out[3], pa, sub, 1, 2, rank, one.data(), 0}, context);
    k.where({out[4], condition + sc.origin, pa, pb, rank, three.data(), 0}, context);
    k.compare({mask, pa, pb, le, rank, two.data(), 0}, context);
  };
  const i64 n = so.elements;
  Buffer<float> expected[5] = {Buffer<float>(n), Buffer<float>(n), Buffer<float>(n), Buffer<float>(n),
                               Buffer<float>(n)};
  Buffer<float> got[5] = {Buffer<float>(n), Buffer<float>(n), Buffer<float>(n), Buffer<float>(n), Buffer<float>(n)};
  Buffer<u8> expected_mask(n), mask(n);
  run(reference::table<float>(), serial, expected, expected_mask);
  on_every_backend([&](const Kernels& k, Context& context) {
    for (Buffer<float>& o : got) o.poison();
    mask.poison();
    run(k, context, got, mask);
    for (int i = 0; i < 5; i++) CHECK_SAME(got[i], expected[i]);
    CHECK_SAME(mask, expected_mask);
  });
}

TEST(relu_of_a_sum) {
  Workers serial(1);
  for (i64 n : {0, 1, 17, 1000, 40003}) {
    const Buffer<float> a = integers(n, -9, 9, 1), b = integers(n, -9, 9, 2);
    Buffer<float> sum(n), y(n), got_sum(n), got(n);
    const i32 size = static_cast<i32>(n);
    reference::add_relu<float>({sum, y, a, b, size}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      got_sum.poison(), got.poison();
      k.add_relu({got_sum, got, a, b, size}, context);
      CHECK_SAME(got_sum, sum);
      CHECK_SAME(got, y);
      got.poison();
      k.add_relu({nullptr, got, a, b, size}, context);
      CHECK_SAME(got, y);
    });
  }
}

TEST(halves_round_to_even) {
  const i64 n = 2003;
  Buffer<float> x(n), expected(n), got(n);
  for (i64 i = 0; i < n; i++) x[i] = static_cast<float>(i - n / 2) / 2;
  const auto layout = dense(n, 2);
  Workers serial(1);
  for (Unary kind : {Unary::floor, Unary::ceil, Unary::round, Unary::trunc}) {
    reference::unary<float>({expected, x, i32(kind), 1, layout.data(), 3}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      got.poison();
      k.unary({got, x, i32(kind), 1, layout.data(), 3}, context);
      CHECK_SAME(got, expected);
      for (i64 i = 0; i < n; i++) CHECK(std::signbit(got[i]) == std::signbit(expected[i]));
    });
  }
}

TEST(large_elementwise_is_split) {  // rows longer and shorter than a task, in parallel
  const i64 n = 100003;
  const Buffer<float> a = integers(2 * n), b = integers(n);
  Buffer<float> expected(2 * n), got(2 * n);
  Workers serial(1);
  const i32 mul = static_cast<i32>(Binary::mul), m = static_cast<i32>(n);
  const std::vector<i32> wide = {2, m, m, 1, m, 1, 0, 1}, tall = {m, 2, 2, 1, 2, 1, 1, 0};
  for (const auto& layout : {wide, tall}) {
    reference::binary<float>({expected, a, b, mul, 2, layout.data(), 8}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      got.poison();
      k.binary({got, a, b, mul, 2, layout.data(), 8}, context);
      CHECK_SAME(got, expected);
    });
  }
}

TEST(comparisons_and_scalars_of_specials) {
  const i64 n = static_cast<i64>(specials.size() * specials.size());
  Buffer<float> a(n), b(n), expected(n), got(n);
  Buffer<u8> expected_mask(n), mask(n);
  for (i64 i = 0; i < n; i++) {
    a[i] = specials[i % specials.size()];
    b[i] = specials[i / specials.size()];
  }
  const auto two = dense(n, 3), one = dense(n, 2);
  Workers serial(1);
  for (i32 kind = 0; kind < 6; kind++) {
    reference::compare<float>({expected_mask, a, b, kind, 1, two.data(), 4}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      mask.poison();
      k.compare({mask, a, b, kind, 1, two.data(), 4}, context);
      CHECK_SAME(mask, expected_mask);
    });
  }
  for (double value : {2.0, -1.0, 0.0}) {
    const i32 pow = static_cast<i32>(Binary::pow);
    reference::scalar<float>({expected, a, pow, 0, value, 1, one.data(), 3}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      got.poison();
      k.scalar({got, a, pow, 0, value, 1, one.data(), 3}, context);
      CHECK_CLOSE(got, expected, 1e-7);
    });
  }
}

TEST(clamp_keeps_nan) {
  const Buffer<float> x = sweep();
  Buffer<float> expected(x.size()), got(x.size());
  Workers serial(1);
  for (i64 n : {i64{0}, i64{1}, i64{17}, x.size()}) {
    for (double low : {-1.5, -std::numeric_limits<double>::infinity()}) {
      expected.poison();
      reference::clamp<float>({expected, x, low, 2.5, static_cast<i32>(n)}, serial);
      on_every_backend([&](const Kernels& k, Context& context) {
        got.poison();
        k.clamp({got, x, low, 2.5, static_cast<i32>(n)}, context);
        CHECK_SAME(got, expected);
      });
    }
  }
}
