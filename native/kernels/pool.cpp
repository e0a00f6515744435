// Max pooling, channels-last: vectors run over the channels. x (n,ih,iw,c), y and index (n,oh,ow,c)
#include "../simd/math.h"
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

// Taps [begin, end) of a window that begins at `origin` and lies within [0, size).
struct Taps {
  i64 begin, end;
};
QUERN_INLINE Taps taps_inside(i64 origin, i64 taps, i64 dilation, i64 size) {
  const i64 begin = origin < 0 ? ceil_div(-origin, dilation) : 0;
  return {min(begin, taps), max(min(begin, taps), min(taps, ceil_div(size - origin, dilation)))};
}

template <class Pool>
QUERN_INLINE void store_index(const Pool& p, i64 at, vi index, int n) {
  if (p.index8) return store_bytes(p.index8 + at, index, n);
  if (n == W) return store(p.index32 + at, index);
  for (int i = 0; i < n; i++) p.index32[at + i] = index[i];
}

QUERN_INLINE void store_lanes(float* p, vf v, int n) {
  if (n == W)
    store(p, v);
  else
    store_first(p, v, n);
}

// Takes x where it is larger, or NaN, and best is not NaN already.
QUERN_INLINE void keep_larger(vf& best, vi& index, vf x, i32 tap) {
  const vi wins = ((x > best) | (x != x)) & (best == best);
  best = select(wins, x, best);
  index = wins ? set1(tap) : index;
}

QUERN_INLINE void finish_window(const args::max_pool2d<float>& p, i64 at, vf best, vi index, int n) {
  if (p.relu) {
    const vi dead = best <= 0.f;
    best = select(dead, vf{}, best);
    index |= dead;  // -1
  }
  store_lanes(p.y + at, best, n);
  store_index(p, at, index, n);
}

// One output pixel, any window: x points to tap (0,0), which need not exist.
QUERN_INLINE void pool_window(const args::max_pool2d<float>& p, const float* x, i64 at, Taps rows, Taps columns) {
  const i64 row_stride = static_cast<i64>(p.dil_h) * p.iw * p.c, column_stride = static_cast<i64>(p.dil_w) * p.c;
  const bool empty = rows.begin >= rows.end || columns.begin >= columns.end;
  for (i64 c = 0; c < p.c; c += W) {
    vf best = set1(-infinity);
    vi index = set1(empty ? -1 : static_cast<i32>(rows.begin * p.kw + columns.begin));
    for (i64 r = rows.begin; r < rows.end; r++)
      for (i64 s = columns.begin; s < columns.end; s++)
        keep_larger(best, index, load(x + r * row_stride + s * column_stride + c), static_cast<i32>(r * p.kw + s));
    finish_window(p, at + c, best, index, static_cast<int>(min<i64>(W, p.c - c)));
  }
}

// One output pixel of 2x2 taps, all inside.
QUERN_INLINE void pool_2x2(const args::max_pool2d<float>& p, const float* x, i64 at) {
  const i64 row_stride = static_cast<i64>(p.iw) * p.c;
  for (i64 c = 0; c < p.c; c += W) {
    vf best = load(x + c);
    vi index{};
    keep_larger(best, index, load(x + p.c + c), 1);
    keep_larger(best, index, load(x + row_stride + c), 2);
    keep_larger(best, index, load(x + row_stride + p.c + c), 3);
    finish_window(p, at + c, best, index, static_cast<int>(min<i64>(W, p.c - c)));
  }
}

using Backward = args::max_pool2d_backward<float>;

QUERN_INLINE vi load_index(const Backward& p, i64 at) {
  return p.index8 ? load_bytes(p.index8 + at) : load(p.index32 + at);
}

