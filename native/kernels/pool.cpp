// Max pooling, channels-last: vectors run over the channels. x (n,ih,iw,c), y and index (n,oh,ow,c)
#include "../simd/math.h"
#include "strided.h"

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

// A window over an input pixel: where its dy is, and which of its taps the pixel is. Along one dim first, of the window
// and the tap in it.
struct Covering {
  i64 at;
  i32 tap;
};

// The windows of one dim over input position i, backwards: in the order of taps. Returns how many.
i64 windows_over(Covering* out, i32 i, i32 pad, i32 taps, i32 dilation, i32 stride, i32 count) {
  const i32 reach = i + pad - (taps - 1) * dilation;
  const i32 first = reach > 0 ? (reach + stride - 1) / stride : 0, last = min((i + pad) / stride, count - 1);
  i64 found = 0;
  for (i32 o = last; o >= first; o--)
    if (const i32 offset = i + pad - o * stride; offset % dilation == 0) out[found++] = {o, offset / dilation};
  return found;
}

// What every row of dx shares: the windows over each of its columns.
struct Columns {
  const Covering* list;  // of column iw: from iw·kw on
  const i32* counts;
};

// A row of windows over a row of dx.
template <class Index>
struct WindowRow {
  const float* dy;
  const Index* index;
  i32 tap;  // of the first tap that is that row
};

QUERN_INLINE vi load_index(const u8* p) { return load_bytes(p); }
QUERN_INLINE vi load_index(const i32* p) { return load(p); }

// dx(c) of one input pixel under R × S windows: dy of each that has its maximum there.
template <int R, int S, class Index>
QUERN_INLINE void gather_pixel(float* dx, i64 c, const WindowRow<Index>* rows, const Covering* across) {
  const float* dy[R][S];
  const Index* index[R][S];
  vi tap[R][S];
  for_each<R, S>([&](int r, int s) {
    dy[r][s] = rows[r].dy + across[s].at * c;
    index[r][s] = rows[r].index + across[s].at * c;
    tap[r][s] = set1(rows[r].tap + across[s].tap);
  });
  for (i64 i = 0; i < c; i += W) {
    vf sum{};
    for_each<R, S>([&](int r, int s) {
      const vf part = select(load_index(index[r][s] + i) == tap[r][s], load(dy[r][s] + i), vf{});
      sum = r + s == 0 ? part : sum + part;
    });
    store_lanes(dx + i, sum, c - i);
  }
}

// The same under any number of them.
template <class Index>
void gather_pixel(float* dx, i64 c, const WindowRow<Index>* rows, i64 down, const Covering* across, i64 count) {
  for (i64 i = 0; i < c; i += W) {
    vf sum{};
    for (i64 r = 0; r < down; r++)
      for (i64 s = 0; s < count; s++) {
        const i64 at = across[s].at * c + i;
        sum += select(load_index(rows[r].index + at) == rows[r].tap + across[s].tap, load(rows[r].dy + at), vf{});
      }
    store_lanes(dx + i, sum, c - i);
  }
}

// Any windows: each input pixel gathers. `own` and `over` have room for the windows over a row.
template <class Index>
void gather_row(const Backward& p, const Index* index, i64 image, i64 row, const Columns& columns, Covering* own,
                WindowRow<Index>* over) {
  const i64 c = p.c, line = p.iw * c;
  float* dx = p.dx + (image * p.ih + row) * line;
  const i64 down = windows_over(own, static_cast<i32>(row), p.pad_h, p.kh, p.dil_h, p.stride_h, p.oh);
  for (i64 r = 0; r < down; r++) {
    const i64 at = (image * p.oh + own[r].at) * p.ow * c;
    over[r] = {p.dy + at, index + at, own[r].tap * p.kw};
  }
  for (i64 iw = 0; iw < p.iw; iw++, dx += c) {
    const Covering* across = columns.list + iw * p.kw;
    const i64 count = columns.counts[iw];
    prefetch(dx + line, c);
    if (down > 0 && count > 0 && across[0].tap == 0) {
      const i64 ahead = (across[0].at + 4) * c;
      prefetch(over[0].dy + ahead, c);
      prefetch(reinterpret_cast<const float*>(over[0].index + ahead), c / 4);
    }
    if (down == 1 && count == 1)
      gather_pixel<1, 1>(dx, c, over, across);
    else if (down == 1 && count == 2)
      gather_pixel<1, 2>(dx, c, over, across);
    else if (down == 2 && count == 1)
      gather_pixel<2, 1>(dx, c, over, across);
    else if (down == 2 && count == 2)
      gather_pixel<2, 2>(dx, c, over, across);
    else
      gather_pixel(dx, c, over, down, across, count);
  }
}

template <class Index>
void gather_rows(const Backward& p, const Index* index, Context& context) {
  const i64 rows = static_cast<i64>(p.ih) * p.n, work = rows * p.iw * p.c;
  const i64 block = max<i64>(1, chunk * rows / max<i64>(1, work));
  Covering* own = scratch<Covering>(context, p.kh * context.threads + static_cast<i64>(p.iw) * p.kw);
  WindowRow<Index>* over = scratch<WindowRow<Index>>(context, p.kh * context.threads);
  i32* counts = scratch<i32>(context, p.iw);
  if (!own || !over || !counts) return;
  Covering* across = own + p.kh * context.threads;
  for (i64 iw = 0; iw < p.iw; iw++)
    counts[iw] = static_cast<i32>(
        windows_over(across + iw * p.kw, static_cast<i32>(iw), p.pad_w, p.kw, p.dil_w, p.stride_w, p.ow));
  parallel_if(context, work, ceil_div(rows, block), [&](i64 task, int worker) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++)
      gather_row(p, index, i / p.ih, i % p.ih, {across, counts}, own + worker * p.kh, over + worker * p.kh);
  });
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
