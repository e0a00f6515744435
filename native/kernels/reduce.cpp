// Reductions. The reduced index range is cut into slices of fixed size, so the result depends on the shape alone: short
// float sums in many lanes within a slice, double across slices.
#include "../simd/math.h"
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

constexpr i64 slice_elements = 4096;  // reduced elements per slice, along contiguous memory
constexpr i64 slice_rows = 256;       // the same when vectors run along the kept dims
constexpr int accumulators = 8;

struct Sum {
  static constexpr float identity = 0;
  QUERN_INLINE static vf step(vf total, vf x) { return total + x; }
  static double merge(double a, double b) { return a + b; }
  QUERN_INLINE static float lanes(vf v) { return sum_lanes(v); }
};
struct Prod {
  static constexpr float identity = 1;
  QUERN_INLINE static vf step(vf total, vf x) { return total * x; }
  static double merge(double a, double b) { return a * b; }
  QUERN_INLINE static float lanes(vf v) {
    return fold(v, [](auto a, auto b) { return a * b; });
  }
};
struct Max {
  static constexpr float identity = -infinity;
  QUERN_INLINE static vf step(vf total, vf x) { return select(x != x, x, max_or_b(x, total)); }
  static double merge(double a, double b) { return b > a || b != b ? b : a; }
  QUERN_INLINE static float lanes(vf v) { return any(v != v) ? __builtin_nanf("") : max_lanes(v); }
};
struct Min {
  static constexpr float identity = infinity;
  QUERN_INLINE static vf step(vf total, vf x) { return select(x != x, x, min_or_b(x, total)); }
  static double merge(double a, double b) { return b < a || b != b ? b : a; }
  QUERN_INLINE static float lanes(vf v) { return any(v != v) ? __builtin_nanf("") : -max_lanes(-v); }
};

// What is reduced: kept dims (out, x) and reduced dims (x), each in falling order of x's strides.
struct Plan {
  Nest<2> kept;     // operands: x, out
  Nest<1> reduced;  // operand: x
  const float* x;
  float* out;
  double divisor;  // of a mean, else 1
  i64 slices;
};

// Reduces n elements of x.
template <class Op>
double reduce_run(const float* x, i64 stride, i64 n) {
  const vf identity = set1(Op::identity);
  vf first = identity;
  i64 i = 0;
  if (stride == 1 && n >= accumulators * W) {
    vf total[accumulators];
    QUERN_UNROLL
    for (int k = 0; k < accumulators; k++) total[k] = load(x + k * W);
    for (i = accumulators * W; i + accumulators * W <= n; i += accumulators * W) {
      QUERN_UNROLL
      for (int k = 0; k < accumulators; k++) total[k] = Op::step(total[k], load(x + i + k * W));
    }
    QUERN_UNROLL
    for (int half = accumulators / 2; half > 0; half /= 2) {
      QUERN_UNROLL
      for (int k = 0; k < half; k++) total[k] = Op::step(total[k], total[k + half]);
    }
    first = total[0];
  }
  for (; stride == 1 && i + W <= n; i += W) first = Op::step(first, load(x + i));
  for (; i < n; i += W) {
    const vi valid = lanes_below(n - i);
    const vf v = stride == 1 ? load(x + i) : gather(x + i * stride, stride, static_cast<int>(min<i64>(W, n - i)));
    first = Op::step(first, select(valid, v, identity));
  }
  return Op::lanes(first);
}

// f(offset, n) for the runs along the innermost reduced dim that make up [begin, end) of the reduced index range
template <class F>
QUERN_INLINE void for_runs(const Nest<1>& reduced, i64 begin, i64 end, const F& f) {
  const i64 inner = reduced.inner(), stride = reduced.inner_stride(0);
  if (reduced.rank == 1) return f(begin * stride, max<i64>(0, end - begin));
  Walk<1> walk(reduced, reduced.rank - 1, begin / inner);
  for (i64 i = begin; i < end; walk.next()) {
    const i64 skip = i % inner, n = min(inner - skip, end - i);
    f(walk.offset[0] + skip * stride, n);
    i += n;
  }
}

// Writes what a slice gives for the kept element that `walk` is at.
struct Sink {
  const Plan& plan;
  float* partial;  // (slices, kept), or null if there is one slice
  QUERN_INLINE void operator()(i64 slice, i64 kept, i64 out_offset, double value) const {
    if (partial)
      partial[slice * plan.kept.size + kept] = static_cast<float>(value);
    else
      plan.out[out_offset] = static_cast<float>(value / plan.divisor);
  }
};