// Windows that do not overlap: row oh of y owns the input rows from its origin to the next one's, and writes them once.
void scatter_row(const Backward& p, i64 image, i64 oh) {
  const i64 origin = oh * p.stride_h - p.pad_h, row = static_cast<i64>(p.iw) * p.c;
  const i64 first = oh == 0 ? 0 : max<i64>(0, origin);
  const i64 last = oh == p.oh - 1 ? p.ih : min<i64>(p.ih, origin + p.stride_h);
  float* dx = p.dx + image * p.ih * row;
  const bool tiled = p.stride_h == p.kh && p.stride_w == p.kw && p.pad_h == 0 && p.pad_w == 0;
  const bool covered = tiled && p.ow * p.kw == p.iw && last - first == p.kh;
  if (!covered && last > first) __builtin_memset(dx + first * row, 0, (last - first) * row * sizeof(float));
  const Taps rows = taps_inside(origin, p.kh, 1, p.ih);
  for (i64 ow = 0; ow < p.ow; ow++) {
    const i64 left = ow * p.stride_w - p.pad_w, at = ((image * p.oh + oh) * p.ow + ow) * p.c;
    const Taps columns = taps_inside(left, p.kw, 1, p.iw);
    for (i64 c = 0; c < p.c; c += W) {
      const vf dy = load(p.dy + at + c);
      const vi index = load_index(p, at + c);
      const int n = static_cast<int>(min<i64>(W, p.c - c));
      for (i64 r = rows.begin; r < rows.end; r++)
        for (i64 s = columns.begin; s < columns.end; s++)
          store_lanes(dx + (origin + r) * row + (left + s) * p.c + c,
                      select(index == static_cast<i32>(r * p.kw + s), dy, vf{}), n);
    }
  }
}

// Any windows: each input pixel gathers from those that cover it.
void gather_row(const Backward& p, i64 image, i64 ih) {
  for (i64 iw = 0; iw < p.iw; iw++)
    for (i64 c = 0; c < p.c; c += W) {
      vf total{};
      for (i64 r = 0; r < p.kh; r++) {
        const i64 h = ih + p.pad_h - r * p.dil_h;
        if (h < 0 || h % p.stride_h != 0 || h / p.stride_h >= p.oh) continue;
        for (i64 s = 0; s < p.kw; s++) {
          const i64 w = iw + p.pad_w - s * p.dil_w;
          if (w < 0 || w % p.stride_w != 0 || w / p.stride_w >= p.ow) continue;
          const i64 at = ((image * p.oh + h / p.stride_h) * p.ow + w / p.stride_w) * p.c + c;
          total += select(load_index(p, at) == static_cast<i32>(r * p.kw + s), load(p.dy + at), vf{});
        }
      }
      store_lanes(p.dx + ((image * p.ih + ih) * p.iw + iw) * p.c + c, total, static_cast<int>(min<i64>(W, p.c - c)));
    }
}

}  // namespace

void max_pool2d(const args::max_pool2d<float>& p, Context& context) {
  const i64 row = static_cast<i64>(p.iw) * p.c, work = static_cast<i64>(p.n) * p.ih * row;
  const i64 rows = static_cast<i64>(p.n) * p.oh, block = max<i64>(1, chunk / max<i64>(1, row * p.stride_h));
  const bool dense_2x2 = p.kh == 2 && p.kw == 2 && p.dil_h == 1 && p.dil_w == 1;
  parallel_if(context, work, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++) {
      const i64 image = i / p.oh, top = i % p.oh * p.stride_h - p.pad_h;
      const Taps taps = taps_inside(top, p.kh, p.dil_h, p.ih);
      for (i64 ow = 0; ow < p.ow; ow++) {
        const i64 left = ow * p.stride_w - p.pad_w, at = (i * p.ow + ow) * p.c;
        const float* x = p.x + (image * p.ih + top) * row + left * p.c;
        const Taps columns = taps_inside(left, p.kw, p.dil_w, p.iw);
        if (dense_2x2 && taps.end - taps.begin == 2 && columns.end - columns.begin == 2)
          pool_2x2(p, x, at);
        else
          pool_window(p, x, at, taps, columns);
      }
    }
  });
}

void max_pool2d_backward(const Backward& p, Context& context) {
  const bool apart = p.stride_h >= p.kh && p.stride_w >= p.kw && p.dil_h == 1 && p.dil_w == 1 && p.oh > 0;
  const i64 per_image = apart ? p.oh : p.ih, rows = per_image * p.n;
  const i64 work = static_cast<i64>(p.n) * p.ih * p.iw * p.c, block = max<i64>(1, chunk * rows / max<i64>(1, work));
  parallel_if(context, work, ceil_div(rows, block), [&](i64 task, int) {
    for (i64 i = task * block; i < min(rows, (task + 1) * block); i++)
      apart ? scatter_row(p, i / per_image, i % per_image) : gather_row(p, i / per_image, i % per_image);
  });
}

}  // namespace quern::QUERN_ISA
