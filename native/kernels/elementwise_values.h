// What the elementwise ops make of one vector of each operand.
#pragma once
#include "../simd/activations.h"
#include "isa.h"

namespace quern::QUERN_ISA {

template <Unary kind>
QUERN_INLINE vf unary_value(vf x) {
  switch (kind) {
    case Unary::identity:
      return x;
    case Unary::neg:
      return -x;
    case Unary::abs:
      return abs(x);
    case Unary::sign:
      return select(x > 0.f, set1(1.f), select(x < 0.f, set1(-1.f), vf{}));
    case Unary::exp:
      return exp(x);
    case Unary::log:
      return log(x);
    case Unary::sqrt:
      return sqrt(x);
    case Unary::rsqrt:
      return 1.f / sqrt(x);
    case Unary::square:
      return x * x;
    case Unary::reciprocal:
      return 1.f / x;
    case Unary::sin:
      return sin(x);
    case Unary::cos:
      return cos(x);
    case Unary::tanh:
      return tanh(x);
    case Unary::sigmoid:
      return sigmoid(x);
    case Unary::relu:
      return max_or_b(vf{}, x);
    case Unary::expm1:
      return expm1(x);
    case Unary::log1p:
      return log1p(x);
    case Unary::erf:
      return erf(x);
    case Unary::softplus:
      return softplus(x);
    case Unary::silu:
      return x * sigmoid(x);
    case Unary::gelu:
      return x * normal_cdf(x);
    case Unary::gelu_tanh:
      return x * gelu_gate(x);
    case Unary::hardswish:
      return x * hardsigmoid(x);
    case Unary::hardsigmoid:
      return hardsigmoid(x);
    case Unary::floor:
      return floor(x);
    case Unary::ceil:
      return -floor(-x);
    case Unary::round:
      return round_even(x);
    case Unary::trunc:
      return copy_sign(floor(abs(x)), x);
  }
}

template <Binary kind>
QUERN_INLINE vf binary_value(vf a, vf b) {
  switch (kind) {
    case Binary::add:
      return a + b;
    case Binary::sub:
      return a - b;
    case Binary::mul:
      return a * b;
    case Binary::div:
      return a / b;
    case Binary::pow:
      return pow(a, b);
    case Binary::maximum:
      return select(a != a, a, max_or_b(a, b));
    case Binary::minimum:
      return select(a != a, a, min_or_b(a, b));
    case Binary::relu_grad:
      return select(b <= 0.f, vf{}, a);
    case Binary::sigmoid_grad:
      return a * b * (1.f - b);
    case Binary::tanh_grad:
      return a * (1.f - b * b);
    case Binary::leaky_relu:
      return select(a > 0.f, a, a * b);
    case Binary::elu:
      return select(a > 0.f, a, b * expm1(a));
    case Binary::silu_grad:
      return a * silu_slope(b);
    case Binary::gelu_grad:
      return a * gelu_slope(b);
    case Binary::gelu_tanh_grad:
      return a * gelu_tanh_slope(b);
    case Binary::hardswish_grad:
      return select(b < -3.f, vf{}, select(b > 3.f, a, a * (b * (1.f / 3) + 0.5f)));
    case Binary::hardsigmoid_grad:
      return select((b > -3.f) & (b < 3.f), a * (1.f / 6), vf{});
  }
}

template <Compare kind>
QUERN_INLINE vi compare_value(vf a, vf b) {
  switch (kind) {
    case Compare::eq:
      return a == b;
    case Compare::ne:
      return a != b;
    case Compare::lt:
      return a < b;
    case Compare::le:
      return a <= b;
    case Compare::gt:
      return a > b;
    case Compare::ge:
      return a >= b;
  }
}

}  // namespace quern::QUERN_ISA