// Each kept element by itself: vectors run along the reduced dims.
template <class Op>
void reduce_rows(const Plan& p, const Sink& sink, Context& context) {
  const i64 reduced = p.reduced.size, per_slice = max<i64>(1, ceil_div(reduced, p.slices));
  const i64 block = max<i64>(1, chunk / per_slice), blocks = ceil_div(p.kept.size, block);
  parallel_if(context, p.kept.size * reduced, blocks * p.slices, [&](i64 task, int) {
    const i64 slice = task % p.slices, first = task / p.slices * block;
    const i64 begin = slice * per_slice, end = min(reduced, begin + per_slice);
    Walk<2> walk(p.kept, p.kept.rank, first);
    for (i64 k = first; k < min(p.kept.size, first + block); k++, walk.next()) {
      double total = Op::identity;
      for_runs(p.reduced, begin, end, [&](i64 offset, i64 n) {
        total = Op::merge(total, reduce_run<Op>(p.x + walk.offset[0] + offset, p.reduced.inner_stride(0), n));
      });
      sink(slice, k, walk.offset[1], total);
    }
  });
}

// V vectors of columns over n rows; the rows alternate between accumulators so that none waits for another.
template <class Op, int V>
QUERN_INLINE void reduce_columns_run(const float* x, i64 stride, i64 n, vf* out) {
  constexpr int R = accumulators / V;
  vf total[R][V];
  QUERN_UNROLL
  for (int r = 0; r < R; r++) QUERN_UNROLL
  for (int v = 0; v < V; v++) total[r][v] = r == 0 ? out[v] : set1(Op::identity);
  i64 i = 0;
  for (; i + R <= n; i += R) QUERN_UNROLL
  for (int r = 0; r < R; r++) QUERN_UNROLL
  for (int v = 0; v < V; v++) total[r][v] = Op::step(total[r][v], load(x + (i + r) * stride + v * W));
  for (; i < n; i++) QUERN_UNROLL
  for (int v = 0; v < V; v++) total[0][v] = Op::step(total[0][v], load(x + i * stride + v * W));
  QUERN_UNROLL
  for (int v = 0; v < V; v++) {
    QUERN_UNROLL
    for (int r = 1; r < R; r++) total[0][v] = Op::step(total[0][v], total[r][v]);
    out[v] = total[0][v];
  }
}

// Vectors run along the innermost kept dim, contiguous in x: column sums.
template <class Op>
void reduce_columns(const Plan& p, const Sink& sink, Context& context) {
  const i64 reduced = p.reduced.size, per_slice = max<i64>(1, ceil_div(reduced, p.slices));
  const i64 columns = p.kept.inner(), outer = p.kept.size / columns, stride = p.reduced.inner_stride(0);
  const i64 out_stride = p.kept.inner_stride(1), width = accumulators * W, blocks = ceil_div(columns, width);
  parallel_if(context, p.kept.size * reduced, outer * blocks * p.slices, [&](i64 task, int) {
    const i64 slice = task / blocks % p.slices, row = task / blocks / p.slices;
    const i64 c = task % blocks * width, n = min(width, columns - c);
    const i64 begin = slice * per_slice, end = min(reduced, begin + per_slice);
    const Walk<2> walk(p.kept, p.kept.rank - 1, row);
    const float* x = p.x + walk.offset[0] + c;
    vf total[accumulators];
    for (vf& t : total) t = set1(Op::identity);
    for_runs(p.reduced, begin, end, [&](i64 offset, i64 rows) {
      if (n > 4 * W) return reduce_columns_run<Op, 8>(x + offset, stride, rows, total);
      if (n > 2 * W) return reduce_columns_run<Op, 4>(x + offset, stride, rows, total);
      if (n > W) return reduce_columns_run<Op, 2>(x + offset, stride, rows, total);
      reduce_columns_run<Op, 1>(x + offset, stride, rows, total);
    });
    float value[accumulators * W];
    for (int v = 0; v < accumulators; v++) store(value + v * W, total[v]);
    for (i64 k = 0; k < n; k++) sink(slice, row * columns + c + k, walk.offset[1] + (c + k) * out_stride, value[k]);
  });
}

template <class Op>
void merge_slices(const Plan& p, const float* partial, Context& context) {
  const i64 block = max<i64>(1, chunk / p.slices);
  parallel_if(context, p.kept.size * p.slices, ceil_div(p.kept.size, block), [&](i64 task, int) {
    Walk<2> walk(p.kept, p.kept.rank, task * block);
    for (i64 k = task * block; k < min(p.kept.size, (task + 1) * block); k++, walk.next()) {
      double total = partial[k];
      for (i64 s = 1; s < p.slices; s++) total = Op::merge(total, partial[s * p.kept.size + k]);
      p.out[walk.offset[1]] = static_cast<float>(total / p.divisor);
    }
  });
}

