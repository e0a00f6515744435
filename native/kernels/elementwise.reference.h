// References of the elementwise ops with broadcasting: PyTorch's semantics, NaN included.
#pragma once
#include <cmath>
#include <type_traits>

#include "layout.reference.h"

namespace quern::reference {

// Φ(x), by erfc so that its lower tail keeps its digits.
template <class T>
T normal_cdf(T x) {
  return std::erfc(x * T(-0.70710678118654752)) / 2;
}
// (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 = sigmoid of twice that argument
template <class T>
T gelu_gate(T x) {
  const T u = T(0.79788456080286536) * (x + T(0.044715) * x * x * x);
  return 1 / (1 + std::exp(-2 * u));
}

template <class T>
T unary_value(Unary kind, T x) {
  switch (kind) {
    case Unary::identity:
      return x;
    case Unary::neg:
      return -x;
    case Unary::abs:
      return std::fabs(x);
    case Unary::sign:
      return x > 0 ? T(1) : x < 0 ? T(-1) : T(0);  // of NaN too, as in PyTorch
    case Unary::exp:
      return std::exp(x);
    case Unary::log:
      return std::log(x);
    case Unary::sqrt:
      return std::sqrt(x);
    case Unary::rsqrt:
      return 1 / std::sqrt(x);
    case Unary::square:
      return x * x;
    case Unary::reciprocal:
      return 1 / x;
    case Unary::sin:
      return std::sin(x);
    case Unary::cos:
      return std::cos(x);
    case Unary::tanh:
      return std::tanh(x);
    case Unary::sigmoid:
      return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
    case Unary::relu:
      return x <= 0 ? T(0) : x;
    case Unary::expm1:
      return std::expm1(x);
    case Unary::log1p:
      return std::log1p(x);
    case Unary::erf:
      return std::erf(x);
    case Unary::softplus:  // log(1 + e^x)
      return (x < 0 ? T(0) : x) + std::log1p(std::exp(-std::fabs(x)));
    case Unary::silu:
      return x * unary_value(Unary::sigmoid, x);
    case Unary::gelu:
      return x * normal_cdf(x);
    case Unary::gelu_tanh:
      return x * gelu_gate(x);
    case Unary::hardswish:
      return x * unary_value(Unary::hardsigmoid, x);
    case Unary::hardsigmoid:
      return x <= -3 ? T(0) : x >= 3 ? T(1) : (x + 3) / 6;
    case Unary::floor:
      return std::floor(x);
    case Unary::ceil:
      return std::ceil(x);
    case Unary::round:
      return std::nearbyint(x);
    case Unary::trunc:
      return std::trunc(x);
  }
  return x;
}

// Integers wrap; they have only these kinds.
template <class T>
T whole_value(Binary kind, T a, T b) {
  const u32 x = static_cast<u32>(a), y = static_cast<u32>(b);
  switch (kind) {
    case Binary::add:
      return static_cast<T>(x + y);
    case Binary::sub:
      return static_cast<T>(x - y);
    case Binary::mul:
      return static_cast<T>(x * y);
    case Binary::maximum:
      return a > b ? a : b;
    case Binary::minimum:
      return a < b ? a : b;
    default:
      return T(0);
  }
}

template <class T>
T float_value(Binary kind, T a, T b) {
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
      return std::pow(a, b);
    case Binary::maximum:
      return a != a || a > b ? a : b;
    case Binary::minimum:
      return a != a || a < b ? a : b;
    case Binary::relu_grad:
      return b <= 0 ? T(0) : a;
    case Binary::sigmoid_grad:
      return a * b * (1 - b);
    case Binary::tanh_grad:
      return a * (1 - b * b);
    case Binary::leaky_relu:
      return a > 0 ? a : a * b;
    case Binary::elu:
      return a > 0 ? a : b * std::expm1(a);
    case Binary::silu_grad: {
      const T s = unary_value(Unary::sigmoid, b);
      return a * s * (1 + b * (1 - s));
    }
    case Binary::gelu_grad:  // Φ(b) + b φ(b)
      return a * (normal_cdf(b) + b * T(0.39894228040143268) * std::exp(-b * b / 2));
    case Binary::gelu_tanh_grad: {
      const T s = gelu_gate(b), slope = T(1.5957691216057307) * (1 + T(0.134145) * b * b);
      return a * s * (1 + b * (1 - s) * slope);
    }
    case Binary::hardswish_grad:
      return b < -3 ? T(0) : b > 3 ? a : a * (b / 3 + T(0.5));
    case Binary::hardsigmoid_grad:
      return b > -3 && b < 3 ? a / 6 : T(0);
  }
  return a;
}

template <class T>
T binary_value(Binary kind, T a, T b) {
  if constexpr (std::is_floating_point_v<T>)
    return float_value(kind, a, b);
  else
    return whole_value(kind, a, b);
}

template <class T>
bool compare_value(Compare kind, T a, T b) {
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
  return false;
}

template <class T>
void unary(const args::unary<T>& u, Context&) {
  const auto kind = static_cast<Unary>(u.kind);
  for_each_index<2>(u.layout, u.rank, [&](const auto& at) { u.out[at[0]] = unary_value(kind, u.x[at[1]]); });
}

template <class T>
void binary(const args::binary<T>& b, Context&) {
  const auto kind = static_cast<Binary>(b.kind);
  for_each_index<3>(b.layout, b.rank,
                    [&](const auto& at) { b.out[at[0]] = binary_value(kind, b.a[at[1]], b.b[at[2]]); });
}

template <class T>
void add_relu(const args::add_relu<T>& r, Context&) {
  for (i64 i = 0; i < r.n; i++) {
    const T sum = r.a[i] + r.b[i];
    if (r.sum) r.sum[i] = sum;
    r.y[i] = unary_value(Unary::relu, sum);
  }
}

template <class T>
void scalar(const args::scalar<T>& s, Context&) {
  const auto kind = static_cast<Binary>(s.kind);
  const T value = static_cast<T>(s.value);
  for_each_index<2>(s.layout, s.rank, [&](const auto& at) {
    const T x = s.x[at[1]];
    s.out[at[0]] = s.reversed ? binary_value(kind, value, x) : binary_value(kind, x, value);
  });
}

template <class T>
void compare(const args::compare<T>& c, Context&) {
  const auto kind = static_cast<Compare>(c.kind);
  for_each_index<3>(c.layout, c.rank,
                    [&](const auto& at) { c.out[at[0]] = compare_value(kind, c.a[at[1]], c.b[at[2]]); });
}

template <class T>
void where(const args::where<T>& w, Context&) {
  for_each_index<4>(w.layout, w.rank,
                    [&](const auto& at) { w.out[at[0]] = w.condition[at[1]] ? w.a[at[2]] : w.b[at[3]]; });
}

template <class T>
void clamp(const args::clamp<T>& c, Context&) {
  const T low = static_cast<T>(c.low), high = static_cast<T>(c.high);
  for (i64 i = 0; i < c.n; i++) {
    const T x = c.x[i] < low ? low : c.x[i];
    c.out[i] = x > high ? high : x;
  }
}

}  // namespace quern::reference
