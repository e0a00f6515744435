// Softmax and cross-entropy over rows, each row in cache for all its passes. x (rows,columns)
#include "rows.h"

namespace quern::QUERN_ISA {
namespace {

constexpr int side_by_side = 4;  // vectors of a row, so that none waits for the one before

QUERN_INLINE float max_of_row(const float* x, i64 columns) {  // NaN may be missed: it surfaces in the sum
  vf best[side_by_side];
  QUERN_UNROLL
  for (int i = 0; i < side_by_side; i++) best[i] = set1(-infinity);
  i64 at = 0;
  for (; at + side_by_side * W <= columns; at += side_by_side * W) {
    QUERN_UNROLL
    for (int i = 0; i < side_by_side; i++) best[i] = max_or_b(load(x + at + i * W), best[i]);
  }
  vf most = max_or_b(max_or_b(best[0], best[1]), max_or_b(best[2], best[3]));
  for_columns(
      columns - at, [&](i64 c) { most = max_or_b(load(x + at + c), most); },
      [&](i64 c, int n) { most = max_or_b(select(lanes_below(n), load(x + at + c), most), most); });
  return max_lanes(most);
}

// exp(x - max) · decay_unit of a row: their sum, and the last columns where they fill no vector. These stay in a
// register: what is stored in part is slow to load as a whole.
struct Exponentials {
  float sum;
  vf last;
};
// put(c, exponentials) for the others
template <class Put>
QUERN_INLINE Exponentials exponentials(const float* x, float max, i64 columns, const Put& put) {
  vf total[side_by_side] = {}, last{};
  i64 at = 0;
  for (; at + side_by_side * W <= columns; at += side_by_side * W) {
    prefetch(x + columns + at, side_by_side * W);  // the next row
    vf e[side_by_side];
    for_side_by_side<side_by_side>([&](int i) { e[i] = load(x + at + i * W) - max; });
    decay(e);
    for_side_by_side<side_by_side>([&](int i) { total[i] += e[i], put(at + i * W, e[i]); });
  }
  for_columns(
      columns - at,
      [&](i64 c) {
        const vf e = decay(load(x + at + c) - max);
        total[0] += e;
        put(at + c, e);
      },
      [&](i64 c, int n) {
        last = decay(load(x + at + c) - max);
        total[1] += select(lanes_below(n), last, vf{});
      });
  return {sum_lanes((total[0] + total[1]) + (total[2] + total[3])), last};
}
QUERN_INLINE Exponentials exp_row(float* out, const float* x, float max, i64 columns) {
  return exponentials(x, max, columns, [&](i64 c, vf e) { store(out + c, e); });
}
QUERN_INLINE float sum_exp(const float* x, float max, i64 columns) {
  return exponentials(x, max, columns, [](i64, vf) {}).sum / decay_unit;
}
// out[c] = value(exponential, c)
template <class F>
QUERN_INLINE void map_exp(float* out, vf last, i64 columns, const F& value) {
  for_columns(
      columns, [&](i64 c) { store(out + c, value(load(out + c), c)); },
      [&](i64 c, int n) { store_first(out + c, value(last, c), n); });
}

// What the rows of a cross-entropy have in common.
struct Shares {
  float hit, other;  // of the target in its class, and in every class
  float weights;     // Σ over the classes, where `other` is not 0
  float row;         // of a row's gradient in that of the loss
};

bool counts(const args::cross_entropy<float>& e, i32 t) { return t != e.ignore_index && t >= 0 && t < e.columns; }

// dx = gradient of a row with target t, times its share.
QUERN_INLINE void row_gradient(const args::cross_entropy<float>& e, const Shares& s, float* dx, i32 t,
                               const Exponentials& p) {
  const float target = s.row * s.hit * (e.weight ? e.weight[t] : 1.f), other = s.row * s.other;
  const float scale = (target + other * s.weights) / p.sum;
  if (e.weight && other != 0.f)
    map_exp(dx, p.last, e.columns, [&](vf y, i64 c) { return scale * y - other * load(e.weight + c); });
  else
    map_exp(dx, p.last, e.columns, [&](vf y, i64) { return scale * y - other; });
  dx[t] -= target;
}

// Loss of row r, NaN if its target is no class, and its gradient if wanted; see the reference for the formulas.
float row_loss(const args::cross_entropy<float>& e, const Shares& s, i64 r) {
  const float* x = e.x + r * e.columns;
  float* dx = e.dx ? e.dx + r * e.columns : nullptr;
  const i32 t = e.target[r];
  if (!counts(e, t)) {
    if (dx) map_columns(dx, e.columns, [](i64) { return vf{}; });
    return t == e.ignore_index ? 0.f : __builtin_nanf("");
  }
  const float max = max_of_row(x, e.columns);
  float sum;
  if (dx) {
    const Exponentials p = exp_row(dx, x, max, e.columns);
    row_gradient(e, s, dx, t, p);
    sum = p.sum / decay_unit;
  } else {
    sum = sum_exp(x, max, e.columns);
  }
  const float lse = max + __builtin_logf(sum);
  const float loss = s.hit * (e.weight ? e.weight[t] : 1.f) * (lse - x[t]);
  if (s.other == 0.f) return loss;
  return loss + s.other * sum_columns(e.columns, [&](i64 c) {
                  const vf nll = lse - load(x + c);
                  return e.weight ? nll * load(e.weight + c) : nll;
                });
}

}  // namespace

void softmax(const args::softmax<float>& s, Context& context) {
  for_matrix_rows(context, s.rows, s.columns, [&](i64 r) {
    const float* x = s.x + r * s.columns;
    float* out = s.out + r * s.columns;
    const float max = max_of_row(x, s.columns);
    if (s.log) {
      const float log_sum = __builtin_logf(sum_exp(x, max, s.columns));
      return map_columns(out, s.columns, [&](i64 c) {
        return (load(x + c) - max) - log_sum;  // x - max first: their sum may lose it to rounding
      });
    }
    const Exponentials e = exp_row(out, x, max, s.columns);
    const float scale = 1.f / e.sum;
    map_exp(out, e.last, s.columns, [&](vf y, i64) { return y * scale; });
  });
}

void softmax_backward(const args::softmax_backward<float>& s, Context& context) {
  for_matrix_rows(context, s.rows, s.columns, [&](i64 r) {
    const float *dy = s.dy + r * s.columns, *y = s.y + r * s.columns;
    float* dx = s.dx + r * s.columns;
    if (s.log) {
      const float total = sum_columns(s.columns, [&](i64 c) { return load(dy + c); });
      map_columns(dx, s.columns, [&](i64 c) { return load(dy + c) - exp(load(y + c)) * total; });
    } else {
      const float total = sum_columns(s.columns, [&](i64 c) { return load(dy + c) * load(y + c); });
      map_columns(dx, s.columns, [&](i64 c) { return load(y + c) * (load(dy + c) - total); });
    }
  });
}

void cross_entropy(const args::cross_entropy<float>& e, Context& context) {
  float* losses = e.reduction == 0 ? e.loss : scratch<float>(context, max(e.rows, 1));
  if (!losses) return;
  double divisor = 1;
  if (e.reduction == 1) {
    divisor = 0;
    for (i64 r = 0; r < e.rows; r++)
      if (const i32 t = e.target[r]; counts(e, t)) divisor += e.weight ? e.weight[t] : 1.f;
  }
  const float smoothing = static_cast<float>(e.label_smoothing), columns = static_cast<float>(max(e.columns, 1));
  Shares s{1.f - smoothing, smoothing / columns, 0, 1.f / static_cast<float>(divisor)};
  if (s.other != 0.f)
    s.weights = e.weight ? sum_columns(e.columns, [&](i64 c) { return load(e.weight + c); }) : columns;
  for_matrix_rows(context, e.rows, e.columns, [&](i64 r) { losses[r] = row_loss(e, s, r); });
  if (e.reduction == 0) return;
  double total = 0;
  for (i64 r = 0; r < e.rows; r++) total += losses[r];
  e.loss[0] = static_cast<float>(total / divisor);
}

}  // namespace quern::QUERN_ISA
