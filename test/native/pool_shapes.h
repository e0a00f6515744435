// What the tests of pooling share.
#pragma once
#include <limits>

#include "check.h"

namespace quern::test {

// Windows along a dim, as TypeScript counts them; with `ceil` the last may reach beyond the padding.
inline i32 windows(i32 in, i32 kernel, i32 stride, i32 pad, bool ceil) {
  const i32 steps = in + 2 * pad - kernel;
  if (steps < 0) return 0;
  if (!ceil) return steps / stride + 1;
  const i32 count = (steps + stride - 1) / stride + 1;
  return (count - 1) * stride >= in + pad ? count - 1 : count;
}

inline i32 pool_channels(Random& random) { return random.of({1, 3, 4, 5, 7, 13, 16, 17, 31, 32, 33, 50, 65, 100}); }

// Few different values, so that many tie; every third time with NaN and -Infinity among them.
inline Buffer<float> with_ties(Random& random, i64 n) {
  Buffer<float> x = integers(n, -3, 3, random.next());
  if (random.between(0, 2) == 0)
    for (i64 i = 0; i < n; i += 7) x[i] = i % 2 ? NAN : -std::numeric_limits<float>::infinity();
  return x;
}

}  // namespace quern::test
