// Mean and variance of each column of a matrix (rows,c), from parts of its rows.
#pragma once
#include "rows.h"

namespace quern::QUERN_ISA {

// Of parts of the rows: how many (0: a part that is none), and mean and Σ (x - mean)² of each column.
struct Moments {
  i64 parts, c;
  double *count, *mean, *squares;  // (parts), (parts,c), (parts,c)
};

// False without memory.
inline bool make_moments(Moments& m, i64 parts, i64 c, Context& context) {
  m = {parts, c, scratch<double>(context, parts * (2 * c + 1) + 1), nullptr, nullptr};
  if (!m.count) return false;
  m.mean = m.count + parts, m.squares = m.mean + parts * c;
  for (i64 part = 0; part < parts; part++) m.count[part] = 0;
  return true;
}

// Sums of the lanes of many vectors in double.
struct DoubleSum {
  vd low{}, high{};
  QUERN_INLINE void add(vf v) { low += low_double(v), high += high_double(v); }
  double operator[](i64 lane) const { return lane < W / 2 ? low[lane] : high[lane - W / 2]; }
};

// The moments of `width` columns of n rows, from Σ (x - shift) and Σ (x - shift)².
template <int V>
void write_moments(const Moments& out, i64 part, i64 column, i64 width, i64 n, const vf (&shift)[V],
                   const DoubleSum (&sums)[V], const DoubleSum (&squares)[V]) {
  const double share = 1 / static_cast<double>(n);
  out.count[part] = static_cast<double>(n);
  for (i64 i = 0; i < width; i++) {
    const double s = sums[i / W][i % W], rest = squares[i / W][i % W] - s * s * share;
    out.mean[part * out.c + column + i] = shift[i / W][i % W] + s * share;
    out.squares[part * out.c + column + i] = rest < 0 ? 0 : rest;
  }
}

// The moments of some columns over rows [begin, end). What is summed up are deviations from the first
// row, which cancel nothing: those of a span of rows in float, those of spans in double. The rows are streamed to y on
// the way, if asked for.
template <bool streams = false>
struct ColumnMoments {
  const float* x;
  Moments out;
  float* y = nullptr;

  template <int V>
  void run(i64 part, i64 column, i64 width, i64 begin, i64 end) const {
    const i64 c = out.c;
    vf shift[V];
    QUERN_UNROLL
    for (int v = 0; v < V; v++) shift[v] = load(x + begin * c + column + v * W);
    DoubleSum sums[V], squares[V];
    for (i64 row = begin; row < end; row += span) {
      const i64 n = min(span, end - row);
      const float* from = x + row * c + column;
      constexpr int R = 4 / V;  // rows side by side, so that no sum waits for the one before
      vf sum[R][V] = {}, square[R][V] = {};
      const auto add = [&](int k, const float* p) {
        QUERN_UNROLL
        for (int v = 0; v < V; v++) {
          const vf value = load(p + v * W), d = value - shift[v];
          if (streams) stream(y + (p - x) + v * W, value);
          sum[k][v] += d;
          square[k][v] += d * d;
        }
      };
      i64 r = 0;
      for (; r + R <= n; r += R) {
        QUERN_UNROLL
        for (int k = 0; k < R; k++, from += c) {
          prefetch(from + 16 * c, V * W);
          add(k, from);
        }
      }
      for (; r < n; r++, from += c) add(0, from);
      QUERN_UNROLL
      for (int k = 0; k < R; k++) {
        QUERN_UNROLL
        for (int v = 0; v < V; v++) sums[v].add(sum[k][v]), squares[v].add(square[k][v]);
      }
    }
    write_moments(out, part, column, width, end - begin, shift, sums, squares);
  }
};

// mean, rstd and the running statistics that p asks for
template <class Args>
void write_statistics(const Args& p, const Moments& m) {
  double n = 0;
  for (i64 part = 0; part < m.parts; part++) n += m.count[part];
  constexpr i64 block = 64;  // columns at a time: their parts are read twice
  for (i64 first = 0; first < m.c; first += block) {
    const i64 width = min(block, m.c - first);
    double mean[block] = {}, squares[block] = {};
    for (i64 part = 0; part < m.parts; part++) {
      const double share = m.count[part] / n;
      if (share == 0) continue;
      for (i64 i = 0; i < width; i++) mean[i] += share * m.mean[part * m.c + first + i];
    }
    for (i64 part = 0; part < m.parts; part++) {
      const double count = m.count[part];
      if (count == 0) continue;
      for (i64 i = 0; i < width; i++) {
        const double off = m.mean[part * m.c + first + i] - mean[i];
        squares[i] += m.squares[part * m.c + first + i] + count * off * off;
      }
    }
    for (i64 i = 0; i < width; i++) {
      p.mean[first + i] = static_cast<float>(mean[i]);
      p.rstd[first + i] = static_cast<float>(1 / __builtin_sqrt(squares[i] / n + p.eps));
      if (p.running_count < 2) continue;
      float &running_mean = p.running[0][first + i], &variance = p.running[1][first + i];
      running_mean = static_cast<float>((1 - p.momentum) * running_mean + p.momentum * mean[i]);
      variance = static_cast<float>((1 - p.momentum) * variance + p.momentum * squares[i] / (n - 1));
    }
  }
}

}  // namespace quern::QUERN_ISA
