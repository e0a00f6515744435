// Max pooling, channels-last: vectors run over the channels. x (n,ih,iw,c), y and index (n,oh,ow,c)
#include "../simd/math.h"
#include "pool_gather.h"

namespace quern::QUERN_ISA {
namespace {

using Forward = args::max_pool2d<float>;
using Backward = args::max_pool2d_backward<float>;

// Taps [begin, end) of a window that begins at `origin` and lies within [0, size).
struct Taps {
  i64 begin, end;
};
QUERN_INLINE Taps taps_inside(i64 origin, i64 taps, i64 dilation, i64 size) {
  const i64 begin = origin < 0 ? ceil_div(-origin, dilation) : 0;
  return {min(begin, taps), max(min(begin, taps), min(taps, ceil_div(size - origin, dilation)))};
}

QUERN_INLINE void store_index(const Forward& p, i64 at, vi index, int n) {
  if (p.index8) return store_bytes(p.index8 + at, index, n);
  if (n == W) return store(p.index32 + at, index);
  for (int i = 0; i < n; i++) p.index32[at + i] = index[i];
}

// What a window has given so far. A NaN wins, the last one as in PyTorch.
struct Best {
  vf value;
  vi index;
};
QUERN_INLINE void keep_larger(Best& best, vf x, i32 tap) {
  const vi wins = (x > best.value) | (x != x);
  best.value = select(wins, x, best.value);
  best.index = wins ? set1(tap) : best.index;
}

QUERN_INLINE void finish_window(const Forward& p, i64 at, vf value, vi index, int n) {
  if (p.relu) {
    const vi dead = value <= 0.f;
    value = select(dead, vf{}, value);
    index |= dead;  // -1
  }
  store_lanes(p.y + at, value, n);
  store_index(p, at, index, n);
}

// One output pixel, any window: x points to tap (0,0), which need not exist.
QUERN_INLINE void pool_window(const Forward& p, const float* x, i64 at, Taps rows, Taps columns) {
  const i64 row_stride = static_cast<i64>(p.dil_h) * p.iw * p.c, column_stride = static_cast<i64>(p.dil_w) * p.c;
  const bool empty = rows.begin >= rows.end || columns.begin >= columns.end;
  const i32 first = empty ? -1 : static_cast<i32>(rows.begin * p.kw + columns.begin);
  for (i64 c = 0; c < p.c; c += W) {
    Best best{set1(-infinity), set1(first)};
    for (i64 r = rows.begin; r < rows.end; r++)
      for (i64 s = columns.begin; s < columns.end; s++)
        keep_larger(best, load(x + r * row_stride + s * column_stride + c), static_cast<i32>(r * p.kw + s));
    finish_window(p, at + c, best.value, best.index, static_cast<int>(min<i64>(W, p.c - c)));
  }
}

// One output pixel of KH·KW taps, all inside.
template <int KH, int KW>
QUERN_INLINE void pool_inside(const Forward& p, const float* x, i64 at) {
  const i64 row_stride = static_cast<i64>(p.iw) * p.c;
  for (i64 c = 0; c < p.c; c += W) {
    vf v[KH * KW], sum{};
    QUERN_UNROLL
    for (int t = 0; t < KH * KW; t++) {
      v[t] = load(x + t / KW * row_stride + t % KW * p.c + c);
      sum += v[t];
    }
    Best best{v[0], vi{}};
    if (any(sum != sum)) {  // a NaN, or infinities of both signs
      QUERN_UNROLL
      for (int t = 1; t < KH * KW; t++) keep_larger(best, v[t], t);
    } else {
      QUERN_UNROLL
      for (int t = 1; t < KH * KW; t++) {
        const vi wins = v[t] > best.value;
        best.value = select(wins, v[t], best.value);
        best.index = wins ? set1(t) : best.index;
      }
    }
    finish_window(p, at + c, best.value, best.index, static_cast<int>(min<i64>(W, p.c - c)));
  }
}

// One row of y. The arguments come by value: stores through pointers of bytes or vectors may change anything else.
void pool_row(Forward p, i64 row) {
  const i64 image = row / p.oh, top = row % p.oh * p.stride_h - p.pad_h, line = static_cast<i64>(p.iw) * p.c;
  const float* x = p.x + (image * p.ih + top) * line;
  const Taps rows = taps_inside(top, p.kh, p.dil_h, p.ih);
  const bool inside = p.dil_h == 1 && p.dil_w == 1 && p.kh == p.kw && rows.end - rows.begin == p.kh;
  const i64 step = p.stride_w * p.c;
  for (i64 ow = 0; ow < p.ow; ow++) {
    const i64 left = ow * p.stride_w - p.pad_w, at = (row * p.ow + ow) * p.c;
    for (i64 r = 0; r < p.stride_h; r++) prefetch(x + (p.kh + r) * line + left * p.c, step);
    if (inside && p.kh == 2 && left >= 0 && left + 2 <= p.iw)
      pool_inside<2, 2>(p, x + left * p.c, at);
    else if (inside && p.kh == 3 && left >= 0 && left + 3 <= p.iw)
      pool_inside<3, 3>(p, x + left * p.c, at);
    else
      pool_window(p, x + left * p.c, at, rows, taps_inside(left, p.kw, p.dil_w, p.iw));
  }
}

QUERN_INLINE vi load_index(const Backward& p, i64 at) {
  return p.index8 ? load_bytes(p.index8 + at) : load(p.index32 + at);
}

// Writes a window of KH·KW taps (0: as the arguments say): dy where the maximum was, 0 elsewhere.
template <int KH, int KW>
QUERN_INLINE void scatter_window(const Backward& p, float* dx, i64 at, Taps rows, Taps columns) {
  const i64 row_stride = static_cast<i64>(p.iw) * p.c, kw = KW ? KW : p.kw;
  if (KH) rows = {0, KH}, columns = {0, KW};
  for (i64 c = 0; c < p.c; c += W) {
    const vf dy = load(p.dy + at + c);
    const vi index = load_index(p, at + c);
    const int n = static_cast<int>(min<i64>(W, p.c - c));
    for (i64 r = rows.begin; r < rows.end; r++)
      for (i64 s = columns.begin; s < columns.end; s++)
        store_lanes(dx + r * row_stride + s * p.c + c, select(index == static_cast<i32>(r * kw + s), dy, vf{}), n);
  }
}

// Windows that do not overlap: row oh of y owns the input rows from its origin to the next one's, and writes them once.
void scatter_row(Backward p, i64 image, i64 oh) {
  const i64 origin = oh * p.stride_h - p.pad_h, row = static_cast<i64>(p.iw) * p.c;
  const i64 first = oh == 0 ? 0 : max<i64>(0, origin);
  const i64 last = oh == p.oh - 1 ? p.ih : min<i64>(p.ih, origin + p.stride_h);
  float* dx = p.dx + image * p.ih * row;
  const Taps rows = taps_inside(origin, p.kh, 1, p.ih);
  const bool covered =
      last - first == rows.end - rows.begin && p.stride_w == p.kw && p.pad_w == 0 && p.ow * p.kw == p.iw;
  if (!covered && last > first) __builtin_memset(dx + first * row, 0, (last - first) * row * sizeof(float));
  for (i64 ow = 0; ow < p.ow; ow++) {
    const i64 left = ow * p.stride_w - p.pad_w, at = ((image * p.oh + oh) * p.ow + ow) * p.c;
    const Taps columns = taps_inside(left, p.kw, 1, p.iw);
    float* window = dx + origin * row + left * p.c;
    if (p.kh == 2 && p.kw == 2 && rows.end - rows.begin == 2 && columns.end - columns.begin == 2)
      scatter_window<2, 2>(p, window, at, rows, columns);
    else
      scatter_window<0, 0>(p, window, at, rows, columns);
  }
}

}  // namespace

void max_pool2d(const Forward& p, Context& context) {
  const i64 row = static_cast<i64>(p.iw) * p.c, work = static_cast<i64>(p.n) * p.ih * row;
  const i64 rows = static_cast<i64>(p.n) * p.oh, block = max<i64>(1, chunk / max<i64>(1, row * p.stride_h));
  parallel_if(context, work, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++) pool_row(p, i);
  });
}

void max_pool2d_backward(const Backward& p, Context& context) {
  const bool apart = p.stride_h >= p.kh && p.stride_w >= p.kw && p.dil_h == 1 && p.dil_w == 1 && p.oh > 0;
  if (!apart) return p.index8 ? gather_rows(p, p.index8, context) : gather_rows(p, p.index32, context);
  const i64 rows = static_cast<i64>(p.oh) * p.n, work = static_cast<i64>(p.n) * p.ih * p.iw * p.c;
  const i64 block = max<i64>(1, chunk * rows / max<i64>(1, work));
  parallel_if(context, work, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++) scatter_row(p, i / p.oh, i % p.oh);
  });
}

}  // namespace quern::QUERN_ISA
