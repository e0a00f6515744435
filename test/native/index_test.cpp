#include <limits>

#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

struct Shape {
  i32 outer, n, m, inner;
  i64 x() const { return i64{outer} * n * inner; }
  i64 y() const { return i64{outer} * m * inner; }
};
const Shape shapes[] = {{1, 1, 1, 1},  {1, 7, 0, 3},    {0, 4, 3, 2},      {2, 0, 3, 5},    {3, 5, 11, 17},
                        {1, 9, 40, 1}, {40, 300, 7, 1}, {1, 50, 600, 300}, {2, 70, 90, 257}};

// Whole range, and in one of seven outside of it.
Buffer<i32> indices(i64 count, i32 n, u64 seed = 5) {
  Buffer<i32> index(count);
  Random random(seed);
  const i32 wild[] = {-1, n, std::numeric_limits<i32>::min(), std::numeric_limits<i32>::max()};
  for (i64 i = 0; i < count; i++)
    index[i] =
        n == 0 || random.between(0, 6) == 0 ? wild[random.between(0, 3)] : static_cast<i32>(random.between(0, n - 1));
  return index;
}

void check_select_and_add(const Shape& s, u64 seed) {
  Workers serial(1);
  const Buffer<float> x = integers(s.x(), -3, 3, seed), source = integers(s.y(), -3, 3, seed + 1);
  const Buffer<i32> index = indices(s.m, s.n, seed);
  Buffer<float> selected(s.y()), added(s.x()), y(s.y()), dx(s.x());
  reference::index_select<float>({selected, x, index, s.outer, s.n, s.m, s.inner}, serial);
  reference::index_add<float>({added, source, index, s.outer, s.n, s.m, s.inner, 1}, serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    y.poison();
    k.index_select({y, x, index, s.outer, s.n, s.m, s.inner}, context);
    CHECK_SAME(y, selected);
    dx.poison();
    k.index_add({dx, source, index, s.outer, s.n, s.m, s.inner, 1}, context);
    CHECK_SAME(dx, added);
  });
}

void check_gather_and_scatter(const Shape& s, u64 seed) {
  Workers serial(1);
  const Buffer<float> x = integers(s.x(), -3, 3, seed), source = integers(s.y(), -3, 3, seed + 1);
  const Buffer<i32> index = indices(s.y(), s.n, seed);
  Buffer<float> gathered(s.y()), scattered(s.x()), y(s.y()), dx(s.x());
  reference::gather<float>({gathered, x, index, s.outer, s.n, s.m, s.inner}, serial);
  for (const bool from_zero : {false, true}) {
    const float* base = from_zero ? nullptr : x.data();
    reference::scatter_add<float>({scattered, base, source, index, s.outer, s.n, s.m, s.inner}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      y.poison();
      k.gather({y, x, index, s.outer, s.n, s.m, s.inner}, context);
      CHECK_SAME(y, gathered);
      dx.poison();
      k.scatter_add({dx, base, source, index, s.outer, s.n, s.m, s.inner}, context);
      CHECK_SAME(dx, scattered);
    });
  }
}

void check_running_sums(const Shape& s, const Buffer<float>& x) {
  Workers serial(1);
  for (const i32 reversed : {0, 1}) {
    Buffer<float> expected(s.x()), y(s.x());
    reference::cumsum<float>({expected, x, s.outer, s.n, s.inner, reversed}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      y.poison();
      k.cumsum({y, x, s.outer, s.n, s.inner, reversed}, context);
      CHECK_SAME(y, expected);
    });
  }
}

}  // namespace

TEST(index_select_and_add) {
  for (const Shape& s : shapes) check_select_and_add(s, 1);
}

TEST(gather_and_scatter_add) {
  for (const Shape& s : shapes) check_gather_and_scatter(s, 1);
}

TEST(running_sums) {
  for (const Shape& s : shapes) check_running_sums(s, reals(s.x()));
}

SWEEP(indexing_of_random_shapes, 50) {
  const auto size = [&] { return random.of({0, 1, 1, 2, 3, 5, 7, 16, 17, 33, 40, 65}); };
  const Shape s{size(), size(), size(), size()};
  describe("(outer %d, n %d, m %d, inner %d)", s.outer, s.n, s.m, s.inner);
  const u64 seed = random.next();
  check_select_and_add(s, seed);
  check_gather_and_scatter(s, seed);
  check_running_sums(s, integers(s.x(), -3, 3, seed));
}

TEST(topk_with_ties_and_nan) {
  Workers serial(1);
  for (const i32 n : {1, 2, 7, 100, 1001})
    for (const i32 k : {0, 1, 2, 5, 100, 1001})
      for (const i32 largest : {0, 1}) {
        if (k > n) continue;
        const i32 rows = 61;
        Buffer<float> x = integers(i64{rows} * n, -20, 20), values(i64{rows} * k), expected(i64{rows} * k);
        for (i64 i = 0; i < x.size(); i += 13) x[i] = i % 2 ? -0.f : std::numeric_limits<float>::quiet_NaN();
        Buffer<i32> indices(i64{rows} * k), places(i64{rows} * k);
        reference::topk<float>({expected, places, x, rows, n, k, largest}, serial);
        on_every_backend([&](const Kernels& kernels, Context& context) {
          values.poison();
          indices.poison();
          kernels.topk({values, indices, x, rows, n, k, largest}, context);
          CHECK_SAME(values, expected);
          CHECK_SAME(indices, places);
        });
      }
}
