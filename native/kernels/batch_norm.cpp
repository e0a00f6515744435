// Batch normalisation over the rows of x (rows,c).
#include "moments.h"

namespace quern::QUERN_ISA {
namespace {

// out(rows,c) = value(position, column)
template <class F>
void write_elements(Context& context, float* out, i64 rows, i64 c, const F& value) {
  const i64 block = max<i64>(1, chunk / max<i64>(1, c));
  const bool streams = streams_past_caches(out, rows, c);
  parallel_if(context, rows * c, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 row = task * block; row < min(rows, (task + 1) * block); row++) {
      const i64 at = row * c;
      if (streams)
        for (i64 column = 0; column < c; column += W) stream(out + at + column, value(at + column, column));
      else
        for (i64 column = 0; column < c; column += W)
          store_lanes(out + at + column, value(at + column, column), c - column);
    }
    if (streams) end_streams();
  });
}

template <class Args>
void scale_of(const Args& p, float* scale) {
  for (i64 i = 0; i < p.c; i++) scale[i] = p.rstd[i] * (p.weight ? p.weight[i] : 1);
}

// `size` elements of rows, fetched far ahead.
struct Rows {
  const float* x;
  i64 size;
  QUERN_INLINE vf operator()(i64 at, i64 ahead = far_ahead) const { return Stream{x, min(ahead, size - 1 - at)}(at); }
};

// How far ahead rows are fetched: whole ones, so that strips of their columns fetch their own.
i64 rows_ahead(i64 c) { return max<i64>(16, far_ahead / max<i64>(1, c)) * c; }

// (x - mean) · scale + bias
struct Affine {
  const float *mean, *scale, *bias;
  QUERN_INLINE vf operator()(vf x, i64 column) const {
    const vf shift = bias ? load(bias + column) : vf{};
    return (x - load(mean + column)) * load(scale + column) + shift;
  }
};

}  // namespace

void batch_norm_stats(const args::batch_norm_stats<float>& p, Context& context) {
  Moments moments;
  if (!make_moments(moments, cut(p.rows).parts, p.c, context)) return;
  for_parts(context, p.rows, p.c, ColumnMoments<>{p.x, moments});
  write_statistics(p, moments);
}

void batch_norm(const args::batch_norm<float>& p, Context& context) {
  float* scale = scratch<float>(context, p.c + 1);
  if (!scale) return;
  scale_of(p, scale);
  const Affine affine{p.mean, scale, p.bias};
  const Rows x{p.x, i64(p.rows) * p.c};
  const float low = static_cast<float>(p.low), high = static_cast<float>(p.high);
  if (low == -infinity && high == infinity)
    return write_elements(context, p.y, p.rows, p.c, [=](i64 at, i64 column) { return affine(x(at), column); });
  write_elements(context, p.y, p.rows, p.c,
                 [=](i64 at, i64 column) { return min_or_b(set1(high), max_or_b(set1(low), affine(x(at), column))); });
}

void batch_norm_add(const args::batch_norm_add<float>& p, Context& context) {
  float* scale = scratch<float>(context, p.c + 1);
  if (!scale) return;
  scale_of(p, scale);
  const Affine affine{p.mean, scale, p.bias};
  const i64 c = p.c, elements = p.rows * c;
  const Rows x{p.x, elements}, residual{p.residual, elements};
  auto sum = [=, normal = p.normal](i64 at, i64 column) {
    const vf z = affine(x(at), column);
    if (normal) store_lanes(normal + at, z, c - column);
    return z + residual(at);
  };
  if (!p.y) return write_elements(context, p.sum, p.rows, c, sum);
  write_elements(context, p.y, p.rows, c, [=, out = p.sum](i64 at, i64 column) {
    const vf s = sum(at, column);
    if (out) store_lanes(out + at, s, c - column);
    return max_or_b(vf{}, s);
  });
}

namespace {

// gradient(dy, x, column): dy, or what of it the limits let through; x() is asked for only there
template <class F>
void backward(const args::batch_norm_backward<float>& p, Context& context, const F& gradient) {
  const i64 parts = cut(p.rows).parts, c = p.c, padded = round_up(c, W);
  Sums* sums = scratch<Sums>(context, parts * c + 1);        // z = x - mean
  float* factors = scratch<float>(context, 3 * padded + 1);  // dx = a · dy + b · (x - mean) + d
  if (!sums || !factors) return;
  const float* mean = p.mean;
  const i64 elements = p.rows * c, ahead = rows_ahead(c);
  const Rows x{p.x, elements}, dy{p.dy, elements};
  column_sums(context, p.rows, c, sums, [=](i64 row, i64 column) -> Terms {
    const i64 at = row * c + column;
    const vf value = x(at, ahead);
    const auto known = [=] { return value; };
    return {gradient(dy(at, ahead), known, column), value - load(mean + column)};
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
  const bool training = p.training;
  write_elements(context, p.dx, p.rows, c, [=](i64 at, i64 column) {
    const auto read = [=] { return x(at); };
    if (!training) return load(a + column) * gradient(dy(at), read, column);
    const vf value = read();
    const auto known = [=] { return value; };
    const vf direct = load(a + column) * gradient(dy(at), known, column);
    return direct + (load(b + column) * (value - load(mean + column)) + load(d + column));
  });
}

}  // namespace

void batch_norm_backward(const args::batch_norm_backward<float>& p, Context& context) {
  if (p.low == -infinity && p.high == infinity) return backward(p, context, [](vf dy, const auto&, i64) { return dy; });
  float* scale = scratch<float>(context, p.c + 1);
  if (!scale) return;
  scale_of(p, scale);
  const Affine affine{p.mean, scale, p.bias};
  // Compared with NaN, which nothing meets, where there is no limit.
  const float low = p.low > -infinity ? static_cast<float>(p.low) : __builtin_nanf("");
  const float high = p.high < infinity ? static_cast<float>(p.high) : __builtin_nanf("");
  backward(p, context, [=](vf dy, const auto& x, i64 column) {
    const vf y = affine(x(), column);
    return select((y <= low) | (y >= high), vf{}, dy);
  });
}

}  // namespace quern::QUERN_ISA
