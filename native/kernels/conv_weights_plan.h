// How backward-weights is cut into tasks and units, and what is copied before use. All depends on shapes and threads
// alone.
#pragma once
#include "conv_shape.h"
#include "pack.h"
#include "row_sums.h"

namespace quern::QUERN_ISA {
namespace {

using Args = args::conv2d_backward_weights<float>;

// dw[tap][c][o] = Σ_pixel x[pixel + tap][c] · dy[pixel][o]: matrix products whose k is the pixel. What stands down a
// register tile is, by kind, steps: c; rows: (tap, c), for few channels.
struct Plan {
  A kind;
  i64 groups, channels, outputs, taps;     // channels and outputs of one group
  i64 panels, rows, group_floats;          // of the sums: (groups, panels, rows, NR or W), rows = taps·channels
  i64 together, panel_groups;              // panels that one task sums, so that it prepares x once for all of them
  i64 images, unit_rows, across_y, units;  // a unit of work: so many rows of so many images
  i64 slices, slice_floats;                // the units are split into slices, each with its own sums
  i64 height, width;                       // of the part of x under a unit
  bool neighbours;                         // row_sums.h serves
  bool x_in_place, dy_in_place;            // read where it is; else copied, x tile by tile and dy panel by panel
  i64 dy_floats, x_floats, worker_floats;  // copies, per worker
  float *memory, *sums, *bias_sums;
};

inline i64 phase_width(const Plan& w, const Args& p) { return ceil_div(w.width, p.stride_w); }
inline i64 row_width(const Plan& w, const Args& p) { return p.stride_w * phase_width(w, p); }

inline void choose_units(Plan& w, const Args& p, int threads) {
  const i64 image_pixels = i64(p.oh) * p.ow, pixels = p.n * image_pixels;
  // Of 160 outputs where that comes out even, else of 128: a power of two of panels stays one of groups, which threads
  // share evenly.
  const i64 few = ceil_div(w.panels, 160 / NR);
  w.panel_groups = w.panels % few == 0 ? few : ceil_div(w.panels, 128 / NR);
  w.together = ceil_div(w.panels, w.panel_groups);
  // Few enough for dy, and x of 1×1, which is rarely copied, to share L2; many enough to pay for loading the sums
  // again.
  const i64 x_pixels = w.taps == 1 ? max<i64>(128, 49152 / max<i64>(1, w.channels)) : 1024;
  const i64 most = min(x_pixels, min<i64>(1024, 32768 / (NR * w.together)));
  const i64 fit = max<i64>(64, min(most, ceil_div(pixels, 4 * threads)));
  w.images = max<i64>(1, min<i64>(fit / image_pixels, p.n));
  w.unit_rows = ceil_div(p.oh, ceil_div(p.oh, max<i64>(1, fit / p.ow)));
  w.across_y = ceil_div(p.oh, w.unit_rows);
  w.units = ceil_div(p.n, w.images) * w.across_y;
  // Tasks that the threads can share evenly: some for each where every slice still sums many pixels.
  const i64 whole = w.groups * w.panel_groups, some = pixels / (512 * w.panel_groups);
  const i64 wanted = threads * max<i64>(1, min<i64>(8, some / threads));
  const i64 affordable = max<i64>(1, (i64(16) << 20) / max<i64>(1, w.slice_floats));
  w.slices = 1;
  while (threads > 1 && whole * w.slices % wanted != 0) w.slices++;
  w.slices = min(min(w.slices, w.units), affordable);
  // As many units in each slice.
  w.images = ceil_div(p.n, round_up(ceil_div(p.n, w.images), w.across_y == 1 ? min<i64>(w.slices, p.n) : 1));
  w.units = ceil_div(p.n, w.images) * w.across_y;
}

inline Plan make_plan(const Args& p, int threads) {
  Plan w{};
  w.groups = p.groups;
  w.channels = p.ic / w.groups;
  w.outputs = p.oc / w.groups;
  w.taps = i64(p.kh) * p.kw;
  w.kind = w.taps > 1 && 2 * w.channels <= MR ? A::rows : A::steps;
  w.neighbours = w.kind == A::steps && w.outputs <= W && p.kw == 3 && p.stride_w == 1 && p.dil_w == 1;
  w.panels = ceil_div(w.outputs, NR);
  w.rows = w.taps * w.channels;
  w.group_floats = w.rows * round_up(w.outputs, W);
  w.slice_floats = w.groups * w.group_floats;
  choose_units(w, p, threads);

  w.height = (w.unit_rows - 1) * p.stride_h + (p.kh - 1) * p.dil_h + 1;
  w.width = (p.ow - 1) * p.stride_w + (p.kw - 1) * p.dil_w + 1;
  w.x_in_place = w.kind == A::steps && w.taps == 1 && p.pad_h == 0 && p.pad_w == 0 && w.width <= p.iw &&
                 (p.oh - 1) * p.stride_h < p.ih;
  // A copy of dy pays where its rows lie far apart and many tiles read them.
  w.dy_in_place = (w.taps == 1 || p.oc <= 64) && !w.neighbours;
  const i64 pixels = w.images * w.unit_rows * p.ow;
  const i64 x_pixel = w.kind == A::rows ? w.channels : round_up(MR, W);
  w.dy_floats = w.dy_in_place ? 0 : pixels * NR * w.together;
  w.x_floats = w.x_in_place ? 0 : w.images * w.height * row_width(w, p) * x_pixel + NR;
  const i64 tile = copy_a && w.kind == A::rows ? pixels * MR : 0;
  w.worker_floats = round_up(w.dy_floats + w.x_floats + tile, 16);
  return w;
}

}  // namespace
}  // namespace quern::QUERN_ISA
