// Elementary functions on vectors. All are right at 0, denormals, ±infinity and NaN.
// exp and log stay within 2 ulp; the others within 1e-6 relative (measured by test/native/elementwise_test.cpp).
// The float polynomials are those of Moshier's Cephes library (netlib.org/cephes).
#pragma once
#include "vec.h"

namespace quern::QUERN_ISA {

#if defined(__AVX512F__)
#define QUERN_LOW_LANES 0, 1, 2, 3, 4, 5, 6, 7
#define QUERN_HIGH_LANES 8, 9, 10, 11, 12, 13, 14, 15
#elif defined(__AVX2__)
#define QUERN_LOW_LANES 0, 1, 2, 3
#define QUERN_HIGH_LANES 4, 5, 6, 7
#else
#define QUERN_LOW_LANES 0, 1
#define QUERN_HIGH_LANES 2, 3
#endif

typedef double vd __attribute__((vector_size(W * 4)));  // half as many doubles as floats
typedef float half_vf __attribute__((vector_size(W * 2)));
typedef std::int32_t half_vi __attribute__((vector_size(W * 2)));

QUERN_INLINE vd low_double(vf v) { return __builtin_convertvector(__builtin_shufflevector(v, v, QUERN_LOW_LANES), vd); }
QUERN_INLINE vd high_double(vf v) {
  return __builtin_convertvector(__builtin_shufflevector(v, v, QUERN_HIGH_LANES), vd);
}
QUERN_INLINE vf join_float(vd low, vd high) {
  return __builtin_shufflevector(__builtin_convertvector(low, half_vf), __builtin_convertvector(high, half_vf),
                                 QUERN_LOW_LANES, QUERN_HIGH_LANES);
}
QUERN_INLINE vi join_int(vd low, vd high) {
  return __builtin_shufflevector(__builtin_convertvector(low, half_vi), __builtin_convertvector(high, half_vi),
                                 QUERN_LOW_LANES, QUERN_HIGH_LANES);
}

template <int N>
struct Floats {
  typedef float type __attribute__((vector_size(N * 4)));
};
// op over all lanes, halves folded onto each other; op must take vectors of any length.
template <int N = W, class F>
QUERN_INLINE float fold(typename Floats<N>::type v, const F& op) {
  if constexpr (N == 4) {
    return op(op(v[0], v[2]), op(v[1], v[3]));
  } else {
    typename Floats<N / 2>::type half[2];
    __builtin_memcpy(half, &v, sizeof v);
    return fold<N / 2>(op(half[0], half[1]), op);
  }
}
QUERN_INLINE float sum_lanes(vf v) {
  return fold(v, [](auto a, auto b) { return a + b; });
}
QUERN_INLINE float max_lanes(vf v) {
  return fold(v, [](auto a, auto b) { return a > b ? a : b; });
}

// Integers that may wrap are unsigned.
QUERN_INLINE vu as_unsigned(vf v) { return reinterpret_cast<vu>(v); }
QUERN_INLINE vf as_float(vu v) { return reinterpret_cast<vf>(v); }
QUERN_INLINE vu as_unsigned(vi v) { return reinterpret_cast<vu>(v); }
QUERN_INLINE vi as_signed(vu v) { return reinterpret_cast<vi>(v); }

// Whether any lane of a mask is set.
QUERN_INLINE bool any(vi mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(reinterpret_cast<__m256>(mask)) != 0;
#elif defined(__SSE2__)
  return _mm_movemask_ps(reinterpret_cast<__m128>(mask)) != 0;
#elif defined(__aarch64__)
  return vmaxvq_u32(reinterpret_cast<uint32x4_t>(mask)) != 0;
#elif defined(__wasm_simd128__)
  return wasm_v128_any_true(reinterpret_cast<v128_t>(mask));
#else
  for (int i = 0; i < W; i++)
    if (mask[i]) return true;
  return false;
#endif
}
QUERN_INLINE bool any_nan(vf a, vf b, vf c, vf d) {
#if defined(__AVX512F__)
  return (_mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q) | _mm512_cmp_ps_mask(c, d, _CMP_UNORD_Q)) != 0;
#elif defined(__SSE2__) && !defined(__AVX2__)
  return _mm_movemask_ps(_mm_or_ps(_mm_cmpunord_ps(a, b), _mm_cmpunord_ps(c, d))) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(_mm256_or_ps(_mm256_cmp_ps(a, b, _CMP_UNORD_Q), _mm256_cmp_ps(c, d, _CMP_UNORD_Q))) != 0;
#else
  return any((a != a) | (b != b) | (c != c) | (d != d));
#endif
}
QUERN_INLINE vi lanes_below(std::int64_t n) {  // mask of the lanes before n
  vi lane;
  for (int i = 0; i < W; i++) lane[i] = i;
  return lane < static_cast<std::int32_t>(n < W ? n : W);
}

constexpr float infinity = __builtin_inff();
QUERN_INLINE vf abs(vf x) { return as_float(as_int(x) & 0x7fffffff); }
QUERN_INLINE vf copy_sign(vf x, vf sign) { return as_float(as_int(x) | (as_int(sign) & INT32_MIN)); }

