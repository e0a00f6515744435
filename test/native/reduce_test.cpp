#include <limits>

#include "layouts.h"

using namespace quern;
using namespace quern::test;

namespace {

const Reduce kinds[] = {Reduce::sum, Reduce::mean, Reduce::prod, Reduce::max, Reduce::min};

struct Reduction {
  std::vector<i32> layout;
  i32 kept, reduced;
  i64 outputs, terms;  // terms of each output
};

// Reduces the dims of a dense x that `mask` names; out is dense.
Reduction reduction(const std::vector<i32>& shape, unsigned mask) {
  std::vector<i32> strides(shape.size(), 1), part[2][2];  // [reduced?][shape, strides]
  for (size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * std::max(shape[d], 1);
  for (size_t d = 0; d < shape.size(); d++) {
    part[mask >> d & 1][0].push_back(shape[d]);
    part[mask >> d & 1][1].push_back(strides[d]);
  }
  const auto& [kept, kept_strides] = part[0];
  std::vector<i32> out_strides(kept.size());
  i64 outputs = 1;
  for (size_t d = kept.size(); d-- > 0; outputs *= kept[d]) out_strides[d] = static_cast<i32>(outputs);
  std::vector<i32> layout = kept;
  for (const auto& list : {part[1][0], out_strides, kept_strides, part[1][1]})
    layout.insert(layout.end(), list.begin(), list.end());
  i64 terms = 1;
  for (i32 size : part[1][0]) terms *= size;
  return {layout, static_cast<i32>(kept.size()), static_cast<i32>(part[1][0].size()), outputs, terms};
}

void check_reduction(const Reduction& c, const float* x, Reduce kind, double tolerance) {
  Buffer<float> expected(c.outputs), got(c.outputs), again(c.outputs);
  Workers serial(1);
  const auto args = [&](float* out) {
    return args::reduce<float>{
        out, x, static_cast<i32>(kind), c.kept, c.reduced, c.layout.data(), static_cast<i32>(c.layout.size())};
  };
  reference::reduce(args(expected), serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    got.poison();
    k.reduce(args(got), context);
    CHECK_CLOSE(got, expected, tolerance);
    k.reduce(args(again), serial);
    CHECK_SAME(again, got);  // whatever the number of workers
  });
}

// Whole numbers, of which all but means are exact; a product of more than 15 (3¹⁵ < 2²⁴) has factors 1 and -1 only.
void check_exact_reductions(const Reduction& c, i64 elements, i64 origin, Random& random) {
  const Buffer<float> x = integers(elements, -3, 3, random.next());
  Buffer<float> signs = integers(elements, 0, 1, random.next());
  for (i64 i = 0; i < elements; i++) signs[i] = 1 - 2 * signs[i];
  for (Reduce kind : kinds) {
    const Buffer<float>& operand = kind == Reduce::prod && c.terms > 15 ? signs : x;
    check_reduction(c, operand + origin, kind, kind == Reduce::mean ? 1e-6 : 0);
  }
}

}  // namespace

SWEEP(reduce_of_random_shapes_and_dims, 120) {
  std::vector<i32> shape = random_shape(random, 4);
  i64 n = 1;
  for (i32 s : shape) n *= s;
  check_exact_reductions(reduction(shape, static_cast<unsigned>(random.next())), n, 0, random);
}

SWEEP(reduce_through_strides, 100) {  // x transposed, reversed and broadcast
  const std::vector<i32> shape = random_shape(random, 4);
  const Strides sx = random_strides(random, shape, true);
  const unsigned mask = static_cast<unsigned>(random.next());
  Reduction c = reduction(shape, mask);  // of a dense x: its strides are replaced
  size_t kept = c.kept * 2 + c.reduced, reduced = kept + c.kept;
  for (size_t d = 0; d < shape.size(); d++) c.layout[mask >> d & 1 ? reduced++ : kept++] = sx.strides[d];
  check_exact_reductions(c, sx.elements, sx.origin, random);
}

TEST(large_reductions_are_accurate_and_deterministic) {
  const std::vector<std::vector<i32>> shapes = {{1000003}, {12544, 64}, {3, 5000, 70}, {40000, 3}, {7, 20011}};
  for (const auto& shape : shapes) {
    i64 n = 1;
    for (i32 s : shape) n *= s;
    Buffer<float> x = reals(n);
    for (i64 i = 0; i < n; i++) x[i] += 1.5f;
    for (unsigned mask = 1; mask < 1u << shape.size(); mask++)
      for (Reduce kind : {Reduce::sum, Reduce::mean, Reduce::max})
        check_reduction(reduction(shape, mask), x, kind, 4e-7);
  }
}

TEST(reduce_without_scratch_returns) {
  const Buffer<float> x = integers(100000);
  const Reduction c = reduction({100000}, 1);
  Buffer<float> out(1);
  on_every_backend([&](const Kernels& k, Context& context) {
    static_cast<Workers&>(context).scratch_left = 0;
    k.reduce({out, x, 0, c.kept, c.reduced, c.layout.data(), 0}, context);
  });
}

TEST(max_and_min_propagate_nan) {
  for (i32 n : {1, 5, 16, 40, 9000})
    for (i32 at : {0, n / 2, n - 1}) {
      Buffer<float> x = integers(n);
      x[at] = NAN;
      for (Reduce kind : {Reduce::max, Reduce::min}) {
        check_reduction(reduction({n}, 1), x, kind, 0);
        check_reduction(reduction({n, 1}, 3), x, kind, 0);
      }
    }
  Buffer<float> x = integers(300 * 20);
  x[4000] = x[17] = NAN;
  for (Reduce kind : {Reduce::max, Reduce::min}) check_reduction(reduction({300, 20}, 1), x, kind, 0);
}

SWEEP(arg_reduce_finds_the_first_winner, 60) {
  Workers serial(1);
  const i32 outer = static_cast<i32>(random.between(0, 30)), length = random.of({1, 2, 10, 16, 17, 33, 100, 1000});
  const i32 inner = random.between(0, 1) ? 1 : static_cast<i32>(random.between(1, 40));
  const i64 outputs = static_cast<i64>(outer) * inner;
  Buffer<float> x = integers(outputs * length, -5, 5, random.next());
  if (random.between(0, 2) == 0)
    for (i64 i = 0; i < x.size(); i += 13) x[i] = i % 3 ? NAN : -std::numeric_limits<float>::infinity();
  Buffer<i32> expected(outputs), got(outputs);
  for (Reduce kind : {Reduce::max, Reduce::min}) {
    const i32 code = static_cast<i32>(kind);
    reference::arg_reduce<float>({expected, x, code, outer, length, inner}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      got.poison();
      k.arg_reduce({got, x, code, outer, length, inner}, context);
      CHECK_SAME(got, expected);
    });
  }
}
