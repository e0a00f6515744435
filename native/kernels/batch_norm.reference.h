// References of batch normalisation. x, y, dx, dy (rows,c); mean, rstd, weight, bias (c)
#pragma once
#include <cmath>

#include "reference.h"

namespace quern::reference {

// mean = Σ x / rows, variance = Σ (x - mean)² / rows, rstd = 1 / √(variance + eps)
template <class T>
void batch_norm_stats(const args::batch_norm_stats<T>& p, Context&) {
  for (i64 c = 0; c < p.c; c++) {
    double mean = 0, squares = 0;
    for (i64 r = 0; r < p.rows; r++) mean += double(p.x[r * p.c + c]);
    mean /= p.rows;
    for (i64 r = 0; r < p.rows; r++) squares += (p.x[r * p.c + c] - mean) * (p.x[r * p.c + c] - mean);
    p.mean[c] = T(mean);
    p.rstd[c] = T(1 / std::sqrt(squares / p.rows + p.eps));
    if (p.running_count < 2) continue;
    p.running[0][c] = T((1 - p.momentum) * p.running[0][c] + p.momentum * mean);
    p.running[1][c] = T((1 - p.momentum) * p.running[1][c] + p.momentum * squares / (p.rows - 1));
  }
}

// y[i] = (x - mean) · rstd · weight + bias
template <class T, class Args>
T normalised(const Args& p, i64 i) {
  const i64 c = i % p.c;
  return (p.x[i] - p.mean[c]) * p.rstd[c] * (p.weight ? p.weight[c] : T(1)) + (p.bias ? p.bias[c] : T(0));
}

// y limited to [low, high]; NaN stays NaN
template <class T>
void batch_norm(const args::batch_norm<T>& p, Context&) {
  for (i64 i = 0; i < i64(p.rows) * p.c; i++) {
    const T y = normalised<T>(p, i);
    p.y[i] = y < p.low ? T(p.low) : y > p.high ? T(p.high) : y;
  }
}

// normal = batch norm of x, sum = normal + residual, y = max(0, sum); NaN stays NaN
template <class T>
void batch_norm_add(const args::batch_norm_add<T>& p, Context&) {
  for (i64 i = 0; i < i64(p.rows) * p.c; i++) {
    const T normal = normalised<T>(p, i), sum = normal + p.residual[i];
    if (p.normal) p.normal[i] = normal;
    if (p.sum) p.sum[i] = sum;
    if (p.y) p.y[i] = sum < 0 ? T(0) : sum;
  }
}

// dy[i], but 0 where y met a limit
template <class T>
T limited(const args::batch_norm_backward<T>& p, i64 i) {
  const bool from_below = p.low > -INFINITY && normalised<T>(p, i) <= p.low;
  const bool from_above = p.high < INFINITY && normalised<T>(p, i) >= p.high;
  return from_below || from_above ? T(0) : p.dy[i];
}

// With z = (x - mean) · rstd: dbias = Σ dy, dweight = Σ dy · z and dx = weight · rstd · dy, to which the dependence of
// mean and rstd on x adds - weight · rstd · (dbias + z · dweight) / rows.
template <class T>
void batch_norm_backward(const args::batch_norm_backward<T>& p, Context&) {
  for (i64 c = 0; c < p.c; c++) {
    const T mean = p.mean[c], rstd = p.rstd[c], scale = rstd * (p.weight ? p.weight[c] : T(1));
    double dweight = 0, dbias = 0;
    for (i64 i = c; i < i64(p.rows) * p.c; i += p.c) {
      dbias += double(limited(p, i));
      dweight += double(limited(p, i)) * (double(p.x[i]) - mean) * rstd;
    }
    if (p.dweight) p.dweight[c] = T(dweight);
    if (p.dbias) p.dbias[c] = T(dbias);
    if (!p.dx) continue;
    for (i64 i = c; i < i64(p.rows) * p.c; i += p.c) {
      const double through = p.training ? (dbias + (p.x[i] - mean) * rstd * dweight) / p.rows : 0;
      p.dx[i] = T(scale * (limited(p, i) - through));
    }
  }
}

}  // namespace quern::reference
