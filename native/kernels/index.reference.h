// References of indexing, running sums and selection along one dim of (outer,n,inner).
#pragma once
#include <algorithm>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include "reference.h"

namespace quern::reference {

// What an index outside of its range reads.
template <class T>
constexpr T nothing = std::numeric_limits<T>::has_quiet_NaN ? std::numeric_limits<T>::quiet_NaN() : T(0);

// a + b; integers wrap.
template <class T>
T plus(T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return a + b;
  else
    return static_cast<T>(static_cast<u32>(a) + static_cast<u32>(b));
}

template <class T>
void index_select(const args::index_select<T>& s, Context&) {
  for (i64 o = 0; o < s.outer; o++)
    for (i64 j = 0; j < s.m; j++)
      for (i64 i = 0; i < s.inner; i++) {
        const i64 t = s.index[j];
        s.out[(o * s.m + j) * s.inner + i] = t >= 0 && t < s.n ? s.x[(o * s.n + t) * s.inner + i] : nothing<T>;
      }
}

template <class T>
void index_add(const args::index_add<T>& s, Context&) {
  std::fill_n(s.out, i64{s.outer} * s.n * s.inner, T(0));
  for (i64 o = 0; o < s.outer; o++)
    for (i64 j = 0; j < s.m; j++) {
      const i64 t = s.index[j];
      if (t < 0 || t >= s.n || t == s.skip) continue;
      for (i64 i = 0; i < s.inner; i++) {
        T& sum = s.out[(o * s.n + t) * s.inner + i];
        sum = plus(sum, s.source[(o * s.m + j) * s.inner + i]);
      }
    }
}

template <class T>
void gather(const args::gather<T>& s, Context&) {
  for (i64 o = 0; o < s.outer; o++)
    for (i64 j = 0; j < s.m; j++)
      for (i64 i = 0; i < s.inner; i++) {
        const i64 at = (o * s.m + j) * s.inner + i, t = s.index[at];
        s.out[at] = t >= 0 && t < s.n ? s.x[(o * s.n + t) * s.inner + i] : nothing<T>;
      }
}

template <class T>
void scatter_add(const args::scatter_add<T>& s, Context&) {
  for (i64 i = 0; i < i64{s.outer} * s.n * s.inner; i++) s.out[i] = s.x ? s.x[i] : T(0);
  for (i64 o = 0; o < s.outer; o++)
    for (i64 j = 0; j < s.m; j++)
      for (i64 i = 0; i < s.inner; i++) {
        const i64 at = (o * s.m + j) * s.inner + i, t = s.index[at];
        if (t < 0 || t >= s.n) continue;
        T& sum = s.out[(o * s.n + t) * s.inner + i];
        sum = plus(sum, s.source[at]);
      }
}

// Floats add up in double.
template <class T>
void cumsum(const args::cumsum<T>& s, Context&) {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, T>;
  for (i64 o = 0; o < s.outer; o++)
    for (i64 i = 0; i < s.inner; i++) {
      Sum sum = 0;
      for (i64 j = 0; j < s.n; j++) {
        const i64 at = (o * s.n + (s.reversed ? s.n - 1 - j : j)) * s.inner + i;
        sum = plus(sum, static_cast<Sum>(s.x[at]));
        s.out[at] = static_cast<T>(sum);
      }
    }
}

template <class T>
void topk(const args::topk<T>& s, Context&) {
  std::vector<i32> order(static_cast<std::size_t>(s.n));
  for (i64 r = 0; r < s.rows; r++) {
    const T* x = s.x + r * s.n;
    const auto above = [](T a, T b) { return a > b || (a != a && b == b); };  // NaN above all
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](i32 a, i32 b) { return s.largest ? above(x[a], x[b]) : above(x[b], x[a]); });
    for (i64 j = 0; j < s.k; j++) {
      s.indices[r * s.k + j] = order[static_cast<std::size_t>(j)];
      s.values[r * s.k + j] = x[order[static_cast<std::size_t>(j)]];
    }
  }
}

}  // namespace quern::reference
