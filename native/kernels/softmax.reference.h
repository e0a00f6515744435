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
template <class T>
void cross_entropy(const args::cross_entropy<T>& e, Context&) {
  const double smooth = e.label_smoothing;
  double sum = 0, denominator = 0;
  for (i64 r = 0; r < e.rows; r++) {
    const T* x = e.x + r * e.columns;
    const double lse = log_sum_exp(x, e.columns);
    const i32 t = e.target[r];
    double loss = 0;
    if (t != e.ignore_index && (t < 0 || t >= e.columns)) {
      loss = std::numeric_limits<double>::quiet_NaN();
    } else if (t != e.ignore_index) {
      const auto weight = [&](i64 c) { return e.weight ? static_cast<double>(e.weight[c]) : 1.0; };
      loss = (1 - smooth) * weight(t) * (lse - x[t]);
      for (i64 c = 0; c < e.columns && smooth > 0; c++) loss += smooth / e.columns * weight(c) * (lse - x[c]);
      denominator += weight(t);
    }
    e.lse[r] = static_cast<T>(lse);
    if (e.reduction == 0) e.loss[r] = static_cast<T>(loss);
    sum += loss;
  }
  e.denominator[0] = static_cast<T>(denominator);
  if (e.reduction) e.loss[0] = static_cast<T>(e.reduction == 1 ? sum / denominator : sum);
}

// dx_c = dloss (((1-ε) w_t + ε/C Σ w) p_c - (1-ε) w_t [c = t] - ε/C w_c), where p = exp(x - lse)
template <class T>
void cross_entropy_backward(const args::cross_entropy_backward<T>& e, Context&) {
  const auto weight = [&](i64 c) { return e.weight ? static_cast<double>(e.weight[c]) : 1.0; };
  const double smooth = e.label_smoothing / std::max(e.columns, 1);
  double weights = 0;
  for (i64 c = 0; c < e.columns; c++) weights += weight(c);
  for (i64 r = 0; r < e.rows; r++) {
    const i32 t = e.target[r];
    const bool counts = t != e.ignore_index && t >= 0 && t < e.columns;
    const double dloss = e.reduction == 0 ? e.dloss[r] : e.reduction == 1 ? e.dloss[0] / e.denominator[0] : e.dloss[0];
    const double target_weight = counts ? (1 - e.label_smoothing) * weight(t) : 0;
    for (i64 c = 0; c < e.columns; c++) {
      const double p = std::exp(e.x[r * e.columns + c] - static_cast<double>(e.lse[r]));
      const double dx = (target_weight + smooth * weights) * p - (c == t ? target_weight : 0) - smooth * weight(c);
      e.dx[r * e.columns + c] = static_cast<T>(counts ? dloss * dx : 0);
    }
  }
}

}  // namespace quern::reference
