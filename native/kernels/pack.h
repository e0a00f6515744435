// Copies that put operands in the order the register tiles read them in.
#pragma once
#include "microkernel.h"

namespace quern::QUERN_ISA {

template <int... E>
struct Lanes {};
#if defined(__AVX512F__)
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
#elif defined(__AVX2__)
using AllLanes = Lanes<0, 1, 2, 3, 4, 5, 6, 7>;
#else
using AllLanes = Lanes<0, 1, 2, 3>;
#endif

// Lane e: of a where bit D of e is clear, else of b; from lane e itself, or from the lane across that bit.
template <int D, int... E>
QUERN_INLINE vf straight(vf a, vf b, Lanes<E...>) {
  return __builtin_shufflevector(a, b, (E & D ? W + E : E)...);
}
template <int D, int... E>
QUERN_INLINE vf across(vf a, vf b, Lanes<E...>) {
  return __builtin_shufflevector(a, b, (E & D ? W + (E ^ D) : E ^ D)...);
}
template <int D, int... E>
QUERN_INLINE vf low_halves(vf a, vf b, Lanes<E...>) {
  return __builtin_shufflevector(a, b, (E & D ? W + (E ^ D) : E)...);
}
template <int D, int... E>
QUERN_INLINE vf high_halves(vf a, vf b, Lanes<E...>) {
  return __builtin_shufflevector(a, b, (E & D ? W + E : E ^ D)...);
}

// r[i][j] becomes r[j][i]: exchanges blocks of 1, 2, 4 … across the diagonal.
template <int D = 1>
QUERN_INLINE void transpose(vf (&r)[W]) {
  if constexpr (D < W) {
    QUERN_UNROLL
    for (int i = 0; i < W; i++) {
      if (i & D) continue;
      vf a = r[i], b = r[i | D];
      r[i] = low_halves<D>(a, b, AllLanes());
      r[i | D] = high_halves<D>(a, b, AllLanes());
    }
    transpose<2 * D>(r);
  }
}

// Lane i = sum of the lanes of r[i].
template <int D = 1>
QUERN_INLINE vf sums(vf (&r)[W / D]) {
  if constexpr (D == W) {
    return r[0];
  } else {
    vf half[W / D / 2];
    QUERN_UNROLL
    for (int i = 0; i < W / D / 2; i++)
      half[i] = straight<D>(r[2 * i], r[2 * i + 1], AllLanes()) + across<D>(r[2 * i], r[2 * i + 1], AllLanes());
    return sums<2 * D>(half);
  }
}

// out[m·N + n] = sum of the lanes of sum[m][n]; writes on to the end of the last vector.
template <int M, int N>
QUERN_INLINE void tile_sums(float* out, const vf (&sum)[M][N]) {
  constexpr int count = M * N;
  QUERN_UNROLL
  for (int first = 0; first < count; first += W) {
    vf r[W];
    QUERN_UNROLL
    for (int i = 0; i < W; i++) r[i] = first + i < count ? sum[(first + i) / N][(first + i) % N] : vf{};
    store(out + first, sums(r));
  }
}

inline void copy(float* out, const float* x, i64 n) { __builtin_memcpy(out, x, n * sizeof(float)); }
inline void clear(float* out, i64 n) { __builtin_memset(out, 0, n * sizeof(float)); }

// out(k,width) = x(k,columns), where x's columns are contiguous in k and col_stride apart; zero beyond `columns`
inline void pack_transposed(float* out, const float* x, i64 col_stride, i64 k, i64 columns, i64 width) {
  for (i64 j = 0; j < width; j += W)
    for (i64 k0 = 0; k0 < k; k0 += W) {
      vf r[W];
      QUERN_UNROLL
      for (int i = 0; i < W; i++) r[i] = j + i < columns ? load(x + (j + i) * col_stride + k0) : vf{};
      transpose(r);
      float* to = out + k0 * width + j;
      if (k0 + W <= k) {
        QUERN_UNROLL
        for (int i = 0; i < W; i++) store(to + i * width, r[i]);
      } else {
        for (int i = 0; i < k - k0; i++) store(to + i * width, r[i]);
      }
    }
}

// x(k,columns) as panels one after the other, each (k,NR) or, for a last one of at most W columns, (k,W); zero beyond
inline void pack_panels(float* out, const float* x, i64 row_stride, i64 col_stride, i64 k, i64 columns) {
  if (row_stride == 1 && col_stride != 1) {
    for (i64 j = 0; j < columns; j += NR)
      pack_transposed(out + j * k, x + j * col_stride, col_stride, k, min<i64>(NR, columns - j),
                      columns - j > W ? NR : W);
    return;
  }
  // Rows outside: memory is read in order. Rows far apart are fetched ahead.
  for (i64 i = 0; i < k; i++, x += row_stride) {
    if (col_stride == 1 && i + 8 < k) prefetch(x + 8 * row_stride, columns);
    for (i64 j = 0; j < columns; j += NR) {
      const i64 width = columns - j > W ? NR : W;
      float* to = out + j * k + i * width;
      for (i64 v = 0; v < width; v += W) {
        const i64 left = columns - j - v;
        const float* from = x + (j + v) * col_stride;
        if (col_stride == 1)
          store(to + v, left >= W ? load(from) : load_first(from, static_cast<int>(left)));
        else
          for (i64 l = 0; l < W; l++) to[v + l] = l < left ? from[l * col_stride] : 0;
      }
    }
  }
}

// out(k,m) = x[offset[m] + k]: contiguous rows, copied to the order of A::steps
inline void pack_rows(float* out, const float* x, const i64* offset, i64 m, i64 k) {
  i64 k0 = 0;
  for (; k0 + W <= k; k0 += W)
    for (i64 first = 0; first < m; first += W) {
      vf r[W];
      QUERN_UNROLL
      for (int i = 0; i < W; i++) r[i] = first + i < m ? load(x + offset[first + i] + k0) : vf{};
      transpose(r);
      // A store's surplus lanes are written again by the next step's, which begins there.
      QUERN_UNROLL
      for (int i = 0; i < W; i++) store_lanes(out + (k0 + i) * m + first, r[i], m > W ? m - first : (k - k0 - i) * m);
    }
  for (; k0 < k; k0++)
    for (i64 i = 0; i < m; i++) out[k0 * m + i] = x[offset[i] + k0];
}

}  // namespace quern::QUERN_ISA
