// The one driver under convolution forward and backward-data: a matrix product whose rows of A are gathered from an
// image through a list of taps, y[oy][ox] = bias + Σ_t x[oy·step + tap_y[t]][ox·step + tap_x[t]] · w[t].
#pragma once
#include "row_tile.h"
#include "slabs.h"

namespace quern::QUERN_ISA {

// What one pass over the tiles of a slab multiplies with: panels [first, last), taps [tap, tap + taps).
struct Pass {
  i64 group, first, last, tap, taps;
};

// One tile of `rows` pixels; t.a and t.c are where its slab begins, t.sums the panels' sums.
inline void run_pass(const Gather& g, const Phase& f, const Pass& p, Tile t, int rows, float* tile_copy) {
  const i64 depth = f.taps * f.run, zero = 0;
  const float* weights = f.weights + p.group * depth * round_up(g.outputs, W);
  const float *a = t.a, *bias = g.bias && p.tap == 0 ? g.bias + p.group * g.outputs : nullptr;
  float* c = t.c;
  t.accumulate = p.tap > 0;
  t.relu = g.relu && p.tap + p.taps == f.taps;
  t.delta += p.tap, t.taps = p.taps, t.run = f.run;
  if (copy_a) {
    for (i64 i = 0; i < t.taps; i++) pack_rows(tile_copy + i * t.run * rows, a + t.delta[i], t.a_offset, rows, t.run);
    t.a = tile_copy, t.a_step = rows, t.delta = &zero, t.run *= t.taps, t.taps = 1;
  }
  for (i64 panel = p.first; panel < p.last; panel++) {
    t.columns = static_cast<int>(min<i64>(NR, g.outputs - panel * NR));
    t.b_step = t.columns > W ? NR : W;
    t.b = weights + panel * depth * NR + p.tap * f.run * t.b_step;
    t.c = c + panel * NR;
    t.bias = bias ? bias + panel * NR : nullptr;
    run_tile<copy_a ? A::steps : A::rows>(rows, t);
    t.ahead = nullptr;  // the first panel has fetched it
    if (t.sums) t.sums++;
  }
}

// Memory that will be read soon.
struct Coming {
  const float* from;  // null: nothing
  i64 floats;

