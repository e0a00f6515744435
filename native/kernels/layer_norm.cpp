// Layer normalisation: each row of x (rows,columns) by its own mean and variance, in cache for all its passes.
#include "rows.h"

namespace quern::QUERN_ISA {
namespace {

constexpr i64 stretch = 2048;  // columns that are summed in float

// Σ value(c), the sums of stretches in double
template <class F>
QUERN_INLINE double sum_long(i64 columns, const F& value) {
  double sum = 0;
  for (i64 at = 0; at < columns; at += stretch)
    sum += sum_columns(min(stretch, columns - at), [&](i64 c) { return value(at + c); });
  return sum;
}

}  // namespace

void layer_norm(const args::layer_norm<float>& p, Context& context) {
  const i64 n = p.columns;
  for_matrix_rows(context, p.rows, n, [&](i64 r) {
    const float* x = p.x + r * n;
    const float first = x[0];  // deviations from it cancel nothing
    const auto deviation = [&](i64 c) { return load(x + c) - first; };
    const double mean = sum_long(n, deviation) / n;
    const float shift = static_cast<float>(mean);
    const double squares = sum_long(n, [&](i64 c) {
      const vf d = deviation(c) - shift;
      return d * d;
    });
    const float rstd = static_cast<float>(1 / __builtin_sqrt(squares / n + p.eps));
    p.mean[r] = static_cast<float>(first + mean);
    p.rstd[r] = rstd;
    map_columns(p.y + r * n, n, [&](i64 c) {
      vf y = (deviation(c) - shift) * rstd;
      if (p.weight) y *= load(p.weight + c);
      return p.bias ? y + load(p.bias + c) : y;
    });
  });
}

void layer_norm_backward(const args::layer_norm_backward<float>& p, Context& context) {
  const i64 n = p.columns, parts = cut(p.rows).parts;
  if (p.dweight || p.dbias) {
    Sums* sums = scratch<Sums>(context, parts * n + 1);
    if (!sums) return;
    column_sums(context, p.rows, n, sums, [&](i64 r, i64 c) -> Terms {
      return {load(p.dy + r * n + c), (load(p.x + r * n + c) - p.mean[r]) * p.rstd[r]};
    });
    for (i64 c = 0; c < n; c++) {
      const auto [sum, product] = total(sums, parts, n, c);
      if (p.dweight) p.dweight[c] = static_cast<float>(product);
      if (p.dbias) p.dbias[c] = static_cast<float>(sum);
    }
  }
  if (!p.dx) return;
  for_matrix_rows(context, p.rows, n, [&](i64 r) {
    const float *x = p.x + r * n, *dy = p.dy + r * n, mean = p.mean[r], rstd = p.rstd[r];
    const auto z = [&](i64 c) { return (load(x + c) - mean) * rstd; };
    const auto g = [&](i64 c) { return p.weight ? load(dy + c) * load(p.weight + c) : load(dy + c); };
    const float sum = static_cast<float>(sum_long(n, g) / n);
    const float product = static_cast<float>(sum_long(n, [&](i64 c) { return g(c) * z(c); }) / n);
    map_columns(p.dx + r * n, n, [&](i64 c) { return (g(c) - sum - z(c) * product) * rstd; });
  });
}

}  // namespace quern::QUERN_ISA
