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

// Whether `count` floats from y on are more than a cache keeps until they are read, beside as many that were read for
// them, and lie on whole lines: then they are best streamed.
constexpr i64 uncached = i64(4) << 20;
inline bool streams_past_caches(const float* y, i64 count) {
  return has_streams && count >= uncached && reinterpret_cast<std::uintptr_t>(y) % 64 == 0;
}

// Declares every op's float32 kernel; a family defines those it has, install.cpp lists them.
#define QUERN_OP(name, types, ...) void name(const args::name<float>&, Context&);
#include "../ops.def"

}  // namespace quern::QUERN_ISA
