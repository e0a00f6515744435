// References of softmax and cross-entropy over the last dim of x (rows,columns), as in torch.nn.functional.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>

#include "reference.h"

namespace quern::reference {

// log Σ exp x, the maximum subtracted so that nothing overflows.
template <class T>
double log_sum_exp(const T* x, i64 columns) {
  double max = -std::numeric_limits<double>::infinity(), total = 0;
  for (i64 c = 0; c < columns; c++) max = x[c] > max || x[c] != x[c] ? x[c] : max;
  for (i64 c = 0; c < columns; c++) total += std::exp(x[c] - max);
  return max + std::log(total);
}

template <class T>
void softmax(const args::softmax<T>& s, Context&) {
  for (i64 r = 0; r < s.rows; r++) {
    const T* x = s.x + r * s.columns;
    const double lse = log_sum_exp(x, s.columns);
    for (i64 c = 0; c < s.columns; c++)
      s.out[r * s.columns + c] = static_cast<T>(s.log ? x[c] - lse : std::exp(x[c] - lse));
  }
}

// softmax: dx = y (dy - Σ dy y); its logarithm: dx = dy - exp(y) Σ dy
template <class T>
void softmax_backward(const args::softmax_backward<T>& s, Context&) {
  for (i64 r = 0; r < s.rows; r++) {
    const T *dy = s.dy + r * s.columns, *y = s.y + r * s.columns;
    double total = 0;
    for (i64 c = 0; c < s.columns; c++) total += s.log ? dy[c] : static_cast<double>(dy[c]) * y[c];
    for (i64 c = 0; c < s.columns; c++)
      s.dx[r * s.columns + c] = static_cast<T>(s.log ? dy[c] - std::exp(y[c]) * total : y[c] * (dy[c] - total));
  }
}

// loss = (1-ε) w_t (lse - x_t) + ε/C Σ_c w_c (lse - x_c) of a row with target t; mean divides by Σ w_t.
// dx_c = ((1-ε) w_t + ε/C Σ w) p_c - (1-ε) w_t [c = t] - ε/C w_c, where p = exp(x - lse); mean divides it too.
template <class T>
void cross_entropy(const args::cross_entropy<T>& e, Context&) {
  const auto weight = [&](i64 c) { return e.weight ? static_cast<double>(e.weight[c]) : 1.0; };
  const auto counts = [&](i32 t) { return t != e.ignore_index && t >= 0 && t < e.columns; };
  const double smooth = e.label_smoothing / std::max(e.columns, 1);
  double weights = 0, divisor = 0, sum = 0;
  for (i64 c = 0; c < e.columns && smooth > 0; c++) weights += weight(c);
  for (i64 r = 0; r < e.rows; r++)
    if (counts(e.target[r])) divisor += weight(e.target[r]);
  if (e.reduction != 1) divisor = 1;
  for (i64 r = 0; r < e.rows; r++) {
    const T* x = e.x + r * e.columns;
    const i32 t = e.target[r];
    const double lse = log_sum_exp(x, e.columns), hit = counts(t) ? (1 - e.label_smoothing) * weight(t) : 0;
    double loss = t == e.ignore_index ? 0 : std::numeric_limits<double>::quiet_NaN();
    if (counts(t)) loss = hit * (lse - x[t]);
    for (i64 c = 0; c < e.columns && counts(t) && smooth > 0; c++) loss += smooth * weight(c) * (lse - x[c]);
    for (i64 c = 0; c < e.columns && e.dx; c++) {
      const double other = smooth > 0 ? smooth * weight(c) : 0;
      const double dx = (hit + smooth * weights) * std::exp(x[c] - lse) - (c == t ? hit : 0) - other;
      e.dx[r * e.columns + c] = static_cast<T>(counts(t) ? dx / divisor : 0);
    }
    if (e.reduction == 0) e.loss[r] = static_cast<T>(loss);
    sum += loss;
  }
  if (e.reduction) e.loss[0] = static_cast<T>(sum / divisor);
}

}  // namespace quern::reference