// The nearest whole number, of two the even one: from 2^23 on every float is whole, so adding it rounds.
QUERN_INLINE vf round_even(vf x) {
  const vf size = abs(x), big = set1(0x1p23f);
  return select(size < big, copy_sign((size + big) - big, x), x);
}
QUERN_INLINE vf floor(vf x) {
  const vf near = round_even(x);
  return select(near > x, near - 1.f, near);
}

// v · 2^n in two steps, so that 2^n may leave the normal range where the result does not.
QUERN_INLINE vf scale_by_power_of_2(vf v, vi n) {
  const vi half = n >> 1;
  return v * as_float(as_unsigned(half + 127) << 23) * as_float(as_unsigned(n - half + 127) << 23);
}

// f(i) for every i < N, unrolled: steps of several vectors, each of which alone would wait for itself.
template <int N, class F>
QUERN_INLINE void for_side_by_side(const F& f) {
  QUERN_UNROLL
  for (int i = 0; i < N; i++) f(i);
}

// e^x = 2^n e^r with n = round(x / ln 2), ln 2 in two parts (Cody & Waite), and e^r as its minimax polynomial of degree
// 6 (within 4e-9). `shifted` has n + more in its lowest bits.
template <int N>
struct Powers {
  vf mantissa[N], n[N], shifted[N];
};
template <int more, int N>
QUERN_INLINE Powers<N> natural_powers(const vf (&x)[N]) {
  constexpr float shift = 0x1.8p23f + more;  // from 2^23 on every float is whole, so adding it rounds
  Powers<N> e;
  vf r[N];
  for_side_by_side<N>([&](int i) { e.shifted[i] = x[i] * 1.44269504f + shift; });
  for_side_by_side<N>([&](int i) { e.n[i] = e.shifted[i] - shift; });
  for_side_by_side<N>([&](int i) { r[i] = x[i] - e.n[i] * 0.693359375f; });
  for_side_by_side<N>([&](int i) { r[i] = r[i] - e.n[i] * -2.12194440e-4f; });
  for_side_by_side<N>([&](int i) { e.mantissa[i] = r[i] * 1.381458365e-3f + 8.368724026e-3f; });
  constexpr float coefficients[] = {4.166838899e-2f, 1.666652113e-1f, 4.999999404e-1f, 1, 1};
  QUERN_UNROLL
  for (const float next : coefficients)
    for_side_by_side<N>([&](int i) { e.mantissa[i] = e.mantissa[i] * r[i] + next; });
  return e;
}
QUERN_INLINE vf exp(vf x) {
  const vf within[1] = {min_or_b(set1(89.f), max_or_b(set1(-104.f), x))};  // beyond: infinity and 0
  const Powers<1> e = natural_powers<0>(within);
#if defined(__AVX512F__)
  return _mm512_scalef_ps(e.mantissa[0], e.n[0]);
#else
  return scale_by_power_of_2(e.mantissa[0], as_signed(as_unsigned(e.shifted[0]) - as_unsigned(set1(0x1.8p23f))));
#endif
}

// e^x · decay_unit of x <= 0 in fewer steps: times the unit, nothing falls out of the normal range.
#if defined(__AVX512F__)
constexpr float decay_unit = 1;
#else
constexpr float decay_unit = 0x1p64f;
#endif
template <int N>
QUERN_INLINE void decay(vf (&x)[N]) {
  for_side_by_side<N>([&](int i) { x[i] = max_or_b(set1(-104.f), x[i]); });
  const Powers<N> e = natural_powers<127 + 64>(x);
  for_side_by_side<N>([&](int i) {
#if defined(__AVX512F__)
    x[i] = _mm512_scalef_ps(e.mantissa[i], e.n[i]);
#else
    x[i] = e.mantissa[i] * as_float(as_unsigned(e.shifted[i]) << 23);  // 2^(n + 64)
#endif
  });
}
QUERN_INLINE vf decay(vf x) {
  vf v[1] = {x};
  decay(v);
  return v[0];
}

// x = m · 2^e with m in [√½, √2), denormals included; for x = 0 some finite pair.
struct Split {
  vf m;
  vi e;
};
QUERN_INLINE Split split(vf x) {
  const vi tiny = x < 0x1p-126f;
  const vu bits = as_unsigned(select(tiny, x * 0x1p23f, x));
  const vi e = as_signed(bits - 0x3f3504f3u) >> 23;
  return {as_float(bits - (as_unsigned(e) << 23)), e - (tiny & 23)};
}

// ln x = ln m + e ln 2
QUERN_INLINE vf log(vf x) {
  const Split s = split(x);
  const vf f = s.m - 1.f, z = f * f, e = __builtin_convertvector(s.e, vf);
  vf p = set1(7.0376836292e-2f);
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  vf y = p * (f * z) + e * -2.12194440e-4f;
  y = y - 0.5f * z;
  y = (f + y) + e * 0.693359375f;
  y = select(x < infinity, y, x);
  y = select(x < 0.f, set1(__builtin_nanf("")), y);
  return select(x == 0.f, set1(-infinity), y);
}