template <class Op>
void reduce_by(Plan p, Context& context) {
  const bool columns = p.kept.inner_stride(0) == 1 && p.kept.size > 1 && p.reduced.inner_stride(0) != 1;
  // Slices shorten float sums; many kept elements need none for parallelism.
  p.slices = max<i64>(1, p.reduced.size / (columns ? slice_rows : slice_elements));
  float* partial = nullptr;
  if (p.slices > 1) {
    partial = scratch<float>(context, p.slices * p.kept.size);
    if (!partial) return;
  }
  const Sink sink{p, partial};
  if (columns)
    reduce_columns<Op>(p, sink, context);
  else
    reduce_rows<Op>(p, sink, context);
  if (partial) merge_slices<Op>(p, partial, context);
}

// Index of the first maximum of sign·x, or of its first NaN.
i64 arg_max(const float* x, i64 n, i64 stride, float sign) {
  i64 index = 0;
  float best = sign * x[0];
  for (i64 i = 1; i < n && best == best; i++) {
    const float value = sign * x[i * stride];
    if (value > best || value != value) {
      best = value;
      index = i;
    }
  }
  return index;
}

// The same for n >= W contiguous elements: find the maximum, then the first vector that has it or a NaN.
i64 arg_max_contiguous(const float* x, i64 n, float sign) {
  vf most = sign * load(x);
  for (i64 i = W; i < n; i += W) most = Max::step(most, sign * load(x + min(i, n - W)));
  const vf best = set1(Max::lanes(most));
  i64 i = 0;
  for (; i + W < n; i += W) {
    const vf v = sign * load(x + i);
    if (any((v == best) | (v != v))) break;
  }
  i = min(i, n - W);
  return i + arg_max(x + i, W, 1, sign);
}

// The same for W neighbours in the inner dim.
QUERN_INLINE vi arg_max_columns(const float* x, i64 n, i64 stride, float sign) {
  vf best = sign * load(x);
  vi index{};
  for (i64 i = 1; i < n; i++) {
    const vf value = sign * load(x + i * stride);
    const vi wins = ((value > best) | (value != value)) & (best == best);
    best = select(wins, value, best);
    index = wins ? set1(static_cast<i32>(i)) : index;
  }
  return index;
}

}  // namespace

void reduce(const args::reduce<float>& r, Context& context) {
  const i32 *kept = r.layout, *reduced = kept + r.kept, *out_strides = reduced + r.reduced;
  const i32 *kept_strides = out_strides + r.kept, *reduced_strides = kept_strides + r.kept;
  const auto kind = static_cast<Reduce>(r.kind);
  Plan p{make_nest<2>(kept, {kept_strides, out_strides}, r.kept),
         make_nest<1>(reduced, {reduced_strides}, r.reduced),
         r.x,
         r.out,
         1,
         1};
  if (p.kept.size == 0) return;
  if (kind == Reduce::mean) p.divisor = static_cast<double>(p.reduced.size);
  if (p.reduced.size == 0) p.reduced = Nest<1>{1, 0, {1}, {{1}}};  // for_runs divides by the inner size
  switch (kind) {
    case Reduce::sum:
    case Reduce::mean:
      return reduce_by<Sum>(p, context);
    case Reduce::prod:
      return reduce_by<Prod>(p, context);
    case Reduce::max:
      return reduce_by<Max>(p, context);
    case Reduce::min:
      return reduce_by<Min>(p, context);
  }
}

void arg_reduce(const args::arg_reduce<float>& r, Context& context) {
  const float sign = static_cast<Reduce>(r.kind) == Reduce::min ? -1.f : 1.f;
  const i64 area = static_cast<i64>(r.length) * r.inner;
  if (area == 0) {
    for (i64 i = 0; i < static_cast<i64>(r.outer) * r.inner; i++) r.out[i] = 0;
    return;
  }
  const i64 block = max<i64>(1, chunk / area);
  parallel_if(context, r.outer * area, ceil_div(r.outer, block), [&](i64 task, int) {
    for (i64 o = task * block; o < min<i64>(r.outer, (task + 1) * block); o++) {
      const float* x = r.x + o * area;
      i32* out = r.out + o * r.inner;
      i64 i = 0;
      for (; i + W <= r.inner; i += W) store(out + i, arg_max_columns(x + i, r.length, r.inner, sign));
      if (r.inner == 1 && r.length >= 4 * W) {
        out[0] = static_cast<i32>(arg_max_contiguous(x, r.length, sign));
        continue;
      }
      for (; i < r.inner; i++) out[i] = static_cast<i32>(arg_max(x + i, r.length, r.inner, sign));
    }
  });
}

}  // namespace quern::QUERN_ISA
