// Included by every kernel source: the namespace of the instruction set being compiled, its vectors, its parallel loop.
// These sources include no C++ library headers, so that no inline function compiled for one instruction set can be
// picked by the linker for another.
#pragma once
#include "../simd/vec.h"
#include "kernels.h"

namespace quern::QUERN_ISA {

// f(task, worker) for each task; see Context::run.
template <class F>
inline void parallel(Context& context, i64 tasks, const F& f) {
  if (tasks <= 0) return;
  context.run(
      context, tasks, [](void* closure, i64 task, int worker) { (*static_cast<const F*>(closure))(task, worker); },
      const_cast<F*>(&f));
}

template <class T>
inline T* scratch(Context& context, i64 count) {
  return static_cast<T*>(context.scratch(context, count * static_cast<i64>(sizeof(T))));
}

template <class T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}
constexpr i64 ceil_div(i64 a, i64 b) { return (a + b - 1) / b; }
constexpr i64 round_up(i64 a, i64 b) { return ceil_div(a, b) * b; }

// f(m, n) for all m < M and n < N, unrolled
template <int M, int N, class F>
QUERN_INLINE void for_each(const F& f) {
  QUERN_UNROLL
  for (int m = 0; m < M; m++) {
    QUERN_UNROLL
    for (int v = 0; v < N; v++) f(m, v);
  }
}

// Brings x near: for loops that do too much for each load, or jump from row to row, for the hardware to run ahead.
QUERN_INLINE void prefetch(const float* x, i64 floats) {
  for (i64 i = 0; i < floats; i += 16) __builtin_prefetch(x + i);
}

// Floats that are read in order. What comes so many later is fetched into L2: loops with little to do for each load
// catch up with the hardware's prefetchers. Never beyond the end: there may be no page, and looking for one takes long.
constexpr i64 far_ahead = 1024;
struct Stream {
  const float* x;
  i64 ahead;
  QUERN_INLINE vf operator()(i64 at) const {
    __builtin_prefetch(x + at + ahead, 0, 2);
    return load(x + at);
  }
};

// Whether y(rows,columns) is more than a cache keeps until it is read, beside as much that was read for it, and its
// rows are whole lines: then it is best streamed.
constexpr i64 uncached = i64(4) << 20;
inline bool streams_past_caches(const float* y, i64 rows, i64 columns) {
  const bool lines = columns % 16 == 0 && reinterpret_cast<std::uintptr_t>(y) % 64 == 0;
  return has_streams && lines && rows * columns >= uncached;
}

// Streams one vector of the columns of y, whose others come before and after it but not at once: of two that share a
// line the first waits in `half` for the second.
QUERN_INLINE void stream_vector(float* y, vf value, i64 column, float* half) {
  static_assert(!has_streams || W >= 8);
  if (W < 16 && column % 16 == 0) return store(half, value);
  if (W < 16) stream(y - W, load(half));
  stream(y, value);
}

// Declares every op's float32 kernel; a family defines those it has, install.cpp lists them.
#define QUERN_OP(name, types, ...) void name(const args::name<float>&, Context&);
#include "../ops.def"

}  // namespace quern::QUERN_ISA
