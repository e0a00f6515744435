// Optimisers: one parallel loop over chunks of every parameter of the group, each element read and written once.
#include "../simd/math.h"
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

i64 chunk_count(const i32* sizes, i32 count) {
  i64 chunks = 0;
  for (i32 t = 0; t < count; t++) chunks += ceil_div(sizes[t], chunk);
  return chunks;
}

// f(tensor, begin, end, task) over the chunks of all tensors
template <class F>
void for_tensor_chunks(Context& context, const i32* sizes, i32 count, const F& f) {
  i64 elements = 0;
  for (i32 t = 0; t < count; t++) elements += sizes[t];
  parallel_if(context, elements, chunk_count(sizes, count), [&](i64 task, int) {
    i32 t = 0;
    i64 part = task;
    for (; part >= ceil_div(sizes[t], chunk); t++) part -= ceil_div(sizes[t], chunk);
    f(t, part * chunk, min<i64>(sizes[t], (part + 1) * chunk), task);
  });
}

// What is followed in place of the gradient: ±g + decay p + l1 sign p.
struct Penalty {
  float sign, decay, l1;

  template <class Args>
  explicit Penalty(const Args& o, bool decays = true)
      : sign(o.maximize ? -1.f : 1.f),
        decay(decays ? static_cast<float>(o.weight_decay) : 0.f),
        l1(static_cast<float>(o.l1)) {}

  QUERN_INLINE vf operator()(vf g, vf p) const {
    return (sign * g + decay * p) + select(p == 0.f, vf{}, copy_sign(set1(l1), p));
  }
};

// How far ahead a tensor of so many elements is fetched from a chunk that ends there.
i64 ahead_of(i64 end, i64 size) { return end + far_ahead <= size ? far_ahead : 0; }

// State that decays, 0 where it is denormal: it would stay so for good, since 0.9 of the least float rounds to itself,
// and cost many times what other values do.
QUERN_INLINE vf decayed(vf x) { return select((as_int(x) & 0x7f800000) == 0, vf{}, x); }

// See the reference for the formulas. kind: 0 no momentum, 1 momentum, 2 Nesterov's; `first` initialises the buffer.
template <int kind, bool first>
void sgd_chunk(const args::sgd<float>& o, i32 t, i64 begin, i64 end) {
  const float lr = static_cast<float>(o.lr), momentum = static_cast<float>(o.momentum);
  const float undamped = static_cast<float>(1 - o.dampening);
  const Penalty penalised(o);
  const i64 ahead = ahead_of(end, o.sizes[t]);
  float *p = o.tensors[3 * t], *buffer = o.tensors[3 * t + 2];
  const Stream weights{p, ahead}, gradient{o.tensors[3 * t + 1], ahead}, last{buffer, ahead};
  for (i64 i = begin; i < end; i += W) {
    const vf w = weights(i);
    vf g = penalised(gradient(i), w);
    if constexpr (kind != 0) {
      const vf b = first ? g : decayed(momentum * last(i) + undamped * g);
      store_lanes(buffer + i, b, end - i);
      g = kind == 2 ? g + momentum * b : b;
    }
    store_lanes(p + i, w - lr * g, end - i);
  }
}

