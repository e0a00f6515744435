// Matrices (rows,columns): passes along a row, and sums of columns over parts of the rows; how rows are cut depends on
// their number alone.
#pragma once
#include "../simd/math.h"
#include "strided.h"

namespace quern::QUERN_ISA {

constexpr i64 span = 128;       // rows
constexpr i64 strip = 4 * W;    // columns of one task
constexpr i64 most_parts = 64;  // of the rows

// f(row) for every row, some 16K elements to a task
template <class F>
void for_matrix_rows(Context& context, i64 rows, i64 columns, const F& f) {
  const i64 block = max<i64>(1, chunk / max<i64>(1, columns));
  parallel_if(context, rows * columns, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 r = task * block; r < min(rows, (task + 1) * block); r++) f(r);
  });
}

// whole(c) for every whole vector of a row, then tail(c, n) for what is left of it
template <class F, class Tail>
QUERN_INLINE void for_columns(i64 columns, const F& whole, const Tail& tail) {
  i64 c = 0;
  for (; c + W <= columns; c += W) whole(c);
  if (c < columns) tail(c, static_cast<int>(columns - c));
}

// Σ value(c) over the columns
template <class F>
QUERN_INLINE float sum_columns(i64 columns, const F& value) {
  vf total{};
  for_columns(
      columns, [&](i64 c) { total += value(c); },
      [&](i64 c, int n) { total += select(lanes_below(n), value(c), vf{}); });
  return sum_lanes(total);
}

// out[c] = value(c)
template <class F>
QUERN_INLINE void map_columns(float* out, i64 columns, const F& value) {
  for_columns(
      columns, [&](i64 c) { store(out + c, value(c)); }, [&](i64 c, int n) { store_first(out + c, value(c), n); });
}

// How the rows are cut into parts.
struct Cut {
  i64 rows, parts;  // rows of one part
};
inline Cut cut(i64 rows) {
  const i64 part = round_up(max(span, ceil_div(rows, most_parts)), span);
  return {part, ceil_div(rows, part)};
}
// f.template run<V>(part, column, width, begin, end) for columns [first, last), V vectors of them side by side, of
// which the first `width` columns count.
template <class F>
void for_vectors(i64 part, i64 first, i64 last, i64 begin, i64 end, const F& f) {
  for (i64 column = first; column < last;) {
    const i64 left = last - column;
    if (left > 3 * W)
      f.template run<4>(part, column, min<i64>(4 * W, left), begin, end), column += 4 * W;
    else if (left > W)
      f.template run<2>(part, column, min<i64>(2 * W, left), begin, end), column += 2 * W;
    else
      f.template run<1>(part, column, left, begin, end), column += W;
  }
}
// The same for all columns of all parts of the rows.
template <class F>
void for_parts(Context& context, i64 rows, i64 c, const F& f) {
  const Cut parts = cut(rows);
  const i64 strips = ceil_div(c, strip);
  parallel_if(context, rows * c, parts.parts * strips, [&](i64 task, int) {
    const i64 part = task / strips, first = task % strips * strip, last = min(c, first + strip);
    const i64 begin = part * parts.rows, end = min(rows, begin + parts.rows);
    for_vectors(part, first, last, begin, end, f);
  });
}

// Of one column: Σ dy and Σ dy · z.
struct Sums {
  double sum, product;
};

// What column_sums sums up: d and d · z.
struct Terms {
  vf d, z;
};

template <class F>
struct ColumnSums {
  i64 c;
  Sums* out;
  const F& terms;

  template <int V>
  void run(i64 part, i64 column, i64 width, i64 begin, i64 end) const {
    Sums* sums = out + part * c + column;
    for (i64 i = 0; i < width; i++) sums[i] = {0, 0};
    for (i64 row = begin; row < end; row += span) {
      vf sum[V] = {}, product[V] = {};
      for (i64 r = row; r < min(end, row + span); r++) {
        QUERN_UNROLL
        for (int v = 0; v < V; v++) {
          const Terms t = terms(r, column + v * W);
          sum[v] += t.d;
          product[v] += t.d * t.z;
        }
      }
      for (i64 i = 0; i < width; i++) {
        sums[i].sum += sum[i / W][i % W];
        sums[i].product += product[i / W][i % W];
      }
    }
  }
};

// out (parts,c): the sums over each part of the rows of terms(row, column), kept in float for a span of rows.
template <class F>
void column_sums(Context& context, i64 rows, i64 c, Sums* out, const F& terms) {
  for_parts(context, rows, c, ColumnSums<F>{c, out, terms});
}

// Those of column i over all parts.
inline Sums total(const Sums* sums, i64 parts, i64 c, i64 i) {
  Sums all{0, 0};
  for (i64 part = 0; part < parts; part++) {
    all.sum += sums[part * c + i].sum;
    all.product += sums[part * c + i].product;
  }
  return all;
}

}  // namespace quern::QUERN_ISA
