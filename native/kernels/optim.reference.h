// References of the optimisers: PyTorch's formulas, scalars computed in double and then rounded to T.
#pragma once
#include <cmath>
#include <limits>

#include "reference.h"

namespace quern::reference {

// ±g + wd p + l1 sign p, with - to maximise
template <class T, class Args>
T penalised(const Args& o, double weight_decay, T g, T p) {
  const T sign = static_cast<T>((p > 0) - (p < 0));
  return (o.maximize ? -g : g) + static_cast<T>(weight_decay) * p + static_cast<T>(o.l1) * sign;
}

// State that decays, 0 where it is denormal: it would stay so for good, and cost many times what other values do.
template <class T>
T decayed(T x) {
  return std::abs(x) < std::numeric_limits<T>::min() ? 0 : x;
}

// b = first ? g : momentum b + (1-dampening) g;  g = nesterov ? g + momentum b : b;  p -= lr g
template <class T>
void sgd(const args::sgd<T>& o, Context&) {
  const T lr = static_cast<T>(o.lr), momentum = static_cast<T>(o.momentum);
  const T undamped = static_cast<T>(1 - o.dampening);
  for (i32 t = 0; t < o.sizes_count; t++) {
    T *p = o.tensors[3 * t], *buffer = o.tensors[3 * t + 2];
    const T* gradient = o.tensors[3 * t + 1];
    for (i64 i = 0; i < o.sizes[t]; i++) {
      T g = penalised(o, o.weight_decay, gradient[i], p[i]);
      if (o.momentum != 0) {
        buffer[i] = o.first ? g : decayed(momentum * buffer[i] + undamped * g);
        g = o.nesterov ? g + momentum * buffer[i] : buffer[i];
      }
      p[i] -= lr * g;
    }
  }
}

// m = lerp(m, g, 1-β1);  v = β2 v + (1-β2) g²;  p -= lr/correction1 · m / (√v/√correction2 + eps)
// Weight decay is added to the gradient (Adam), or shrinks p first (decoupled: AdamW). amsgrad: the largest v so far.
template <class T>
void adam(const args::adam<T>& o, Context&) {
  const T shrink = static_cast<T>(o.decoupled ? 1 - o.lr * o.weight_decay : 1);
  const T step = static_cast<T>(o.lr / o.correction1), root = static_cast<T>(std::sqrt(o.correction2));
  const T new1 = static_cast<T>(1 - o.beta1), beta2 = static_cast<T>(o.beta2), new2 = static_cast<T>(1 - o.beta2);
  const T eps = static_cast<T>(o.eps);
  for (i32 t = 0; t < o.sizes_count; t++) {
    T *p = o.tensors[5 * t], *m = o.tensors[5 * t + 2], *v = o.tensors[5 * t + 3], *largest = o.tensors[5 * t + 4];
    const T* gradient = o.tensors[5 * t + 1];
    for (i64 i = 0; i < o.sizes[t]; i++) {
      p[i] *= shrink;
      const T g = penalised(o, o.decoupled ? 0 : o.weight_decay, gradient[i], p[i]);
      m[i] = decayed(m[i] + new1 * (g - m[i]));
      v[i] = decayed(beta2 * v[i] + new2 * g * g);
      if (o.amsgrad && !(largest[i] >= v[i])) largest[i] = v[i];
      p[i] -= step * m[i] / (std::sqrt(o.amsgrad ? largest[i] : v[i]) / root + eps);
    }
  }
}

// s += g²;  p -= lr g / (√s + eps)
template <class T>
void adagrad(const args::adagrad<T>& o, Context&) {
  const T lr = static_cast<T>(o.lr), eps = static_cast<T>(o.eps);
  for (i32 t = 0; t < o.sizes_count; t++) {
    T *p = o.tensors[3 * t], *sum = o.tensors[3 * t + 2];
    const T* gradient = o.tensors[3 * t + 1];
    for (i64 i = 0; i < o.sizes[t]; i++) {
      const T g = penalised(o, o.weight_decay, gradient[i], p[i]);
      sum[i] += g * g;
      p[i] -= lr * g / (std::sqrt(sum[i]) + eps);
    }
  }
}

// v = ρ v + (1-ρ) g²;  Δ = √(u + eps)/√(v + eps) g;  u = ρ u + (1-ρ) Δ²;  p -= lr Δ
template <class T>
void adadelta(const args::adadelta<T>& o, Context&) {
  const T lr = static_cast<T>(o.lr), rho = static_cast<T>(o.rho), fresh = static_cast<T>(1 - o.rho);
  const T eps = static_cast<T>(o.eps);
  for (i32 t = 0; t < o.sizes_count; t++) {
    T *p = o.tensors[4 * t], *v = o.tensors[4 * t + 2], *u = o.tensors[4 * t + 3];
    const T* gradient = o.tensors[4 * t + 1];
    for (i64 i = 0; i < o.sizes[t]; i++) {
      const T g = penalised(o, o.weight_decay, gradient[i], p[i]);
      v[i] = decayed(rho * v[i] + fresh * g * g);
      const T delta = std::sqrt(u[i] + eps) / std::sqrt(v[i] + eps) * g;
      u[i] = decayed(rho * u[i] + fresh * delta * delta);
      p[i] -= lr * delta;
    }
  }
}

// v = α v + (1-α) g²;  centered: a = α a + (1-α) g, v - a² in place of v;  d = g / (√v + eps);
// momentum: b = momentum b + d, b in place of d;  p -= lr d. v - a² is a variance: rounding must not make it negative.
template <class T>
void rmsprop(const args::rmsprop<T>& o, Context&) {
  const T lr = static_cast<T>(o.lr), alpha = static_cast<T>(o.alpha), fresh = static_cast<T>(1 - o.alpha);
  const T eps = static_cast<T>(o.eps), momentum = static_cast<T>(o.momentum);
  for (i32 t = 0; t < o.sizes_count; t++) {
    T *p = o.tensors[5 * t], *v = o.tensors[5 * t + 2], *b = o.tensors[5 * t + 3], *a = o.tensors[5 * t + 4];
    const T* gradient = o.tensors[5 * t + 1];
    for (i64 i = 0; i < o.sizes[t]; i++) {
      const T g = penalised(o, o.weight_decay, gradient[i], p[i]);
      v[i] = decayed(alpha * v[i] + fresh * g * g);
      T variance = v[i];
      if (o.centered) {
        a[i] = decayed(alpha * a[i] + fresh * g);
        variance -= a[i] * a[i];
        if (variance < 0) variance = 0;
      }
      T d = g / (std::sqrt(variance) + eps);
      if (o.momentum != 0) d = b[i] = decayed(momentum * b[i] + d);
      p[i] -= lr * d;
    }
  }
}

// norm = (Σ |g|^p)^(1/p), or max |g|;  g *= min(1, max_norm / (norm + 1e-6))
template <class T>
void clip_norm(const args::clip_norm<T>& o, Context&) {
  const bool largest = std::isinf(o.norm_type);
  double total = 0;
  for (i32 t = 0; t < o.sizes_count; t++)
    for (i64 i = 0; i < o.sizes[t]; i++) {
      const double size = std::fabs(o.tensors[t][i]);
      if (!largest)
        total += o.norm_type == 2 ? size * size : std::pow(size, o.norm_type);
      else if (size > total || size != size)
        total = size;
    }
  const double norm = largest ? total : o.norm_type == 2 ? std::sqrt(total) : std::pow(total, 1 / o.norm_type);
  *o.norm = static_cast<T>(norm);
  const double scale = o.max_norm / (norm + 1e-6);
  if (scale >= 1) return;
  for (i32 t = 0; t < o.sizes_count; t++)
    for (i64 i = 0; i < o.sizes[t]; i++) o.tensors[t][i] *= static_cast<T>(scale);
}

// g = max(-value, min(g, value))
template <class T>
void clip_value(const args::clip_value<T>& o, Context&) {
  const T value = static_cast<T>(o.value);
  for (i32 t = 0; t < o.sizes_count; t++)
    for (i64 i = 0; i < o.sizes[t]; i++) {
      T& g = o.tensors[t][i];
      if (g > value) g = value;
      if (g < -value) g = -value;
    }
}

}  // namespace quern::reference
