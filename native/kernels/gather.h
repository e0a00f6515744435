// The one driver under convolution forward and backward-data: a matrix product whose rows of A are gathered from an
// image through a list of taps, y[oy][ox] = bias + Σ_t x[oy·step + tap_y[t]][ox·step + tap_x[t]] · w[t].
#pragma once
#include "moments.h"
#include "pack.h"
#include "row_tile.h"

namespace quern::QUERN_ISA {

constexpr i64 slab_floats = 96 << 10;    // of the source that one task works on: it shares L2 with weights and output
constexpr i64 slab_pixels = 2048;        // of y: small enough for the tables to be made in no time
constexpr i64 weight_floats = 80 << 10;  // of packed weights that stay in L2 while the tiles of a slab pass by
constexpr i64 moment_pixels = 18 * MR;   // of y: still in cache when their statistics are taken

// Pixels a multiple of 4 KB apart share one set of L1: they are copied to a kinder distance.
inline bool pixels_collide(i64 channels) { return channels > 0 && channels % 1024 == 0; }

struct Gather {
  i64 images, rows, columns;  // of y
  float* y;
  i64 y_image, y_row, y_pixel;  // strides
  const float* x;               // x(images,height,width,channels·groups); zero outside
  i64 height, width, channels;  // channels of one group
  i64 step_h, step_w;
  i64 groups, outputs;   // outputs: channels of y in one group
  const float* weights;  // packed: (groups, panels, taps, run, NR or, for the last, W)
  const float* bias;
  bool relu;
  i64 taps, run;  // floats of x under each tap, contiguous
  i64 reach;      // pixels that a run covers
  const i64 *tap_y, *tap_x;
  const args::conv2d<float>* statistics;  // null, or who wants y's
};

// What follows from it: how y is cut into slabs, and where the source of a slab lies.
struct Slabs {
  i64 images, rows;        // of y, in one slab
  i64 across_y, across_n;  // slabs down an image, and along the images
  i64 panels;              // of each group
  i64 chunks;              // that the panels are split into when slabs alone are too few
  bool padded;             // the source is a copy with zeros around it
  i64 top, left;           // source row and column of y's first pixel and first tap
  i64 height, width;       // of the source of a slab
  i64 image, row, pixel;   // strides of the source
  bool row_tiles;          // the whole slab by row_tile.h
  i64 *a_offset, *c_offset, *delta;
  float* copies;
  i64 copy_floats, tile_floats;  // per worker: the padded slab, and the copy of a tile where A is copied
  i64 blocks;                    // of moment_pixels in a slab
  Moments moments;               // of each, if wanted
};

inline void lowest_and_highest(const i64* v, i64 n, i64& low, i64& high) {
  low = high = n > 0 ? v[0] : 0;
  for (i64 i = 1; i < n; i++) low = min(low, v[i]), high = max(high, v[i]);
}

inline i64 source_rows(const Gather& g, i64 rows, i64 span) { return (rows - 1) * g.step_h + span; }

// Whether row_tile.h serves: one vector of outputs, and in each row of taps three neighbours, which are one tap with a
// run over three pixels, or taps of their own from right to left.
inline bool has_row_tiles(const Gather& g) {
  if (copy_a || g.outputs > W || g.step_w != 1 || g.columns < 4) return false;
  if (g.reach == 3) return true;
  for (i64 t = 0; t < g.taps; t++)
    if (g.tap_x[t] != g.tap_x[0] - t % 3 || g.tap_y[t] != g.tap_y[t - t % 3]) return false;
  return g.reach == 1 && g.taps > 0 && g.taps % 3 == 0;
}

inline Slabs make_slabs(const Gather& g, int threads) {
  Slabs s{};
  i64 bottom, right;
  lowest_and_highest(g.tap_y, g.taps, s.top, bottom);
  lowest_and_highest(g.tap_x, g.taps, s.left, right);
  right += g.reach - 1;
  const i64 span = bottom - s.top + 1;
  s.width = (g.columns - 1) * g.step_w + right - s.left + 1;
  s.padded = s.top < 0 || s.left < 0 || (g.rows - 1) * g.step_h + bottom >= g.height ||
             (g.columns - 1) * g.step_w + right >= g.width || pixels_collide(g.channels * g.groups);
  s.pixel = s.padded ? g.channels + (pixels_collide(g.channels) ? 16 : 0) : g.channels * g.groups;
  s.row = s.padded ? s.width * s.pixel : g.width * s.pixel;

  const i64 image_floats = source_rows(g, g.rows, span) * s.row;
  const i64 fitting = min(slab_floats / max<i64>(1, image_floats), slab_pixels / max<i64>(1, g.rows * g.columns));
  s.images = max<i64>(1, min(fitting, g.images / (4 * threads)));
  s.rows = g.rows;
  if (image_floats > slab_floats) {
    const i64 fit = max<i64>(1, ((slab_floats / s.row) - span) / g.step_h + 1);
    s.rows = ceil_div(g.rows, ceil_div(g.rows, fit));
  }
  s.panels = ceil_div(g.outputs, NR);
  s.row_tiles = has_row_tiles(g);
  s.across_n = ceil_div(g.images, s.images);
  // Too few slabs for the threads: cut small weights' images further, and large weights by panels.
  const i64 wanted = 4 * threads, whole = s.across_n * g.groups;
  const bool small = g.taps * g.run * g.outputs <= weight_floats;
  if (small && whole * ceil_div(g.rows, s.rows) < wanted && whole % threads != 0)
    s.rows = ceil_div(g.rows, min(g.rows, ceil_div(wanted, whole)));
  s.across_y = ceil_div(g.rows, s.rows);
  const i64 slabs = whole * s.across_y;
  s.chunks = slabs >= wanted || slabs % threads == 0 ? 1 : min<i64>(s.panels, ceil_div(wanted, slabs));
  s.height = source_rows(g, s.rows, span);
  s.image = s.padded ? s.height * s.row : g.height * s.row;
  s.copy_floats = s.padded ? round_up(s.images * s.image + NR, 16) : 0;
  s.tile_floats = copy_a ? round_up(g.taps * g.run * MR + NR, 16) : 0;
  return s;
}

// Offsets of the rows of A and C: one for each pixel of a slab, the same in every slab. False without memory.
inline bool make_tables(const Gather& g, Slabs& s, Context& context) {
  const i64 pixels = s.images * s.rows * g.columns;
  s.a_offset = scratch<i64>(context, 2 * pixels + max<i64>(1, g.taps));
  s.copies = scratch<float>(context, (s.copy_floats + s.tile_floats) * context.threads);
  if (!s.a_offset || !s.copies) return false;
  s.blocks = ceil_div(pixels, moment_pixels);
  const i64 parts = s.across_y * s.across_n * s.blocks;
  if (g.statistics && !make_moments(s.moments, parts, g.groups * g.outputs, context)) return false;
  s.c_offset = s.a_offset + pixels;
  s.delta = s.c_offset + pixels;
  i64 i = 0;
  for (i64 n = 0; n < s.images; n++)
    for (i64 y = 0; y < s.rows; y++)
      for (i64 x = 0; x < g.columns; x++, i++) {
        s.a_offset[i] = n * s.image + y * g.step_h * s.row + x * g.step_w * s.pixel;
        s.c_offset[i] = n * g.y_image + y * g.y_row + x * g.y_pixel;
      }
  for (i64 t = 0; t < g.taps; t++) s.delta[t] = (g.tap_y[t] - s.top) * s.row + (g.tap_x[t] - s.left) * s.pixel;
  return true;
}

// out(width,pixel) = a row of pixels from column `left` of x(columns,x_pixel) on, `channels` of each; zeros around
inline void pad_row(float* out, i64 pixel, i64 width, const float* x, i64 x_pixel, i64 columns, i64 channels,
                    i64 left) {
  const i64 before = min(width, max<i64>(0, -left)), end = max(before, min(width, columns - left));
  clear(out, before * pixel);
  if (pixel == x_pixel)
    copy(out + before * pixel, x + (before + left) * x_pixel, (end - before) * pixel);
  else
    for (i64 i = before; i < end; i++) copy(out + i * pixel, x + (i + left) * x_pixel, channels);
  clear(out + end * pixel, (width - end) * pixel);
}

// The padded copy of the source of y's rows [y, …) of `images` images from n on.
inline void pad_slab(const Gather& g, const Slabs& s, float* out, i64 group, i64 n, i64 images, i64 y) {
  const i64 x_pixel = g.channels * g.groups;
  for (i64 i = 0; i < images; i++)
    for (i64 r = 0; r < s.height; r++, out += s.row) {
      const i64 row = y * g.step_h + s.top + r;
      if (row < 0 || row >= g.height)
        clear(out, s.row);
      else
        pad_row(out, s.pixel, s.width, g.x + ((n + i) * g.height + row) * g.width * x_pixel + group * g.channels,
                x_pixel, g.width, g.channels, s.left);
    }
}

// What one pass over the tiles of a slab multiplies with: panels [first, last), taps [tap, tap + taps).
struct Pass {
  i64 group, first, last, tap, taps;
};

// One tile of `rows` pixels; t.a and t.c are where its slab begins.
inline void run_pass(const Gather& g, const Pass& p, Tile t, int rows, float* tile_copy) {
  const i64 depth = g.taps * g.run, zero = 0;
  const float* weights = g.weights + p.group * depth * round_up(g.outputs, W);
  const float *a = t.a, *bias = g.bias && p.tap == 0 ? g.bias + p.group * g.outputs : nullptr;
  float* c = t.c;
  t.accumulate = p.tap > 0;
  t.relu = g.relu && p.tap + p.taps == g.taps;
  t.delta += p.tap, t.taps = p.taps, t.run = g.run;
  if (copy_a) {
    for (i64 i = 0; i < t.taps; i++) pack_rows(tile_copy + i * t.run * rows, a + t.delta[i], t.a_offset, rows, t.run);
    t.a = tile_copy, t.a_step = rows, t.delta = &zero, t.run *= t.taps, t.taps = 1;
  }
  for (i64 panel = p.first; panel < p.last; panel++) {
    t.columns = static_cast<int>(min<i64>(NR, g.outputs - panel * NR));
    t.b_step = t.columns > W ? NR : W;
    t.b = weights + panel * depth * NR + p.tap * g.run * t.b_step;
    t.c = c + panel * NR;
    t.bias = bias ? bias + panel * NR : nullptr;
    run_tile<copy_a ? A::steps : A::rows>(rows, t);
  }
}

// The rows of A of the next tile: where each is read by one tap alone, nothing else brings them near in time.
QUERN_INLINE void fetch_rows(const float* a, const i64* offset, i64 first, i64 last, i64 run) {
  for (i64 m = first; m < last; m++)
    for (i64 k = 0; k < run; k += 16) __builtin_prefetch(a + offset[m] + k);
}

// Weights that fit in L2 are walked for each tile; of larger ones as much as fits, for all tiles.
inline bool walks_weights(const Gather& g, const Pass& p) {
  return copy_a || (p.last - p.first) * g.taps * g.run * NR <= weight_floats;
}

// Pixels [begin, end) of a slab.
inline void run_tiles(const Gather& g, const Slabs& s, Tile t, Pass p, i64 begin, i64 end, float* tile_copy) {
  const i64 last = p.last, panel_floats = g.taps * g.run * NR;
  const bool at_once = walks_weights(g, p);
  const i64 panels = at_once ? last - p.first : 1;
  const i64 passes = at_once ? 1 : max<i64>(1, min(g.taps, ceil_div(panel_floats, weight_floats)));
  for (; p.first < last; p.first += panels) {
    p.last = p.first + panels;
    for (i64 pass = 0; pass < passes; pass++) {
      p.tap = g.taps * pass / passes;
      p.taps = g.taps * (pass + 1) / passes - p.tap;
      for_tiles(end - begin, [&](i64 place, int rows) {
        const i64 first = begin + place;
        t.a_offset = s.a_offset + first, t.c_offset = s.c_offset + first;
        if (g.taps == 1) fetch_rows(t.a, s.a_offset, first + rows, min(end, first + 2 * rows), g.run);
        run_pass(g, p, t, rows, tile_copy);
      });
    }
  }
}

// All rows of a slab; t.a and t.c are where it begins.
inline void run_rows(const Gather& g, const Slabs& s, const Tile& t, i64 group, i64 images, i64 rows) {
  const bool joined = g.reach == 3;
  const i64 tap = g.channels * W, row_taps = joined ? 1 : 3, rows_of_taps = g.taps / row_taps;
  const float* weights = g.weights + group * g.taps * g.run * W;
  RowTile r{};
  r.delta = t.delta + (joined ? 0 : 2), r.delta_step = row_taps;  // of the leftmost tap
  r.rows = rows_of_taps, r.depth = g.channels, r.pixel = s.pixel;
  r.b = weights + (joined ? 0 : 2 * tap), r.b_row = 3 * tap, r.b_tap = joined ? tap : -tap;
  r.c_pixel = g.y_pixel, r.columns = static_cast<int>(g.outputs);
  r.bias = g.bias ? g.bias + group * g.outputs : nullptr, r.relu = g.relu;
  for (i64 n = 0; n < images; n++)
    for (i64 y = 0; y < rows; y++) {
      r.a = t.a + n * s.image + y * g.step_h * s.row, r.c = t.c + n * g.y_image + y * g.y_row;
      run_row_tiles(r, g.columns);
    }
}

inline void run_slab(const Gather& g, const Slabs& s, i64 index, int worker) {
  const i64 chunk = index % s.chunks, slab = index / s.chunks;
  const i64 group = slab % g.groups, place = slab / g.groups;
  const i64 y = place % s.across_y * s.rows, n = place / s.across_y * s.images;
  const i64 rows = min(s.rows, g.rows - y), images = min(s.images, g.images - n);
  float* own = s.copies + worker * (s.copy_floats + s.tile_floats);
  Tile t{};
  if (s.padded) {
    pad_slab(g, s, own, group, n, images, y);
    t.a = own;
  } else {
    t.a = g.x + n * s.image + (y * g.step_h + s.top) * s.row + s.left * s.pixel + group * g.channels;
  }
  t.delta = s.delta;
  t.c = g.y + n * g.y_image + y * g.y_row + group * g.outputs;
  const Pass pass{group, s.panels * chunk / s.chunks, s.panels * (chunk + 1) / s.chunks, 0, g.taps};
  const i64 pixels = images * rows * g.columns;
  if (s.row_tiles) run_rows(g, s, t, group, images, rows);
  if (!g.statistics && !s.row_tiles) return run_tiles(g, s, t, pass, 0, pixels, own + s.copy_floats);
  // Slabs of y are whole rows of whole images, or rows of one.
  const i64 origin = (n * g.rows + y) * g.columns, channel = group * g.outputs;
  const i64 block = walks_weights(g, pass) && !s.row_tiles ? moment_pixels : pixels;
  for (i64 begin = 0, part = place * s.blocks; begin < pixels; begin += block, part++) {
    const i64 end = min(pixels, begin + block);
    if (!s.row_tiles) run_tiles(g, s, t, pass, begin, end, own + s.copy_floats);
    if (g.statistics)
      for_vectors(part, channel + pass.first * NR, channel + min(pass.last * NR, g.outputs), origin + begin,
                  origin + end, ColumnMoments{g.y, s.moments});
  }
}

inline void gather_gemm(const Gather& g, Context& context) {
  if (g.images == 0 || g.rows == 0 || g.columns == 0 || g.outputs == 0) return;
  Slabs s = make_slabs(g, context.threads);
  if (!make_tables(g, s, context)) return;
  const i64 tasks = s.across_y * s.across_n * g.groups * s.chunks;
  const i64 work = g.images * g.rows * g.columns * g.groups * g.outputs * max<i64>(1, g.taps * g.run);
  for_tasks(context, work, tasks, [&](i64 i, int worker) { run_slab(g, s, i, worker); });
  if (g.statistics) write_statistics(*g.statistics, s.moments);
}

}  // namespace quern::QUERN_ISA
