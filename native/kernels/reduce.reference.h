// References of the reductions; sums are taken in double, so they are the exact answer that the kernels approximate.
#pragma once
#include <limits>

#include "reference.h"

namespace quern::reference {

// One step of a reduction: total after x. NaN, once met, stays.
template <class T>
T reduce_step(Reduce kind, T total, T x) {
  switch (kind) {
    case Reduce::sum:
    case Reduce::mean:
      return total + x;
    case Reduce::prod:
      return total * x;
    case Reduce::max:
      return x > total || x != x ? x : total;
    case Reduce::min:
      return x < total || x != x ? x : total;
  }
  return total;
}

inline double reduce_identity(Reduce kind) {
  const double infinity = std::numeric_limits<double>::infinity();
  return kind == Reduce::prod ? 1 : kind == Reduce::max ? -infinity : kind == Reduce::min ? infinity : 0;
}

// Offset of the index-th element (row-major) of a strided shape.
inline i64 offset_of(i64 index, const i32* shape, const i32* strides, i32 rank) {
  i64 offset = 0;
  for (i32 d = rank - 1; d >= 0; d--) {
    offset += index % shape[d] * strides[d];
    index /= shape[d];
  }
  return offset;
}

inline i64 count_of(const i32* shape, i32 rank) {
  i64 count = 1;
  for (i32 d = 0; d < rank; d++) count *= shape[d];
  return count;
}

template <class T>
void reduce(const args::reduce<T>& r, Context&) {
  const auto kind = static_cast<Reduce>(r.kind);
  const i32 *kept_shape = r.layout, *reduced_shape = kept_shape + r.kept, *out_strides = reduced_shape + r.reduced,
            *kept_strides = out_strides + r.kept, *reduced_strides = kept_strides + r.kept;
  const i64 kept = count_of(kept_shape, r.kept), reduced = count_of(reduced_shape, r.reduced);
  for (i64 i = 0; i < kept; i++) {
    const T* x = r.x + offset_of(i, kept_shape, kept_strides, r.kept);
    double total = reduce_identity(kind);
    for (i64 j = 0; j < reduced; j++)
      total = reduce_step<double>(kind, total, x[offset_of(j, reduced_shape, reduced_strides, r.reduced)]);
    if (kind == Reduce::mean) total /= static_cast<double>(reduced);
    r.out[offset_of(i, kept_shape, out_strides, r.kept)] = static_cast<T>(total);
  }
}

template <class T>
void arg_reduce(const args::arg_reduce<T>& r, Context&) {
  const bool min = static_cast<Reduce>(r.kind) == Reduce::min;
  for (i64 o = 0; o < r.outer; o++) {
    for (i64 i = 0; i < r.inner; i++) {
      const T* x = r.x + o * r.length * r.inner + i;
      i64 best = 0;
      for (i64 l = 1; l < r.length; l++) {
        const T value = x[l * r.inner], winner = x[best * r.inner];
        const bool wins = value != value || (min ? value < winner : value > winner);
        if (wins && winner == winner) best = l;
      }
      r.out[o * r.inner + i] = static_cast<i32>(best);
    }
  }
}

}  // namespace quern::reference
