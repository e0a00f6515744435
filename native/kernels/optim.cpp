// Optimisers: one parallel loop over chunks of every parameter of the group, each element read and written once.
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

// f(tensor, begin, end) over the chunks of all tensors
template <class F>
void for_tensor_chunks(Context& context, const i32* sizes, i32 count, const F& f) {
  i64 elements = 0, chunks = 0;
  for (i32 t = 0; t < count; t++) {
    elements += sizes[t];
    chunks += ceil_div(sizes[t], chunk);
  }
  parallel_if(context, elements, chunks, [&](i64 task, int) {
    i32 t = 0;
    for (; task >= ceil_div(sizes[t], chunk); t++) task -= ceil_div(sizes[t], chunk);
    f(t, task * chunk, min<i64>(sizes[t], (task + 1) * chunk));
  });
}

QUERN_INLINE void store_lanes(float* p, vf v, i64 n) {
  if (n >= W)
    store(p, v);
  else
    store_first(p, v, static_cast<int>(n));
}

// See the reference for the formulas. kind: 0 no momentum, 1 momentum, 2 Nesterov's; `first` initialises the buffer.
template <int kind, bool first>
void sgd_chunk(const args::sgd<float>& o, i32 t, i64 begin, i64 end) {
  const float lr = static_cast<float>(o.lr), momentum = static_cast<float>(o.momentum);
  const float undamped = static_cast<float>(1 - o.dampening), decay = static_cast<float>(o.weight_decay);
  float *p = o.tensors[3 * t], *buffer = o.tensors[3 * t + 2];
  const float* gradient = o.tensors[3 * t + 1];
  for (i64 i = begin; i < end; i += W) {
    const vf w = load(p + i);
    vf g = load(gradient + i) + decay * w;
    if constexpr (kind != 0) {
      const vf b = first ? g : momentum * load(buffer + i) + undamped * g;
      store_lanes(buffer + i, b, end - i);
      g = kind == 2 ? g + momentum * b : b;
    }
    store_lanes(p + i, w - lr * g, end - i);
  }
}

}  // namespace

void sgd(const args::sgd<float>& o, Context& context) {
  const bool first = o.first != 0;
  const auto run = o.momentum == 0 ? sgd_chunk<0, false>
                   : o.nesterov    ? (first ? sgd_chunk<2, true> : sgd_chunk<2, false>)
                                   : (first ? sgd_chunk<1, true> : sgd_chunk<1, false>);
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end) { run(o, t, begin, end); });
}

void adam(const args::adam<float>& o, Context& context) {
  const float shrink = static_cast<float>(o.decoupled ? 1 - o.lr * o.weight_decay : 1);
  const float decay = static_cast<float>(o.decoupled ? 0 : o.weight_decay);
  const float step = static_cast<float>(o.lr / o.correction1), root = static_cast<float>(__builtin_sqrt(o.correction2));
  const float new1 = static_cast<float>(1 - o.beta1);
  const float beta2 = static_cast<float>(o.beta2), new2 = static_cast<float>(1 - o.beta2);
  const float eps = static_cast<float>(o.eps);
  // √v/root + eps in the denominator is (√v + eps·root)/root: one division instead of two.
  const float scaled_step = step * root, scaled_eps = eps * root;
  for_tensor_chunks(context, o.sizes, o.sizes_count, [&](i32 t, i64 begin, i64 end) {
    float *p = o.tensors[4 * t], *m = o.tensors[4 * t + 2], *v = o.tensors[4 * t + 3];
    const float* gradient = o.tensors[4 * t + 1];
    for (i64 i = begin; i < end; i += W) {
      const vf w = load(p + i) * shrink;
      const vf g = load(gradient + i) + decay * w;
      const vf m0 = load(m + i), m1 = m0 + new1 * (g - m0);
      const vf v1 = beta2 * load(v + i) + new2 * g * g;
      store_lanes(m + i, m1, end - i);
      store_lanes(v + i, v1, end - i);
      store_lanes(p + i, w - scaled_step * m1 / (sqrt(v1) + scaled_eps), end - i);
    }
  });
}

}  // namespace quern::QUERN_ISA