template <bool amsgrad>
void adam_chunk(const args::adam<float>& o, i32 t, i64 begin, i64 end) {
  const float shrink = static_cast<float>(o.decoupled ? 1 - o.lr * o.weight_decay : 1);
  const float step = static_cast<float>(o.lr / o.correction1), root = static_cast<float>(__builtin_sqrt(o.correction2));
  const float new1 = static_cast<float>(1 - o.beta1);
  const float beta2 = static_cast<float>(o.beta2), new2 = static_cast<float>(1 - o.beta2);
  const float eps = static_cast<float>(o.eps);
  const Penalty penalised(o, !o.decoupled);
  // √v/root + eps in the denominator is (√v + eps·root)/root: one division instead of two.
  const float scaled_step = step * root, scaled_eps = eps * root;
  const i64 ahead = ahead_of(end, o.sizes[t]);
  float *p = o.tensors[5 * t], *m = o.tensors[5 * t + 2], *v = o.tensors[5 * t + 3], *largest = o.tensors[5 * t + 4];
  const Stream weights{p, ahead}, gradient{o.tensors[5 * t + 1], ahead}, first{m, ahead}, second{v, ahead};
  for (i64 i = begin; i < end; i += W) {
    const vf w = weights(i) * shrink;
    const vf g = penalised(gradient(i), w);
    const vf m0 = first(i), m1 = decayed(m0 + new1 * (g - m0));
    const vf v1 = decayed(beta2 * second(i) + new2 * g * g);
    vf size = v1;
    if constexpr (amsgrad) {
      size = max_or_b(load(largest + i), v1);
      store_lanes(largest + i, size, end - i);
    }
    store_lanes(m + i, m1, end - i);
    store_lanes(v + i, v1, end - i);
    store_lanes(p + i, w - scaled_step * m1 / (sqrt(size) + scaled_eps), end - i);
  }
}

template <bool with_momentum, bool centered>
void rmsprop_chunk(const args::rmsprop<float>& o, i32 t, i64 begin, i64 end) {
  const float lr = static_cast<float>(o.lr), momentum = static_cast<float>(o.momentum);
  const float alpha = static_cast<float>(o.alpha), fresh = static_cast<float>(1 - o.alpha);
  const float eps = static_cast<float>(o.eps);
  const Penalty penalised(o);
  float *p = o.tensors[5 * t], *v = o.tensors[5 * t + 2], *b = o.tensors[5 * t + 3], *a = o.tensors[5 * t + 4];
  const float* gradient = o.tensors[5 * t + 1];
  for (i64 i = begin; i < end; i += W) {
    const vf w = load(p + i), g = penalised(load(gradient + i), w);
    const vf v1 = decayed(alpha * load(v + i) + fresh * g * g);
    store_lanes(v + i, v1, end - i);
    vf variance = v1;
    if constexpr (centered) {
      const vf a1 = decayed(alpha * load(a + i) + fresh * g);
      store_lanes(a + i, a1, end - i);
      variance = max_or_b(vf{}, v1 - a1 * a1);
    }
    vf d = g / (sqrt(variance) + eps);
    if constexpr (with_momentum) {
      d = decayed(momentum * load(b + i) + d);
      store_lanes(b + i, d, end - i);
    }
    store_lanes(p + i, w - lr * d, end - i);
  }
}

// Σ |g|^p over n elements, or max |g|: short float sums in lanes, double across them. Lanes past the end count as 0.
template <class F>
double size_of(const float* g, i64 n, bool largest, const F& size) {
  constexpr i64 run = 64 * W;
  double total = 0;
  for (i64 begin = 0; begin < n; begin += run) {
    vf lanes = {};
    for (i64 i = begin; i < min(n, begin + run); i += W) {
      const vf x = size(select(lanes_below(n - i), load(g + i), vf{}));
      lanes = largest ? select(x != x, x, max_or_b(x, lanes)) : lanes + x;
    }
    if (!largest)
      total += static_cast<double>(sum_lanes(lanes));
    else if (const float top = any(lanes != lanes) ? __builtin_nanf("") : max_lanes(lanes); top > total || top != top)
      total = static_cast<double>(top);
  }
  return total;
}

double size_of(const float* g, i64 n, double norm_type) {
  if (norm_type == 2) return size_of(g, n, false, [](vf x) { return x * x; });
  const bool largest = norm_type == __builtin_inf();
  if (largest || norm_type == 1) return size_of(g, n, largest, [](vf x) { return abs(x); });
  const vf exponent = set1(static_cast<float>(norm_type));
  return size_of(g, n, false, [&](vf x) { return pow(abs(x), exponent); });
}

}  // namespace

void sgd(const args::sgd<float>& o, Context& context) {
  const bool first = o.first != 0;
  const auto run = o.momentum == 0 ? sgd_chunk<0, false>
                   : o.nesterov    ? (first ? sgd_chunk<2, true> : sgd_chunk<2, false>)
                                   : (first ? sgd_chunk<1, true> : sgd_chunk<1, false>);
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end, i64) { run(o, t, begin, end); });
}

