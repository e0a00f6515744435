// Backward max pooling whose windows overlap: each pixel of dx gathers dy of those that have their maximum there.
#pragma once
#include "strided.h"

namespace quern::QUERN_ISA {

using MaxPoolBackward = args::max_pool2d_backward<float>;

// A window over an input pixel: where its dy is, and which of its taps the pixel is. Along one dim first, of the window
// and the tap in it.
struct Covering {
  i64 at;
  i32 tap;
};

// The windows of one dim over input position i, backwards: in the order of taps. Returns how many.
inline i64 windows_over(Covering* out, i32 i, i32 pad, i32 taps, i32 dilation, i32 stride, i32 count) {
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

// Any windows: each pixel of columns [first, last) of a row gathers. `own` and `over` have room for the windows over a
// row.
template <class Index>
void gather_row(const MaxPoolBackward& p, const Index* index, i64 image, i64 row, i64 first, i64 last,
                const Columns& columns, Covering* own, WindowRow<Index>* over) {
  const i64 c = p.c, line = p.iw * c;
  float* dx = p.dx + (image * p.ih + row) * line + first * c;
  const i64 down = windows_over(own, static_cast<i32>(row), p.pad_h, p.kh, p.dil_h, p.stride_h, p.oh);
  for (i64 r = 0; r < down; r++) {
    const i64 at = (image * p.oh + own[r].at) * p.ow * c;
    over[r] = {p.dy + at, index + at, own[r].tap * p.kw};
  }
  for (i64 iw = first; iw < last; iw++, dx += c) {
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

// Windows of 3×3 taps with stride 2: the 2×2 pixels under window (oh,ow)'s first taps, which share it and those above
// and to the left of it.
template <class Index>
QUERN_INLINE void gather_square(const MaxPoolBackward& p, const Index* index, float* dx, i64 oh, i64 ow, i64 image) {
  const i64 c = p.c, line = p.iw * c, at = ((image * p.oh + oh) * p.ow + ow) * c, above = at - p.ow * c;
  const i64 places[4] = {at, at - c, above, above - c};
  prefetch(p.dy + at + 4 * c, c);
  prefetch(reinterpret_cast<const float*>(index + at + 4 * c), c / 4);
  prefetch(dx + 2 * line, 2 * c);
  prefetch(dx + 3 * line, 2 * c);
  for (i64 i = 0; i < c; i += W) {
    vf dy[4];
    vi tap[4];
    for_each<1, 4>([&](int, int w) { dy[w] = load(p.dy + places[w] + i), tap[w] = load_index(index + places[w] + i); });
    const auto part = [&](int w, i32 t) { return select(tap[w] == t, dy[w], vf{}); };
    store_lanes(dx + i, part(0, 0) + part(1, 2) + part(2, 6) + part(3, 8), c - i);
    store_lanes(dx + c + i, part(0, 1) + part(2, 7), c - i);
    store_lanes(dx + line + i, part(0, 3) + part(1, 5), c - i);
    store_lanes(dx + line + c + i, part(0, 4), c - i);
  }
}

template <class Index>
void gather_rows(const MaxPoolBackward& p, const Index* index, Context& context) {
  const bool squares = p.kh == 3 && p.kw == 3 && p.stride_h == 2 && p.stride_w == 2 && p.dil_h == 1 && p.dil_w == 1;
  // Bands of rows: of two that begin where a window does, or of one.
  const i64 height = squares ? 2 : 1, pad = squares ? p.pad_h : 0, of_image = ceil_div(p.ih + pad, height);
  const i64 bands = of_image * p.n, work = static_cast<i64>(p.n) * p.ih * p.iw * p.c;
  const i64 block = max<i64>(1, chunk * bands / max<i64>(1, work));
  Covering* own = scratch<Covering>(context, p.kh * context.threads + static_cast<i64>(p.iw) * p.kw);
  WindowRow<Index>* over = scratch<WindowRow<Index>>(context, p.kh * context.threads);
  i32* counts = scratch<i32>(context, p.iw);
  if (!own || !over || !counts) return;
  Covering* across = own + p.kh * context.threads;
  for (i64 iw = 0; iw < p.iw; iw++)
    counts[iw] = static_cast<i32>(
        windows_over(across + iw * p.kw, static_cast<i32>(iw), p.pad_w, p.kw, p.dil_w, p.stride_w, p.ow));
  // Windows of a row of which the one before exists and whose first two columns lie on the image.
  const i64 begin = max<i64>(1, ceil_div(p.pad_w, 2)), end = max<i64>(begin, min<i64>(p.ow, (p.iw + p.pad_w) / 2));
  parallel_if(context, work, ceil_div(bands, block), [&](i64 task, int worker) {
    for (i64 i = task * block; i < min(bands, (task + 1) * block); i++) {
      const i64 image = i / of_image, oh = i % of_image, top = oh * height - pad;
      const bool paired = squares && oh > 0 && oh < p.oh && top >= 0 && top + 2 <= p.ih && end > begin;
      const i64 left = paired ? begin * 2 - p.pad_w : p.iw, right = paired ? end * 2 - p.pad_w : p.iw;
      for (i64 row = max<i64>(0, top); row < min<i64>(p.ih, top + height); row++) {
        const auto gather = [&](i64 first, i64 last) {
          gather_row(p, index, image, row, first, last, {across, counts}, own + worker * p.kh, over + worker * p.kh);
        };
        gather(0, left);
        gather(right, p.iw);
      }
      float* const dx = p.dx + ((image * p.ih + top) * p.iw - p.pad_w) * p.c;
      for (i64 ow = begin; paired && ow < end; ow++) gather_square(p, index, dx + ow * 2 * p.c, oh, ow, image);
    }
  });
}

}  // namespace quern::QUERN_ISA
