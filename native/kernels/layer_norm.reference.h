// References of layer normalisation. x, y, dx, dy (rows,columns); mean, rstd (rows); weight, bias (columns)
#pragma once
#include <cmath>

#include "reference.h"

namespace quern::reference {

// mean = Σ x / columns, variance = Σ (x - mean)² / columns, rstd = 1 / √(variance + eps), y = (x - mean) · rstd ·
// weight + bias
template <class T>
void layer_norm(const args::layer_norm<T>& p, Context&) {
  for (i64 r = 0; r < p.rows; r++) {
    const T* x = p.x + r * p.columns;
    double mean = 0, squares = 0;
    for (i64 c = 0; c < p.columns; c++) mean += double(x[c]);
    mean /= p.columns;
    for (i64 c = 0; c < p.columns; c++) squares += (x[c] - mean) * (x[c] - mean);
    const double rstd = 1 / std::sqrt(squares / p.columns + p.eps);
    p.mean[r] = T(mean);
    p.rstd[r] = T(rstd);
    for (i64 c = 0; c < p.columns; c++) {
      const double z = (x[c] - mean) * rstd;
      p.y[r * p.columns + c] = T(z * (p.weight ? p.weight[c] : T(1)) + (p.bias ? p.bias[c] : T(0)));
    }
  }
}

// With z = (x - mean) · rstd and g = dy · weight: dweight = Σ dy · z and dbias = Σ dy over the rows, and along each row
// dx = rstd · (g - Σ g / columns - z · Σ g z / columns).
template <class T>
void layer_norm_backward(const args::layer_norm_backward<T>& p, Context&) {
  const i64 n = p.columns;
  const auto z = [&](i64 r, i64 c) { return (double(p.x[r * n + c]) - p.mean[r]) * p.rstd[r]; };
  const auto g = [&](i64 r, i64 c) { return double(p.dy[r * n + c]) * (p.weight ? p.weight[c] : T(1)); };
  for (i64 c = 0; c < n; c++) {
    double dweight = 0, dbias = 0;
    for (i64 r = 0; r < p.rows; r++) {
      dweight += double(p.dy[r * n + c]) * z(r, c);
      dbias += double(p.dy[r * n + c]);
    }
    if (p.dweight) p.dweight[c] = T(dweight);
    if (p.dbias) p.dbias[c] = T(dbias);
  }
  for (i64 r = 0; r < p.rows && p.dx; r++) {
    double sum = 0, product = 0;
    for (i64 c = 0; c < n; c++) {
      sum += g(r, c);
      product += g(r, c) * z(r, c);
    }
    for (i64 c = 0; c < n; c++) p.dx[r * n + c] = T(p.rstd[r] * (g(r, c) - sum / n - z(r, c) * product / n));
  }
}

}  // namespace quern::reference
