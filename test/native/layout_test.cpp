#include <array>
#include <limits>

#include "layouts.h"

using namespace quern;
using namespace quern::test;

namespace {

const i64 sizes[] = {0, 1, 3, 15, 17, 64, 1000, 40009};

// f(kernel's result, reference's) over every instruction set; `make` runs the op of a table into its output.
template <class Out, class F>
void check_exact(i64 n, const F& run) {
  Buffer<Out> expected(n), got(n);
  Workers serial(1);
  run(reference::table<float>(), expected, serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    got.poison();
    run(k, got, context);
    CHECK_SAME(got, expected);
  });
}

}  // namespace

TEST(fill_writes_n) {
  for (i64 n : sizes)
    check_exact<float>(n, [&](const Kernels& k, Buffer<float>& out, Context& c) {
      k.fill({out, static_cast<i32>(n), 2.5}, c);
    });
}

TEST(fill_and_copy_of_every_dtype) {
  Workers serial(1);
  Buffer<i32> a(5), b(5);
  reference::fill<i32>({a, 5, -7}, serial);
  const std::vector<i32> layout = {5, 1, 1};
  reference::copy<i32>({b, a, 1, layout.data(), 3}, serial);
  for (i64 i = 0; i < 5; i++) CHECK(b[i] == -7);
  Buffer<u8> u(3);
  reference::fill<u8>({u, 3, 255}, serial);
  CHECK(u[0] == 255 && u[2] == 255);
}

SWEEP(copy_of_any_layout, 200) {
  const std::vector<i32> shape = random_shape(random, 5);
  const Strides so = random_strides(random, shape, false), sx = random_strides(random, shape, true);
  const Buffer<float> x = integers(sx.elements, -1000, 1000, random.next());
  const auto layout = layout_of(shape, so, sx);
  check_exact<float>(so.elements, [&](const Kernels& k, Buffer<float>& out, Context& c) {
    k.copy({out, x + sx.origin, static_cast<i32>(shape.size()), layout.data(), static_cast<i32>(layout.size())}, c);
  });
}

TEST(copy_between_channels_last_and_first) {
  for (const auto& [n, c, hw] : std::vector<std::array<i32, 3>>{{2, 64, 49}, {3, 3, 289}, {1, 17, 5}, {2, 130, 600}}) {
    const i64 size = static_cast<i64>(n) * c * hw;
    const Buffer<float> x = integers(size, -1000, 1000);
    const std::vector<i32> to_first = {n, c, hw, c * hw, hw, 1, c * hw, 1, c};
    const std::vector<i32> to_last = {n, hw, c, c * hw, c, 1, c * hw, 1, hw};
    for (const auto& layout : {to_first, to_last})
      check_exact<float>(size, [&](const Kernels& k, Buffer<float>& out, Context& context) {
        k.copy({out, x, 3, layout.data(), 9}, context);
      });
  }
}

TEST(conversions) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (i64 n : sizes) {
    Buffer<float> x(n);
    Random random(n);
    const float specials[] = {NAN,           infinity,     -infinity, 2147483648.f, -2147483648.f,
                              -2147483904.f, 2147483520.f, 255.f,     256.f,        255.9f,
                              -0.9f,         0.9f,         -0.f,      1e-40f,       3e9f};
    for (i64 i = 0; i < n; i++)
      x[i] = i < 15 ? specials[i] : static_cast<float>((random.uniform() - 0.5) * (i % 2 ? 600 : 6e9));
    const i32 count = static_cast<i32>(n);
    check_exact<i32>(n, [&](const Kernels& k, Buffer<i32>& out, Context& c) { k.to_int32({out, x, count}, c); });
    check_exact<u8>(n, [&](const Kernels& k, Buffer<u8>& out, Context& c) { k.to_uint8({out, x, count}, c); });
    check_exact<u8>(n, [&](const Kernels& k, Buffer<u8>& out, Context& c) { k.to_bool({out, x, count}, c); });

    const Buffer<double> doubles = converted<double>(x);
    const Buffer<i32> ints = integers<i32>(n, -2000000000, 2000000000);
    const Buffer<u8> bytes = integers<u8>(n, 0, 255);
    const std::pair<DType, const void*> sources[] = {{DType::float32, x.data()},
                                                     {DType::float64, doubles.data()},
                                                     {DType::int32, ints.data()},
                                                     {DType::uint8, bytes.data()},
                                                     {DType::boolean, bytes.data()}};
    for (const auto& [from, source] : sources)
      check_exact<float>(n, [&, from = from, source = source](const Kernels& k, Buffer<float>& out, Context& c) {
        k.to_float({out, static_cast<i32>(from), static_cast<const u8*>(source), count}, c);
      });
  }
}
