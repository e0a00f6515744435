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
// f(part, column, width, begin, end) over rows [begin, end) of each part and vectors of columns
template <class F>
void for_parts(Context& context, i64 rows, i64 c, const F& f) {
  const Cut parts = cut(rows);
  const i64 strips = ceil_div(c, strip);
  parallel_if(context, rows * c, parts.parts * strips, [&](i64 task, int) {
    const i64 part = task / strips, first = task % strips * strip;
    for (i64 column = first; column < min(c, first + strip); column += W)
      f(part, column, min<i64>(W, c - column), part * parts.rows, min(rows, (part + 1) * parts.rows));
  });
}

// Of one column: Σ dy and Σ dy · z.
struct Sums {
  double sum, product;
};

// out (parts,c): the sums over each part of the rows of dy (rows,c) and z(row, column), kept in float for a span of
// rows.
template <class Z>
void column_sums(Context& context, i64 rows, i64 c, const float* dy, Sums* out, const Z& z) {
  for_parts(context, rows, c, [&](i64 part, i64 column, i64 width, i64 begin, i64 end) {
    Sums* sums = out + part * c + column;
    for (i64 i = 0; i < width; i++) sums[i] = {0, 0};
    for (i64 row = begin; row < end; row += span) {
      vf sum{}, product{};
      for (i64 r = row; r < min(end, row + span); r++) {
        const vf d = load(dy + r * c + column);
        sum += d;
        product += d * z(r, column);
      }
      for (i64 i = 0; i < width; i++) {
        sums[i].sum += sum[i];
        sums[i].product += product[i];
      }
    }
  });
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
