// How a gathered product is cut into slabs, which kind of tile computes them, and where their source lies.
#pragma once
#include "dot_tile.h"
#include "moments.h"

namespace quern::QUERN_ISA {

constexpr i64 slab_floats = 96 << 10;    // of the source that one task works on: it shares L2 with weights and output
constexpr i64 slab_pixels = 2048;        // of y: small enough for the tables to be made in no time
constexpr i64 weight_floats = 80 << 10;  // of packed weights that stay in L2 while the tiles of a slab pass by
constexpr i64 short_depth = 16;          // channels: their products are so short that loading x is what they wait for
constexpr i64 moment_pixels = 18 * MR;   // of y: still in cache when their statistics are taken

// Pixels a multiple of 4 KB apart share one set of L1: they are copied to a kinder distance.
inline bool pixels_collide(i64 channels) { return channels > 0 && channels % 1024 == 0; }

// Which tiles compute y: those of microkernel.h, row_tile.h or dot_tile.h.
enum class TileKind { common, neighbours, dots };

// Pixels of y that gather through the same taps: all of them, or those that a stride of backward-data reaches alike.
struct Phase {
  i64 rows, columns;
  float* y;
  i64 taps;  // rising, row after row of them; those that lie in line are joined to one once the tables are made
  const i64 *tap_y, *tap_x;
  // Packed: (groups, panels, taps, run, NR or, for the last panel, W); for dots (groups, outputs, taps, run).
  const float* weights;
  TileKind tiles;
  i64 run;                           // floats of the source under each tap, contiguous
  bool one_tap;                      // of the kernel, not several that were joined
  bool in_line;                      // one tap, and what one pixel reads lies behind what the last one did
  i64 *a_offset, *c_offset, *delta;  // of each pixel of a slab, and of each tap: the same in every slab
};

struct Gather {
  Phase* phases;  // the first has as many rows and columns as any
  i64 phase_count;
  i64 images;
  i64 y_image, y_row, y_pixel;  // strides
  const float* x;               // x(images,height,width,channels·groups); zero outside
  i64 height, width, channels;  // channels of one group
  i64 step_h, step_w;
  i64 groups, outputs;  // outputs: channels of y in one group
  const float* bias;
  bool relu;
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
  float* copies;
  i64 copy_floats, tile_floats;  // per worker: the padded slab, the copy of a tile where A is copied
  i64 blocks;                    // of moment_pixels in a slab
  Moments moments;               // of each, if wanted
  PanelSums* sums;               // of each worker's panels, if the tiles themselves take the statistics
  bool streams;                  // y goes past the caches
};

// How many taps of each row lie side by side in the source, so that they are one with a longer run: all of them, or 1.
inline i64 taps_in_line(const Gather& g, const Phase& f) {
  if (g.groups > 1 || pixels_collide(g.channels)) return 1;
  i64 n = 1;
  while (n < f.taps && f.tap_y[n] == f.tap_y[0] && f.tap_x[n] == f.tap_x[n - 1] + 1) n++;
  return n;
}

// row_tile.h serves where three neighbours are each row of taps and there is one vector of outputs, or the products are
// short and a vector is a whole line. The common tiles take statistics on their way, which is worth more then.
inline bool has_neighbours(const Gather& g, const Phase& f) {
  const bool short_products = W >= 16 && g.channels <= short_depth && !g.statistics;
  if ((g.outputs > W && !short_products) || g.step_w != 1 || f.columns < 4) return false;
  for (i64 t = 0; t < f.taps; t++)
    if (f.tap_x[t] != f.tap_x[0] + t % 3 || f.tap_y[t] != f.tap_y[t - t % 3]) return false;
  return f.taps > 0 && f.taps % 3 == 0;
}

inline TileKind tile_kind(const Gather& g, const Phase& f) {
  if (copy_a) return TileKind::common;
  if (g.outputs <= most_dots && taps_in_line(g, f) * g.channels >= W) return TileKind::dots;
  return has_neighbours(g, f) ? TileKind::neighbours : TileKind::common;
}

inline i64 most_taps(const Gather& g) {
  i64 most = 0;
  for (i64 i = 0; i < g.phase_count; i++) most = max(most, g.phases[i].taps);
  return most;
}

// What the taps of all phases read, around the source pixels (y·step_h, x·step_w).
struct Span {
  i64 top, bottom, left, right;
};
inline Span span_of(const Gather& g) {
  Span s{};
  bool any = false;
  for (i64 i = 0; i < g.phase_count; i++)
    for (i64 t = 0; t < g.phases[i].taps; t++, any = true) {
      const i64 y = g.phases[i].tap_y[t], x = g.phases[i].tap_x[t];
      s = any ? Span{min(s.top, y), max(s.bottom, y), min(s.left, x), max(s.right, x)} : Span{y, y, x, x};
    }
  return s;
}

inline bool reads_beyond(const Gather& g) {
  for (i64 i = 0; i < g.phase_count; i++) {
    const Phase& f = g.phases[i];
    for (i64 t = 0; t < f.taps; t++)
      if (f.tap_y[t] < 0 || f.tap_x[t] < 0 || (f.rows - 1) * g.step_h + f.tap_y[t] >= g.height ||
          (f.columns - 1) * g.step_w + f.tap_x[t] >= g.width)
        return true;
  }
  return false;
}

inline Slabs make_slabs(const Gather& g, int threads) {
  Slabs s{};
  const i64 all_rows = g.phases[0].rows, columns = g.phases[0].columns;
  const Span around = span_of(g);
  const i64 span = around.bottom - around.top + 1;
  auto source_rows = [&](i64 rows) { return (rows - 1) * g.step_h + span; };
  s.top = around.top, s.left = around.left;
  s.width = (columns - 1) * g.step_w + around.right - around.left + 1;
  s.padded = reads_beyond(g) || pixels_collide(g.channels * g.groups);
  s.pixel = s.padded ? g.channels + (pixels_collide(g.channels) ? 16 : 0) : g.channels * g.groups;
  s.row = s.padded ? s.width * s.pixel : g.width * s.pixel;

  const i64 image_floats = source_rows(all_rows) * s.row;
  const i64 fitting = min(slab_floats / max<i64>(1, image_floats), slab_pixels / max<i64>(1, all_rows * columns));
  s.images = max<i64>(1, min(fitting, g.images / (4 * threads)));
  s.rows = all_rows;
  if (image_floats > slab_floats) {
    const i64 fit = max<i64>(1, ((slab_floats / s.row) - span) / g.step_h + 1);
    s.rows = ceil_div(all_rows, ceil_div(all_rows, fit));
  }
  s.panels = ceil_div(g.outputs, NR);
  s.across_n = ceil_div(g.images, s.images);
  // Too few slabs for the threads: cut small weights' images further, and large weights by panels.
  const i64 wanted = 4 * threads, whole = s.across_n * g.groups, taps = most_taps(g);
  const bool small = taps * g.channels * g.outputs <= weight_floats;
  if (small && whole * ceil_div(all_rows, s.rows) < wanted && whole % threads != 0)
    s.rows = ceil_div(all_rows, min(all_rows, ceil_div(wanted, whole)));
  s.across_y = ceil_div(all_rows, s.rows);
  const i64 slabs = whole * s.across_y;
  s.chunks = slabs >= wanted || slabs % threads == 0 ? 1 : min<i64>(s.panels, ceil_div(wanted, slabs));
  s.height = source_rows(s.rows);
  s.image = s.padded ? s.height * s.row : g.height * s.row;
  s.copy_floats = s.padded ? round_up(s.images * s.image + NR, 16) : 0;
  s.tile_floats = copy_a ? round_up(taps * g.channels * MR + NR, 16) : 0;
  return s;
}

// False without memory.
inline bool make_phase_tables(const Gather& g, const Slabs& s, Phase& f, Context& context) {
  f.tiles = tile_kind(g, f);
  f.one_tap = f.taps == 1;
  f.in_line = f.one_tap && !s.padded && g.step_w * s.pixel == g.channels;
  const i64 rows = min(s.rows, f.rows), pixels = f.tiles == TileKind::neighbours ? 0 : s.images * rows * f.columns;
  f.a_offset = scratch<i64>(context, 2 * pixels + f.taps + 1);
  if (!f.a_offset) return false;
  f.c_offset = f.a_offset + pixels;
  f.delta = f.c_offset + pixels;
  // Weights that are cut between taps are cut more evenly between many.
  const bool cut = f.tiles == TileKind::common && f.taps * g.channels * NR > weight_floats;
  const i64 joined = f.tiles == TileKind::neighbours || cut ? 1 : taps_in_line(g, f);
  f.taps /= joined, f.run = g.channels * joined;
  for (i64 i = 0; i < f.taps; i++) {
    const i64 t = i * joined;
    f.delta[i] = (f.tap_y[t] - s.top) * s.row + (f.tap_x[t] - s.left) * s.pixel;
  }
  for (i64 n = 0, i = 0; i < pixels; n++)
    for (i64 y = 0; y < rows; y++)
      for (i64 x = 0; x < f.columns; x++, i++) {
        f.a_offset[i] = n * s.image + y * g.step_h * s.row + x * g.step_w * s.pixel;
        f.c_offset[i] = n * g.y_image + y * g.y_row + x * g.y_pixel;
      }
  return true;
}

// Weights that fit in L2 are walked for each tile; of larger ones as much as fits, for all tiles.
inline bool walks_weights(const Phase& f, i64 panels) {
  return copy_a || panels * f.taps * f.run * NR <= weight_floats;
}

// Whether each tile makes all of some pixels of y before the next ones, in whole vectors.
inline bool makes_pixels(const Gather& g, const Slabs& s) {
  const Phase& f = g.phases[0];
  return g.phase_count == 1 && f.tiles == TileKind::common && walks_weights(f, s.panels) && g.outputs % W == 0;
}

inline bool make_tables(const Gather& g, Slabs& s, Context& context) {
  for (i64 i = 0; i < g.phase_count; i++)
    if (!make_phase_tables(g, s, g.phases[i], context)) return false;
  s.copies = scratch<float>(context, (s.copy_floats + s.tile_floats) * context.threads);
  if (!s.copies) return false;
  const Phase& f = g.phases[0];
  const bool by_pixels = makes_pixels(g, s);
  const bool by_rows = g.phase_count == 1 && f.tiles == TileKind::neighbours && !g.statistics;
  // The tiles would wait for lines from memory that they overwrite.
  s.streams = (by_pixels || by_rows) && g.groups == 1 && g.y_pixel == g.outputs &&
              streams_past_caches(f.y, g.images * f.rows * f.columns, g.outputs);
  if (!g.statistics) return true;
  if (by_pixels) s.sums = scratch<PanelSums>(context, s.panels * context.threads);
  s.blocks = ceil_div(s.images * s.rows * f.columns, moment_pixels);
  const i64 parts = s.across_y * s.across_n * s.blocks;
  return (s.sums || !by_pixels) && make_moments(s.moments, parts, g.groups * g.outputs, context);
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

}  // namespace quern::QUERN_ISA