// Small x by an odd polynomial, the others as 1 - 2 / (e^2x + 1).
QUERN_INLINE vf tanh(vf x) {
  const vf a = abs(x), z = x * x;
  vf p = set1(-5.70498872745e-3f);
  p = p * z + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  const vf large = copy_sign(1.f - 2.f / (exp(a + a) + 1.f), x);
  return select(a < 0.625f, p * z * x + x, large);
}

// 1 / (1 + e^-x), by e^-|x| so that small results keep their digits.
QUERN_INLINE vf sigmoid(vf x) {
  const vf e = exp(-abs(x));
  return select(x < 0.f, e, set1(1.f)) / (1.f + e);
}

// n = round(x · 2/π) and the remainder, in double with π/2 in two parts (33 bits first): exact for |x| < 2^20.
struct Quarter {
  vf r;
  vi n;
};
QUERN_INLINE Quarter quarter_turns(vf x) {
  const double round = 0x1.8p52;
  vd d[2] = {low_double(x), high_double(x)}, n[2];
  QUERN_UNROLL
  for (int i = 0; i < 2; i++) {
    n[i] = (d[i] * 0.6366197723675814 + round) - round;
    d[i] = (d[i] - n[i] * 1.5707963267341256) - n[i] * 6.077100506506192e-11;
  }
  return {join_float(d[0], d[1]), join_int(n[0], n[1])};
}

template <class F>
QUERN_INLINE vf replace_far(vf x, vf y, const F& exact) {  // the C library's answer beyond that range
  const vi far = (abs(x) > 0x1p20f) & (abs(x) < infinity);
  if (any(far))
    for (int i = 0; i < W; i++)
      if (far[i]) y[i] = exact(x[i]);
  return y;
}

// sin(r + n π/2): the polynomial of sin or of cos, and its sign, by n mod 4.
QUERN_INLINE vf sin_quarter(vf r, vi n) {
  const vf z = r * r;
  const vf s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * r + r;
  const vf c =
      ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f) * z * z - 0.5f * z + 1.f;
  return as_float(as_unsigned(select((n & 1) != 0, c, s)) ^ (as_unsigned(n & 2) << 30));
}
QUERN_INLINE vf sin(vf x) {
  const Quarter q = quarter_turns(x);
  const vf y = select(x == 0.f, x, sin_quarter(q.r, q.n));  // -0 stays
  return replace_far(x, y, [](float v) { return __builtin_sinf(v); });
}
QUERN_INLINE vf cos(vf x) {
  const Quarter q = quarter_turns(x);
  return replace_far(x, sin_quarter(q.r, q.n + 1), [](float v) { return __builtin_cosf(v); });
}

// 2^(y log2 m + y e) for half a vector, as 2^n times a mantissa; double, since y log2 x needs 8 bits before the point.
QUERN_INLINE vd exp2_product(vd m, vd e, vd y, vd& n) {
  const vd s = (m - 1.0) / (m + 1.0), z = s * s;  // ln m = 2 artanh s
  vd p = z * (1.0 / 13) + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  vd t = y * (p * s * 2.8853900817779268 + e);
  t = t > 252.0 ? 252.0 - vd{} : t;
  t = t < -252.0 ? -252.0 - vd{} : t;
  n = (t + 0x1.8p52) - 0x1.8p52;
  const vd r = (t - n) * 0.6931471805599453;
  vd q = r * (1.0 / 5040) + 1.0 / 720;
  q = q * r + 1.0 / 120;
  q = q * r + 1.0 / 24;
  q = q * r + 1.0 / 6;
  q = q * r + 0.5;
  return q * r * r + r + 1.0;
}

// |x|^y, then the special cases of C99's pow, in rising precedence.
QUERN_INLINE vf pow(vf x, vf y) {
  const vf a = abs(x), size = abs(y), nan = set1(__builtin_nanf("")), one = set1(1.f);
  const Split s = split(a);
  const vf e = __builtin_convertvector(s.e, vf);
  vd n[2];
  const vd low = exp2_product(low_double(s.m), low_double(e), low_double(y), n[0]);
  const vd high = exp2_product(high_double(s.m), high_double(e), high_double(y), n[1]);
  vf r = scale_by_power_of_2(join_float(low, high), join_int(n[0], n[1]));

  const vi whole = __builtin_convertvector(select(size < 0x1p24f, y, y - y), vi);
  const vi is_whole = (size >= 0x1p24f) | (__builtin_convertvector(whole, vf) == y);
  r = select(a == infinity, select(y > 0.f, a, vf{}), r);
  r = select(a == 0.f, select(y > 0.f, a, set1(infinity)), r);
  r = select((as_int(x) < 0) & ((whole & 1) != 0) & is_whole, -r, r);
  r = select((x < 0.f) & (a < infinity) & ~is_whole, nan, r);
  r = select((a == 1.f) & (size == infinity), one, r);
  r = select((x != x) | (y != y), nan, r);
  return select((x == 1.f) | (y == 0.f), one, r);
}

}  // namespace quern::QUERN_ISA
