// Batch normalisation over the rows of x (rows,c). Sums of a span of rows are kept in float, those of spans in double;
// how rows are cut depends on their number alone.
#include "rows.h"

namespace quern::QUERN_ISA {
namespace {

// Count, mean and Σ (x - mean)² of what has been seen, joined by Chan, Golub and LeVeque's rule.
struct Moments {
  double count, mean, squares;
  void join(double n, double m, double s) {
    const double total = count + n, delta = m - mean;
    mean += delta * (n / total);
    squares += s + delta * delta * (count * n / total);
    count = total;
  }
};

// The moments of one vector of columns over rows [begin, end): deviations from the first row of each span cancel
// nothing.
void column_moments(const float* x, i64 c, i64 begin, i64 end, Moments* out, i64 width) {
  for (i64 i = 0; i < width; i++) out[i] = {0, 0, 0};
  for (i64 row = begin; row < end; row += span) {
    const i64 n = min(span, end - row);
    const vf shift = load(x + row * c);
    vf sum{}, squares{};
    for (i64 r = row; r < row + n; r++) {
      const vf d = load(x + r * c) - shift;
      sum += d;
      squares += d * d;
    }
    for (i64 i = 0; i < width; i++) {
      const double s = sum[i], rest = squares[i] - s * s / n;
      out[i].join(n, shift[i] + s / n, rest < 0 ? 0 : rest);
    }
  }
}

// f(position, column, width) over all vectors of all rows
template <class F>
void for_elements(Context& context, i64 rows, i64 c, const F& f) {
  const i64 block = max<i64>(1, chunk / max<i64>(1, c));
  parallel_if(context, rows * c, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 row = task * block; row < min(rows, (task + 1) * block); row++)
      for (i64 column = 0; column < c; column += W) f(row * c + column, column, min<i64>(W, c - column));
  });
}

}  // namespace

void batch_norm_stats(const args::batch_norm_stats<float>& p, Context& context) {
  const i64 parts = cut(p.rows).parts, c = p.c;
  Moments* moments = scratch<Moments>(context, parts * c + 1);
  if (!moments) return;
  for_parts(context, p.rows, c, [&](i64 part, i64 column, i64 width, i64 begin, i64 end) {
    column_moments(p.x + column, c, begin, end, moments + part * c + column, width);
  });
  for (i64 i = 0; i < c; i++) {
    Moments all{0, 0, 0};
    for (i64 part = 0; part < parts; part++) {
      const Moments& m = moments[part * c + i];
      all.join(m.count, m.mean, m.squares);
    }
    p.mean[i] = static_cast<float>(all.mean);
    p.rstd[i] = static_cast<float>(1 / __builtin_sqrt(all.squares / p.rows + p.eps));
    if (p.running_count < 2) continue;
    float *mean = p.running[0] + i, *variance = p.running[1] + i;
    *mean = static_cast<float>((1 - p.momentum) * *mean + p.momentum * all.mean);
    *variance = static_cast<float>((1 - p.momentum) * *variance + p.momentum * all.squares / (p.rows - 1));
  }
}

void batch_norm(const args::batch_norm<float>& p, Context& context) {
  float* scale = scratch<float>(context, p.c + 1);
  if (!scale) return;
  for (i64 i = 0; i < p.c; i++) scale[i] = p.rstd[i] * (p.weight ? p.weight[i] : 1);
  const float *x = p.x, *mean = p.mean, *bias = p.bias;
  float* y = p.y;
  for_elements(context, p.rows, p.c, [=](i64 at, i64 column, i64 width) {
    const vf shift = bias ? load(bias + column) : vf{};
    store_lanes(y + at, (load(x + at) - load(mean + column)) * load(scale + column) + shift, width);
  });
}

void batch_norm_backward(const args::batch_norm_backward<float>& p, Context& context) {
  const i64 parts = cut(p.rows).parts, c = p.c;
  const i64 padded = round_up(c, W);
  Sums* sums = scratch<Sums>(context, parts * c + 1);        // z = x - mean
  float* factors = scratch<float>(context, 3 * padded + 1);  // dx = a · dy + b · (x - mean) + d
  if (!sums || !factors) return;
  column_sums(context, p.rows, c, p.dy, sums,
              [&](i64 row, i64 column) { return load(p.x + row * c + column) - load(p.mean + column); });
  float *a = factors, *b = a + padded, *d = b + padded;
  for (i64 i = 0; i < c; i++) {
    const auto [sum, product] = total(sums, parts, c, i);
    const double rstd = p.rstd[i], scale = rstd * (p.weight ? p.weight[i] : 1);
    if (p.dbias) p.dbias[i] = static_cast<float>(sum);
    if (p.dweight) p.dweight[i] = static_cast<float>(product * rstd);
    a[i] = static_cast<float>(scale);
    b[i] = p.training ? static_cast<float>(-scale * rstd * rstd * product / p.rows) : 0;
    d[i] = p.training ? static_cast<float>(-scale * sum / p.rows) : 0;
  }
  if (!p.dx) return;
  const float *x = p.x, *dy = p.dy, *mean = p.mean;
  float* dx = p.dx;
  const bool training = p.training;
  for_elements(context, p.rows, c, [=](i64 at, i64 column, i64 width) {
    vf value = load(a + column) * load(dy + at);
    if (training) value += load(b + column) * (load(x + at) - load(mean + column)) + load(d + column);
    store_lanes(dx + at, value, width);
  });
}

}  // namespace quern::QUERN_ISA
