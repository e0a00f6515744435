// Softmax and cross-entropy over rows, each row in cache for all its passes. x (rows,columns)
#include "rows.h"

namespace quern::QUERN_ISA {
namespace {

QUERN_INLINE float max_of_row(const float* x, i64 columns) {  // NaN may be missed: it surfaces in the sum
  constexpr int chains = 4;                                   // of comparisons, so that none waits for the one before
  vf best[chains];
  QUERN_UNROLL
  for (int i = 0; i < chains; i++) best[i] = set1(-infinity);
  i64 at = 0;
  for (; at + chains * W <= columns; at += chains * W) {
    QUERN_UNROLL
    for (int i = 0; i < chains; i++) best[i] = max_or_b(load(x + at + i * W), best[i]);
  }
  vf most = max_or_b(max_or_b(best[0], best[1]), max_or_b(best[2], best[3]));
  for_columns(
      columns - at, [&](i64 c) { most = max_or_b(load(x + at + c), most); },
      [&](i64 c, int n) { most = max_or_b(select(lanes_below(n), load(x + at + c), most), most); });
  return max_lanes(most);
}

// log Σ exp x
QUERN_INLINE float log_sum_exp(const float* x, i64 columns) {
  const float max = max_of_row(x, columns);
  return max + __builtin_logf(sum_columns(columns, [&](i64 c) {
           prefetch(x + columns + c, W);  // the next row
           return exp(load(x + c) - max);
         }));
}

float reduced_gradient(const args::cross_entropy_backward<float>& e) {
  return e.reduction == 1 ? e.dloss[0] / e.denominator[0] : e.reduction == 2 ? e.dloss[0] : 0.f;
}

// Loss of one row, or NaN if its target is no class; see the reference for the formula.
float row_loss(const args::cross_entropy<float>& e, i64 r, float lse) {
  const float* x = e.x + r * e.columns;
  const i32 t = e.target[r];
  if (t == e.ignore_index) return 0.f;
  if (t < 0 || t >= e.columns) return __builtin_nanf("");
  const float smooth = static_cast<float>(e.label_smoothing);
  const float loss = (1.f - smooth) * (e.weight ? e.weight[t] : 1.f) * (lse - x[t]);
  if (smooth == 0.f) return loss;
  return loss + smooth / static_cast<float>(e.columns) * sum_columns(e.columns, [&](i64 c) {
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
      const float sum = sum_columns(s.columns, [&](i64 c) { return exp(load(x + c) - max); });
      const float log_sum = __builtin_logf(sum);  // x - max first: their sum may lose it to rounding
      return map_columns(out, s.columns, [&](i64 c) { return (load(x + c) - max) - log_sum; });
    }
    vf total{};
    for_columns(
        s.columns,
        [&](i64 c) {
          const vf e = exp(load(x + c) - max);
          total += e;
          store(out + c, e);
        },
        [&](i64 c, int n) {
          const vf e = exp(load(x + c) - max);
          total += select(lanes_below(n), e, vf{});
          store_first(out + c, e, n);
        });
    const float scale = 1.f / sum_lanes(total);
    map_columns(out, s.columns, [&](i64 c) { return load(out + c) * scale; });
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
  for_matrix_rows(context, e.rows, e.columns, [&](i64 r) {
    e.lse[r] = log_sum_exp(e.x + r * e.columns, e.columns);
    losses[r] = row_loss(e, r, e.lse[r]);
  });
  double total = 0, weights = 0;
  for (i64 r = 0; r < e.rows; r++) {
    const i32 t = e.target[r];
    total += losses[r];
    if (t != e.ignore_index && t >= 0 && t < e.columns) weights += e.weight ? e.weight[t] : 1.f;
  }
  e.denominator[0] = static_cast<float>(weights);
  if (e.reduction) e.loss[0] = static_cast<float>(e.reduction == 1 ? total / weights : total);
}

void cross_entropy_backward(const args::cross_entropy_backward<float>& e, Context& context) {
  const float smooth = static_cast<float>(e.label_smoothing) / static_cast<float>(max(e.columns, 1));
  const float hit = 1.f - static_cast<float>(e.label_smoothing);
  float weights = static_cast<float>(e.columns);
  if (e.weight) weights = sum_columns(e.columns, [&](i64 c) { return load(e.weight + c); });
  const float shared = reduced_gradient(e);
  for_matrix_rows(context, e.rows, e.columns, [&](i64 r) {
    const float* x = e.x + r * e.columns;
    float* dx = e.dx + r * e.columns;
    const i32 t = e.target[r];
    if (t == e.ignore_index || t < 0 || t >= e.columns) return map_columns(dx, e.columns, [](i64) { return vf{}; });
    const float dloss = e.reduction == 0 ? e.dloss[r] : shared, lse = e.lse[r];
    const float target = dloss * hit * (e.weight ? e.weight[t] : 1.f), other = dloss * smooth;
    const float scale = target + other * weights;
    if (other == 0.f)
      map_columns(dx, e.columns, [&](i64 c) { return scale * exp(load(x + c) - lse); });
    else if (e.weight)
      map_columns(dx, e.columns, [&](i64 c) { return scale * exp(load(x + c) - lse) - other * load(e.weight + c); });
    else
      map_columns(dx, e.columns, [&](i64 c) { return scale * exp(load(x + c) - lse) - other; });
    dx[t] -= target;
  });
}

}  // namespace quern::QUERN_ISA
