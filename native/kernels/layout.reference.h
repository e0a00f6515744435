// References of the movement ops, and the walk over strided operands that the elementwise ones share.
#pragma once
#include <array>
#include <cmath>
#include <limits>

#include "reference.h"

namespace quern::reference {

// f(offsets) for each index of the shape in row-major order. layout = shape[rank], then strides[rank] of each of N
// operands.
template <std::size_t N, class F>
void for_each_index(const i32* layout, i32 rank, const F& f, i32 dim = 0, std::array<i64, N> offset = {}) {
  if (dim == rank) return f(offset);
  for (i64 i = 0; i < layout[dim]; i++) {
    for_each_index<N>(layout, rank, f, dim + 1, offset);
    for (std::size_t k = 0; k < N; k++) offset[k] += layout[(k + 1) * rank + dim];
  }
}

template <class T>
void fill(const args::fill<T>& a, Context&) {
  for (i64 i = 0; i < a.n; i++) a.out[i] = static_cast<T>(a.value);
}

template <class T>
void copy(const args::copy<T>& a, Context&) {
  for_each_index<2>(a.layout, a.rank, [&](const auto& at) { a.out[at[0]] = a.x[at[1]]; });
}

template <class T, class From>
void convert(T* out, const From* x, i64 n) {
  for (i64 i = 0; i < n; i++) out[i] = static_cast<T>(x[i]);
}

template <class T>
void to_float(const args::to_float<T>& a, Context&) {
  const void* x = a.x;
  switch (static_cast<DType>(a.from)) {
    case DType::float32:
      return convert(a.out, static_cast<const float*>(x), a.n);
    case DType::float64:
      return convert(a.out, static_cast<const double*>(x), a.n);
    case DType::int32:
      return convert(a.out, static_cast<const i32*>(x), a.n);
    case DType::uint8:
      return convert(a.out, static_cast<const u8*>(x), a.n);
    case DType::boolean:
      for (i64 i = 0; i < a.n; i++) a.out[i] = a.x[i] != 0;
  }
}

// To(x) truncated toward zero, held within To's range; NaN gives the minimum. C++ leaves all but truncation undefined.
template <class To, class T>
To saturate(T x) {
  const double low = std::numeric_limits<To>::min(), high = std::numeric_limits<To>::max();
  return !(x > low) ? std::numeric_limits<To>::min() : x >= high ? std::numeric_limits<To>::max() : static_cast<To>(x);
}

template <class T>
void to_int32(const args::to_int32<T>& a, Context&) {
  for (i64 i = 0; i < a.n; i++) a.out[i] = saturate<i32>(a.x[i]);
}

template <class T>
void to_uint8(const args::to_uint8<T>& a, Context&) {
  for (i64 i = 0; i < a.n; i++) a.out[i] = saturate<u8>(a.x[i]);
}

template <class T>
void to_bool(const args::to_bool<T>& a, Context&) {
  for (i64 i = 0; i < a.n; i++) a.out[i] = a.x[i] != 0;
}

}  // namespace quern::reference
