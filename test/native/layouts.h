// Random shapes and strides for the ops whose commands carry a layout.
#pragma once
#include <functional>
#include <numeric>

#include "check.h"

namespace quern::test {

// An operand seen through strides: element 0 of the view is data()[origin].
struct Strides {
  std::vector<i32> strides;
  i64 origin, elements;  // where the view begins in its buffer, and that buffer's size
};

inline std::vector<i32> random_shape(Random& random, i32 max_rank = 4) {
  for (;;) {
    std::vector<i32> shape(random.between(0, max_rank));
    for (i32& size : shape) size = random.between(0, 40) == 0 ? 0 : random.of({1, 2, 3, 5, 7, 16, 17, 33});
    if (std::accumulate(shape.begin(), shape.end(), i64{1}, std::multiplies<i64>()) <= 400000) return shape;
  }
}

// Dense in some order of the dims, padded in half of the cases; inputs may broadcast and run backwards as well.
inline Strides random_strides(Random& random, const std::vector<i32>& shape, bool input) {
  const size_t rank = shape.size();
  std::vector<size_t> order(rank);
  std::iota(order.begin(), order.end(), 0);
  if (random.between(0, 1))
    for (size_t i = 1; i < rank; i++) std::swap(order[i], order[random.between(0, i)]);
  Strides s{std::vector<i32>(rank), 0, 1};
  for (size_t i = rank; i-- > 0;) {
    const size_t d = order[i];
    const i64 choice = random.between(0, 7);
    if (input && choice == 0) continue;  // broadcast: stride 0
    s.strides[d] = static_cast<i32>(s.elements);
    s.elements *= std::max(shape[d], 1) + (choice == 1 ? 2 : 0);
    if (input && choice == 2 && shape[d] > 0) {
      s.origin += static_cast<i64>(shape[d] - 1) * s.strides[d];
      s.strides[d] = -s.strides[d];
    }
  }
  return s;
}

template <class... Operands>
std::vector<i32> layout_of(const std::vector<i32>& shape, const Operands&... operands) {
  std::vector<i32> layout = shape;
  (layout.insert(layout.end(), operands.strides.begin(), operands.strides.end()), ...);
  return layout;
}

}  // namespace quern::test
