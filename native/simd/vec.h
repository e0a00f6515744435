// The vector type: GCC/Clang vector extensions, as wide as the instruction set's registers, in its own namespace.
// Arithmetic is written with operators; a*b + c contracts to FMA where there is one (-ffp-contract=fast).
#pragma once
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#endif

#ifdef __clang__
#define QUERN_UNROLL _Pragma("clang loop unroll(full)")
#else
#define QUERN_UNROLL _Pragma("GCC unroll 64")
#endif
#define QUERN_INLINE inline __attribute__((always_inline))
// Keeps a pointer, or a vector that was loaded, in a register of its own, where the compiler would recompute each
// address from its parts, or load again for each use.
#ifdef __wasm__
#define QUERN_OPAQUE(pointer) (void)0
#define QUERN_LOADED(vector) (void)0
#else
#define QUERN_OPAQUE(pointer) asm("" : "+r"(pointer))
#ifdef __aarch64__
#define QUERN_LOADED(vector) asm("" : "+w"(vector))
#else
#define QUERN_LOADED(vector) asm("" : "+v"(vector))
#endif
#endif

namespace quern::QUERN_ISA {

#if defined(__AVX512F__)
constexpr int W = 16;  // floats per vector
#elif defined(__AVX2__)
constexpr int W = 8;
#else
constexpr int W = 4;
#endif

typedef float vf __attribute__((vector_size(W * 4)));
typedef std::int32_t vi __attribute__((vector_size(W * 4)));
typedef std::uint32_t vu __attribute__((vector_size(W * 4)));
typedef float vf_unaligned __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef std::int32_t vi_unaligned __attribute__((vector_size(W * 4), aligned(4), may_alias));

QUERN_INLINE vf load(const float* p) { return *reinterpret_cast<const vf_unaligned*>(p); }
QUERN_INLINE void store(float* p, vf v) { *reinterpret_cast<vf_unaligned*>(p) = v; }
// Stores past the caches, without reading the line first: for what is too large to stay there. p is a multiple of a
// vector's size, the vectors of a line follow one another closely, and after the last one comes end_streams.
#if defined(__AVX512F__)
constexpr bool has_streams = true;
QUERN_INLINE void stream(float* p, vf v) { _mm512_stream_ps(p, v); }
QUERN_INLINE void end_streams() { _mm_sfence(); }
#elif defined(__AVX2__)
constexpr bool has_streams = true;
QUERN_INLINE void stream(float* p, vf v) { _mm256_stream_ps(p, v); }
QUERN_INLINE void end_streams() { _mm_sfence(); }
#else
constexpr bool has_streams = false;
QUERN_INLINE void stream(float* p, vf v) { store(p, v); }
QUERN_INLINE void end_streams() {}
#endif
QUERN_INLINE vi load(const std::int32_t* p) { return *reinterpret_cast<const vi_unaligned*>(p); }
QUERN_INLINE void store(std::int32_t* p, vi v) { *reinterpret_cast<vi_unaligned*>(p) = v; }

// s - vf{} folds into a broadcast; vf{} + s is a real addition under IEEE rules (-0 + 0).
QUERN_INLINE vf set1(float s) { return s - vf{}; }
QUERN_INLINE vi set1(std::int32_t s) { return s - vi{}; }

QUERN_INLINE vi as_int(vf v) { return reinterpret_cast<vi>(v); }
QUERN_INLINE vf as_float(vi v) { return reinterpret_cast<vf>(v); }
// mask: all ones or all zeros per lane, as comparisons give
QUERN_INLINE vf select(vi mask, vf a, vf b) { return mask ? a : b; }

// The larger of each lane; where either is NaN, b. One instruction where the set has it.
QUERN_INLINE vf max_or_b(vf a, vf b) {
#if defined(__AVX512F__)
  return _mm512_max_ps(a, b);
#elif defined(__AVX2__)
  return _mm256_max_ps(a, b);
#elif defined(__SSE2__)
  return _mm_max_ps(a, b);
#elif defined(__wasm_simd128__)
  return reinterpret_cast<vf>(wasm_f32x4_pmax(reinterpret_cast<v128_t>(b), reinterpret_cast<v128_t>(a)));
#else
  return a > b ? a : b;
#endif
}
QUERN_INLINE vf min_or_b(vf a, vf b) {
#if defined(__AVX512F__)
  return _mm512_min_ps(a, b);
#elif defined(__AVX2__)
  return _mm256_min_ps(a, b);
#elif defined(__SSE2__)
  return _mm_min_ps(a, b);
#elif defined(__wasm_simd128__)
  return reinterpret_cast<vf>(wasm_f32x4_pmin(reinterpret_cast<v128_t>(b), reinterpret_cast<v128_t>(a)));
#else
  return a < b ? a : b;
#endif
}

QUERN_INLINE vf sqrt(vf v) {
#if defined(__AVX512F__)
  return _mm512_sqrt_ps(v);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(v);
#elif defined(__SSE2__)
  return _mm_sqrt_ps(v);
#elif defined(__aarch64__)
  return vsqrtq_f32(v);
#elif defined(__wasm_simd128__)
  return reinterpret_cast<vf>(wasm_f32x4_sqrt(reinterpret_cast<v128_t>(v)));
#else
  vf r;
  for (int i = 0; i < W; i++) r[i] = __builtin_sqrtf(v[i]);
  return r;
#endif
}

// The first n lanes (0 < n <= W) of memory; the others are zero on load and untouched on store.
QUERN_INLINE vf load_first(const float* p, int n) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#else
  vf v{};
  for (int i = 0; i < n; i++) v[i] = p[i];
  return v;
#endif
}
QUERN_INLINE void store_first(float* p, vf v, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
#else
  for (int i = 0; i < n; i++) p[i] = v[i];
#endif
}

// All lanes, or the first n of them.
QUERN_INLINE vf load_lanes(const float* p, std::int64_t n) {
  return n >= W ? load(p) : load_first(p, static_cast<int>(n));
}
QUERN_INLINE void store_lanes(float* p, vf v, std::int64_t n) {
  if (n >= W)
    store(p, v);
  else
    store_first(p, v, static_cast<int>(n));
}

// Sum of the lanes, pairwise: halves are folded onto each other.
QUERN_INLINE float sum(vf v) {
  float lane[W];
  for (int i = 0; i < W; i++) lane[i] = v[i];
  for (int half = W / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}

}  // namespace quern::QUERN_ISA
