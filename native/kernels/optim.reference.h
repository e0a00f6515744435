// References of the optimisers: PyTorch's formulas, scalars computed in double and then rounded to T.
#pragma once
#include <cmath>

#include "reference.h"

namespace quern::reference {

// g += wd p;  b = first ? g : momentum b + (1-dampening) g;  g = nesterov ? g + momentum b : b;  p -= lr g
template <class T>
void sgd(const args::sgd<T>& o, Context&) {
  const T lr = static_cast<T>(o.lr), momentum = static_cast<T>(o.momentum), decay = static_cast<T>(o.weight_decay);
  const T undamped = static_cast<T>(1 - o.dampening);
  for (i32 t = 0; t < o.sizes_count; t++) {
    T *p = o.tensors[3 * t], *buffer = o.tensors[3 * t + 2];
    const T* gradient = o.tensors[3 * t + 1];
    for (i64 i = 0; i < o.sizes[t]; i++) {
      T g = gradient[i] + decay * p[i];
      if (o.momentum != 0) {
        buffer[i] = o.first ? g : momentum * buffer[i] + undamped * g;
        g = o.nesterov ? g + momentum * buffer[i] : buffer[i];
      }
      p[i] -= lr * g;
    }
  }
}

// m = lerp(m, g, 1-β1);  v = β2 v + (1-β2) g²;  p -= lr/correction1 · m / (√v/√correction2 + eps)
// Weight decay is added to the gradient (Adam), or shrinks p first (decoupled: AdamW).
template <class T>
void adam(const args::adam<T>& o, Context&) {
  const T shrink = static_cast<T>(o.decoupled ? 1 - o.lr * o.weight_decay : 1);
  const T decay = static_cast<T>(o.decoupled ? 0 : o.weight_decay);
  const T step = static_cast<T>(o.lr / o.correction1), root = static_cast<T>(std::sqrt(o.correction2));
  const T new1 = static_cast<T>(1 - o.beta1), beta2 = static_cast<T>(o.beta2), new2 = static_cast<T>(1 - o.beta2);
  const T eps = static_cast<T>(o.eps);
  for (i32 t = 0; t < o.sizes_count; t++) {
    T *p = o.tensors[4 * t], *m = o.tensors[4 * t + 2], *v = o.tensors[4 * t + 3];
    const T* gradient = o.tensors[4 * t + 1];
    for (i64 i = 0; i < o.sizes[t]; i++) {
      p[i] *= shrink;
      const T g = gradient[i] + decay * p[i];
      m[i] += new1 * (g - m[i]);
      v[i] = beta2 * v[i] + new2 * g * g;
      p[i] -= step * m[i] / (std::sqrt(v[i]) / root + eps);
    }
  }
}

}  // namespace quern::reference
