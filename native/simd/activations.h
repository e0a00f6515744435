// The functions behind activations, on vectors: expm1, log1p, erf, the gates of GELU and SiLU and their slopes.
// expm1, log1p, erf and softplus stay within 3 ulp; the tails of erfc and GELU, through exp(-x²), within 4e-6 relative.
#pragma once
#include "math.h"

namespace quern::QUERN_ISA {

// Taylor's series near 0, where e^x - 1 cancels.
QUERN_INLINE vf expm1(vf x) {
  vf p = set1(1.f / 40320);
  p = p * x + 1.f / 5040;
  p = p * x + 1.f / 720;
  p = p * x + 1.f / 120;
  p = p * x + 1.f / 24;
  p = p * x + 1.f / 6;
  p = p * x + 0.5f;
  return select(abs(x) < 0.5f, p * (x * x) + x, exp(x) - 1.f);
}

// log u · x / (u - 1) with u = 1 + x rounded: the quotient repairs the rounding (Kahan).
QUERN_INLINE vf log1p(vf x) {
  const vf u = 1.f + x, y = log(u) * (x / (u - 1.f));
  return select((u == 1.f) | (u == infinity), x, y);
}

// log(1 + e^x)
QUERN_INLINE vf softplus(vf x) { return max_or_b(vf{}, x) + log1p(exp(-abs(x))); }

QUERN_INLINE vf erf_small(vf x) {  // |x| <= 1
  const vf z = x * x;
  vf p = set1(7.853861353153693e-5f);
  p = p * z - 8.010193625184903e-4f;
  p = p * z + 5.188327685732524e-3f;
  p = p * z - 2.685381193529856e-2f;
  p = p * z + 1.128358514861418e-1f;
  p = p * z - 3.761262582423300e-1f;
  p = p * z + 1.128379165726710f;
  return p * x;
}

// erfc a for a >= 1: exp(-a²) / a times a polynomial in 1 / a², one below 2 and one above.
QUERN_INLINE vf erfc_large(vf a) {
  const vf q = 1.f / a, z = q * q;
  vf p = set1(2.326819970068386e-2f);
  p = p * z - 1.387039388740657e-1f;
  p = p * z + 3.687424674597105e-1f;
  p = p * z - 5.824733027278666e-1f;
  p = p * z + 6.210004621745983e-1f;
  p = p * z - 4.944515323274145e-1f;
  p = p * z + 3.404879937665872e-1f;
  p = p * z - 2.741127028184656e-1f;
  p = p * z + 5.638259427386472e-1f;
  vf r = set1(-1.047766399936249e+1f);
  r = r * z + 1.297719955372516e+1f;
  r = r * z - 7.495518717768503f;
  r = r * z + 2.921019019210786f;
  r = r * z - 1.015265279202700f;
  r = r * z + 4.218463358204948e-1f;
  r = r * z - 2.820767439740514e-1f;
  r = r * z + 5.641895067754075e-1f;
  return exp(-a * a) * q * select(a < 2.f, p, r);
}

QUERN_INLINE vf erf(vf x) {
  const vf a = abs(x);
  return select(a >= 1.f, copy_sign(1.f - erfc_large(a), x), erf_small(x));
}

// Φ(x), by erfc so that its lower tail keeps its digits.
QUERN_INLINE vf normal_cdf(vf x) {
  const vf a = abs(x) * 0.70710678f;
  const vf half = 0.5f * select(a >= 1.f, erfc_large(a), 1.f - erf_small(a));
  return select(x < 0.f, half, 1.f - half);
}
// Φ(x) + x φ(x)
QUERN_INLINE vf gelu_slope(vf x) { return normal_cdf(x) + x * 0.39894228f * exp(x * x * -0.5f); }

// (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 = sigmoid of twice that argument
QUERN_INLINE vf gelu_gate(vf x) { return sigmoid(1.5957691f * (x + 0.044715f * x * x * x)); }
QUERN_INLINE vf gelu_tanh_slope(vf x) {
  const vf s = gelu_gate(x);
  return s * (1.f + x * (1.f - s) * (1.5957691f * (1.f + 0.134145f * x * x)));
}

QUERN_INLINE vf silu_slope(vf x) {
  const vf s = sigmoid(x);
  return s * (1.f + x * (1.f - s));
}

QUERN_INLINE vf hardsigmoid(vf x) {
  return select(x <= -3.f, vf{}, select(x >= 3.f, set1(1.f), (x + 3.f) * (1.f / 6)));
}

}  // namespace quern::QUERN_ISA