void adam(const args::adam<float>& o, Context& context) {
  const auto run = o.amsgrad ? adam_chunk<true> : adam_chunk<false>;
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end, i64) { run(o, t, begin, end); });
}

void adagrad(const args::adagrad<float>& o, Context& context) {
  const float lr = static_cast<float>(o.lr), eps = static_cast<float>(o.eps);
  const Penalty penalised(o);
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end, i64) {
    float *p = o.tensors[3 * t], *sum = o.tensors[3 * t + 2];
    const float* gradient = o.tensors[3 * t + 1];
    for (i64 i = begin; i < end; i += W) {
      const vf w = load(p + i), g = penalised(load(gradient + i), w), s = load(sum + i) + g * g;
      store_lanes(sum + i, s, end - i);
      store_lanes(p + i, w - lr * g / (sqrt(s) + eps), end - i);
    }
  });
}

void adadelta(const args::adadelta<float>& o, Context& context) {
  const float lr = static_cast<float>(o.lr), eps = static_cast<float>(o.eps);
  const float rho = static_cast<float>(o.rho), fresh = static_cast<float>(1 - o.rho);
  const Penalty penalised(o);
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end, i64) {
    float *p = o.tensors[4 * t], *v = o.tensors[4 * t + 2], *u = o.tensors[4 * t + 3];
    const float* gradient = o.tensors[4 * t + 1];
    for (i64 i = begin; i < end; i += W) {
      const vf w = load(p + i), g = penalised(load(gradient + i), w), u0 = load(u + i);
      const vf v1 = decayed(rho * load(v + i) + fresh * g * g);
      const vf delta = sqrt(u0 + eps) / sqrt(v1 + eps) * g;
      store_lanes(v + i, v1, end - i);
      store_lanes(u + i, decayed(rho * u0 + fresh * delta * delta), end - i);
      store_lanes(p + i, w - lr * delta, end - i);
    }
  });
}

void rmsprop(const args::rmsprop<float>& o, Context& context) {
  const auto run = o.momentum == 0 ? (o.centered ? rmsprop_chunk<false, true> : rmsprop_chunk<false, false>)
                                   : (o.centered ? rmsprop_chunk<true, true> : rmsprop_chunk<true, false>);
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end, i64) { run(o, t, begin, end); });
}

void clip_norm(const args::clip_norm<float>& o, Context& context) {
  const i64 chunks = chunk_count(o.sizes, o.sizes_count);
  double* partial = scratch<double>(context, max<i64>(1, chunks));
  if (!partial) return;
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end, i64 task) {
    partial[task] = size_of(o.tensors[t] + begin, end - begin, o.norm_type);
  });
  const bool largest = o.norm_type == __builtin_inf();
  double total = 0;
  for (i64 k = 0; k < chunks; k++) {
    if (!largest)
      total += partial[k];
    else if (partial[k] > total || partial[k] != partial[k])
      total = partial[k];
  }
  const double norm = largest            ? total
                      : o.norm_type == 2 ? __builtin_sqrt(total)
                                         : __builtin_pow(total, 1 / o.norm_type);
  *o.norm = static_cast<float>(norm);
  const double ratio = o.max_norm / (norm + 1e-6);
  if (ratio >= 1) return;
  const float scale = static_cast<float>(ratio);
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end, i64) {
    float* g = o.tensors[t];
    for (i64 i = begin; i < end; i += W) store_lanes(g + i, load(g + i) * scale, end - i);
  });
}

void clip_value(const args::clip_value<float>& o, Context& context) {
  const float value = static_cast<float>(o.value);
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end, i64) {
    float* g = o.tensors[t];
    for (i64 i = begin; i < end; i += W) {
      // In this order NaN comes through.
      store_lanes(g + i, max_or_b(set1(-value), min_or_b(set1(value), load(g + i))), end - i);
    }
  });
}

}  // namespace quern::QUERN_ISA