  Coming part(i64 begin, i64 end, i64 of) const {
    return {from ? from + floats * begin / of : nullptr, floats * end / of - floats * begin / of};
  }
};

// The rows of A of the next tile: where each is read by one tap alone, nothing else brings them near in time. Tiles do
// it themselves where they lie in line.
QUERN_INLINE void fetch_rows(const float* a, const i64* offset, i64 first, i64 last, i64 run) {
  for (i64 m = first; m < last; m++)
    for (i64 k = 0; k < run; k += 16) __builtin_prefetch(a + offset[m] + k);
}

// Pixels [begin, end) of a slab.
inline void run_tiles(const Gather& g, const Phase& f, Tile t, Pass p, i64 begin, i64 end, float* tile_copy,
                      const Coming& coming) {
  const i64 last = p.last, panel_floats = f.taps * f.run * NR;
  const bool at_once = walks_weights(f, p.last - p.first);
  const i64 panels = at_once ? last - p.first : 1;
  const i64 passes = at_once ? 1 : max<i64>(1, min(f.taps, ceil_div(panel_floats, weight_floats)));
  const i64 first_panel = p.first;
  for (; p.first < last; p.first += panels) {
    p.last = p.first + panels;
    for (i64 pass = 0; pass < passes; pass++) {
      p.tap = f.taps * pass / passes;
      p.taps = f.taps * (pass + 1) / passes - p.tap;
      for_tiles(end - begin, [&](i64 place, int rows) {
        const i64 first = begin + place;
        t.a_offset = f.a_offset + first, t.c_offset = f.c_offset + first;
        t.starts_sums = place == 0, t.ahead = nullptr;
        if (f.in_line)
          t.ahead = t.a + f.a_offset[first] + rows * f.run, t.ahead_step = rows;
        else if (f.one_tap)
          fetch_rows(t.a, f.a_offset, first + rows, min(end, first + 2 * rows), f.run);
        else if (pass == 0 && p.first == first_panel) {
          const Coming part = coming.part(place, place + rows, end - begin);
          t.ahead = part.from, t.ahead_step = ceil_div(part.floats, max<i64>(1, p.taps * f.run));
        }
        run_pass(g, f, p, t, rows, tile_copy);
      });
    }
  }
}

// The panels of a pass, all rows of a slab; t.a and t.c are where it begins.
inline void run_rows(const Gather& g, const Slabs& s, const Phase& f, const Pass& p, const Tile& t, i64 images,
                     i64 rows) {
  RowTile r{};
  r.delta = t.delta, r.rows = f.taps / 3, r.depth = g.channels, r.pixel = s.pixel;
  r.c_pixel = g.y_pixel, r.relu = g.relu, r.streams = s.streams;
  const i64 depth = f.taps * g.channels, end = min(p.last * NR, g.outputs);
  const float* weights = f.weights + p.group * depth * round_up(g.outputs, W);
  for (i64 n = 0; n < images; n++)
    for (i64 y = 0; y < rows; y++)
      for (i64 i = p.first * NR; i < end; i += W) {
        const i64 panel = i / NR * NR;
        r.b = weights + panel * depth + i % NR, r.b_step = g.outputs - panel > W ? NR : W;
        r.columns = static_cast<int>(min<i64>(W, g.outputs - i));
        r.bias = g.bias ? g.bias + p.group * g.outputs + i : nullptr;
        r.a = t.a + n * s.image + y * g.step_h * s.row, r.c = t.c + n * g.y_image + y * g.y_row + i;
        run_row_tiles(r, f.columns);
      }
}

// What a task of the gather works on: rows [y, y + rows) of images [n, n + images), some panels.
struct Slab {
  i64 place, n, images, y, rows;
  Pass pass;
};

// The moments of some panels' columns over n pixels, from their sums.
inline void finish_sums(const Gather& g, const Slabs& s, const Pass& p, const PanelSums* sums, i64 part, i64 n) {
  for (i64 panel = p.first; panel < p.last; panel++, sums++)
    for (i64 i = 0; i < min<i64>(NR, g.outputs - panel * NR); i += W) {
      const vf first[1] = {load(sums->first + i)};
      DoubleSum sum[1], square[1];
      sum[0].add(load(sums->sum + i)), square[0].add(load(sums->square + i));
      write_moments(s.moments, part, p.group * g.outputs + panel * NR + i, W, n, first, sum, square);
    }
}

// The pixels of a slab that one phase has; a: where its source begins.
inline void run_phase(const Gather& g, const Slabs& s, const Phase& f, const Slab& u, const float* a, float* tile_copy,
                      PanelSums* sums, const Coming& coming) {
  const i64 rows = min(u.rows, f.rows - u.y), pixels = u.images * rows * f.columns, group = u.pass.group;
  if (pixels <= 0) return;
  Tile t{};
  t.a = a, t.delta = f.delta, t.streams = s.streams, t.sums = sums;
  t.c = f.y + u.n * g.y_image + u.y * g.y_row + group * g.outputs;
  Pass pass = u.pass;
  pass.taps = f.taps;
  if (f.tiles == TileKind::neighbours) run_rows(g, s, f, u.pass, t, u.images, rows);
  if (f.tiles == TileKind::dots) {
    const float* weights = f.weights + group * g.outputs * f.taps * f.run;
    const i64 tiles = ceil_div(pixels, dot_pixels(static_cast<int>(g.outputs)));
    run_dot_tiles({a, f.a_offset, f.c_offset, f.delta, f.taps, f.run, weights, t.c,
                   g.bias ? g.bias + group * g.outputs : nullptr, g.relu, coming.from, ceil_div(coming.floats, tiles)},
                  pixels, g.outputs);
  }
  const bool common = f.tiles == TileKind::common;
  // Slabs of y are whole rows of whole images, or rows of one.
  const i64 origin = (u.n * f.rows + u.y) * f.columns, channel = group * g.outputs;
  const bool in_cache = g.statistics && common && walks_weights(f, pass.last - pass.first);
  const i64 block = in_cache ? moment_pixels : pixels;
  for (i64 begin = 0, part = u.place * s.blocks; begin < pixels; begin += block, part++) {
    const i64 end = min(pixels, begin + block);
    if (common) run_tiles(g, f, t, pass, begin, end, tile_copy, coming.part(begin, end, pixels));
    if (sums)
      finish_sums(g, s, pass, sums, part, end - begin);
    else if (g.statistics)
      for_vectors(part, channel + pass.first * NR, channel + min(pass.last * NR, g.outputs), origin + begin,
                  origin + end, ColumnMoments<>{f.y, s.moments});
  }
  if (s.streams) end_streams();
}

// What the slab after a place reads and that place's does not; nothing where the next task works on the same place.
inline Coming after(const Gather& g, const Slabs& s, i64 place) {
  if (g.groups > 1 || s.chunks > 1 || place + 1 >= s.across_y * s.across_n) return {};
  auto end = [&](i64 i) {
    const i64 last_image = min((i / s.across_y + 1) * s.images, g.images) - 1;
    const i64 last_row = i % s.across_y * s.rows * g.step_h + s.top + s.height;
    return (last_image * g.height + max<i64>(0, min(g.height, last_row))) * g.width * g.channels;
  };
  const i64 from = end(place), floats = end(place + 1) - from;
  return {floats > 0 ? g.x + from : nullptr, max<i64>(0, floats)};
}

inline void run_slab(const Gather& g, const Slabs& s, i64 index, int worker) {
  const i64 chunk = index % s.chunks, slab = index / s.chunks;
  const i64 group = slab % g.groups, place = slab / g.groups;
  const i64 y = place % s.across_y * s.rows, n = place / s.across_y * s.images;
  const Slab u{place,
               n,
               min(s.images, g.images - n),
               y,
               min(s.rows, g.phases[0].rows - y),
               {group, s.panels * chunk / s.chunks, s.panels * (chunk + 1) / s.chunks, 0, 0}};
  const Coming coming = after(g, s, place);
  float *own = s.copies + worker * (s.copy_floats + s.tile_floats), *tile_copy = own + s.copy_floats;
  PanelSums* sums = s.sums ? s.sums + worker * s.panels : nullptr;
  if (s.padded) pad_slab(g, s, own, group, n, u.images, y);
  const float* a =
      s.padded ? own : g.x + n * s.image + (y * g.step_h + s.top) * s.row + s.left * s.pixel + group * g.channels;
  for (i64 i = 0; i < g.phase_count; i++)
    run_phase(g, s, g.phases[i], u, a, tile_copy, sums, coming.part(i, i + 1, g.phase_count));
}

// At least one phase.
inline void gather_gemm(const Gather& g, Context& context) {
  const Phase& first = g.phases[0];
  if (g.images == 0 || first.rows == 0 || first.columns == 0 || g.outputs == 0) return;
  Slabs s = make_slabs(g, context.threads);
  if (!make_tables(g, s, context)) return;
  const i64 tasks = s.across_y * s.across_n * g.groups * s.chunks;
  i64 work = 0;
  for (i64 i = 0; i < g.phase_count; i++) {
    const Phase& f = g.phases[i];
    work += g.images * f.rows * f.columns * g.groups * g.outputs * max<i64>(1, f.taps * f.run);
  }
  for_tasks(context, work, tasks, [&](i64 i, int worker) { run_slab(g, s, i, worker); });
  if (g.statistics) write_statistics(*g.statistics, s.moments);
}

}  // namespace quern::QUERN_ISA
