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

// The moments of some columns over rows [begin, end): deviations from the first row of each span cancel nothing.
struct ColumnMoments {
  const float* x;
  i64 c;
  Moments* out;

  template <int V>
  void run(i64 part, i64 column, i64 width, i64 begin, i64 end) const {
    Moments* moments = out + part * c + column;
    for (i64 i = 0; i < width; i++) moments[i] = {0, 0, 0};
    for (i64 row = begin; row < end; row += span) {
      const i64 n = min(span, end - row);
      const float* from = x + row * c + column;
      vf shift[V], sum[V] = {}, squares[V] = {};
      QUERN_UNROLL
      for (int v = 0; v < V; v++) shift[v] = load(from + v * W);
      for (i64 r = 0; r < n; r++, from += c) {
        prefetch(from + 16 * c, V * W);
        QUERN_UNROLL
        for (int v = 0; v < V; v++) {
          const vf d = load(from + v * W) - shift[v];
          sum[v] += d;
          squares[v] += d * d;
        }
      }
      for (i64 i = 0; i < width; i++) {
        const double s = sum[i / W][i % W], rest = squares[i / W][i % W] - s * s / n;
        moments[i].join(n, shift[i / W][i % W] + s / n, rest < 0 ? 0 : rest);
      }
    }
  }
};

// f(position, column, width) over all vectors of all rows
template <class F>
void for_elements(Context& context, i64 rows, i64 c, const F& f) {
  const i64 block = max<i64>(1, chunk / max<i64>(1, c));
  parallel_if(context, rows * c, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 row = task * block; row < min(rows, (task + 1) * block); row++)
      for (i64 column = 0; column < c; column += W) f(row * c + column, column, min<i64>(W, c - column));
  });
}

template <class Args>
void scale_of(const Args& p, float* scale) {
  for (i64 i = 0; i < p.c; i++) scale[i] = p.rstd[i] * (p.weight ? p.weight[i] : 1);
}

// (x - mean) · scale + bias
struct Affine {
  const float *x, *mean, *scale, *bias;
  QUERN_INLINE vf operator()(i64 at, i64 column) const {
    const vf shift = bias ? load(bias + column) : vf{};
    return (load(x + at) - load(mean + column)) * load(scale + column) + shift;
  }
};

}  // namespace

void batch_norm_stats(const args::batch_norm_stats<float>& p, Context& context) {
  const i64 parts = cut(p.rows).parts, c = p.c;
  Moments* moments = scratch<Moments>(context, parts * c + 1);
  if (!moments) return;
  for_parts(context, p.rows, c, ColumnMoments{p.x, c, moments});
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
  scale_of(p, scale);
  const Affine affine{p.x, p.mean, scale, p.bias};
  const float low = static_cast<float>(p.low), high = static_cast<float>(p.high);
  float* y = p.y;
  const auto write = [=](i64 at, i64 column, i64 width) { store_lanes(y + at, affine(at, column), width); };
  if (low == -infinity && high == infinity) return for_elements(context, p.rows, p.c, write);
  for_elements(context, p.rows, p.c, [=](i64 at, i64 column, i64 width) {
    store_lanes(y + at, min_or_b(set1(high), max_or_b(set1(low), affine(at, column))), width);
  });
}

namespace {

// `gradient` (at, column): dy, or what of it the limits let through
template <class F>
void backward(const args::batch_norm_backward<float>& p, Context& context, const F& gradient) {
  const i64 parts = cut(p.rows).parts, c = p.c, padded = round_up(c, W);
  Sums* sums = scratch<Sums>(context, parts * c + 1);        // z = x - mean
  float* factors = scratch<float>(context, 3 * padded + 1);  // dx = a · dy + b · (x - mean) + d
  if (!sums || !factors) return;
  const float *x = p.x, *mean = p.mean;
  column_sums(context, p.rows, c, sums, [=](i64 row, i64 column) -> Terms {
    const i64 at = row * c + column;
    return {gradient(at, column), load(x + at) - load(mean + column)};
  });
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
  float* dx = p.dx;
  const bool training = p.training;
  for_elements(context, p.rows, c, [=](i64 at, i64 column, i64 width) {
    vf value = load(a + column) * gradient(at, column);
    if (training) value += load(b + column) * (load(x + at) - load(mean + column)) + load(d + column);
    store_lanes(dx + at, value, width);
  });
}

}  // namespace

void batch_norm_backward(const args::batch_norm_backward<float>& p, Context& context) {
  const float* dy = p.dy;
  const auto plain = [=](i64 at, i64) { return load(dy + at); };
  if (p.low == -infinity && p.high == infinity) return backward(p, context, plain);
  float* scale = scratch<float>(context, p.c + 1);
  if (!scale) return;
  scale_of(p, scale);
  const Affine affine{p.x, p.mean, scale, p.bias};
  // Compared with NaN, which nothing meets, where there is no limit.
  const float low = p.low > -infinity ? static_cast<float>(p.low) : __builtin_nanf("");
  const float high = p.high < infinity ? static_cast<float>(p.high) : __builtin_nanf("");
  backward(p, context, [=](i64 at, i64 column) {
    const vf y = affine(at, column);
    return select((y <= low) | (y >= high), vf{}, load(dy + at));
  });
}

}  // namespace quern::QUERN_ISA
