#include "columns.h"
#include "conv_shape.h"
#include "depthwise.h"
#include "pack.h"

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
  bool x_in_place, dy_in_place;            // read where it is; else copied, x tile by tile and dy panel by panel
  i64 dy_floats, x_floats, worker_floats;  // copies, per worker
  float *memory, *sums, *bias_sums;
};

i64 phase_width(const Plan& w, const Args& p) { return ceil_div(w.width, p.stride_w); }
i64 row_width(const Plan& w, const Args& p) { return p.stride_w * phase_width(w, p); }

void choose_units(Plan& w, const Args& p, int threads) {
  const i64 image_pixels = i64(p.oh) * p.ow, pixels = p.n * image_pixels;
  w.together = min<i64>(w.panels, 128 / NR);
  w.panel_groups = ceil_div(w.panels, w.together);
  // Few enough for the copies to share L2, many enough to pay for loading the sums again.
  const i64 most = min<i64>(1024, 32768 / (NR * w.together));
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

Plan make_plan(const Args& p, int threads) {
  Plan w{};
  w.groups = p.groups;
  w.channels = p.ic / w.groups;
  w.outputs = p.oc / w.groups;
  w.taps = i64(p.kh) * p.kw;
  w.kind = w.channels < (MR + 1) / 2 ? A::rows : A::steps;
  w.panels = ceil_div(w.outputs, NR);
  w.rows = w.taps * w.channels;
  w.group_floats = w.rows * round_up(w.outputs, W);
  w.slice_floats = w.groups * w.group_floats;
  choose_units(w, p, threads);

  w.height = (w.unit_rows - 1) * p.stride_h + (p.kh - 1) * p.dil_h + 1;
  w.width = (p.ow - 1) * p.stride_w + (p.kw - 1) * p.dil_w + 1;
  w.x_in_place = w.kind == A::steps && w.taps == 1 && p.pad_h == 0 && p.pad_w == 0 && w.width <= p.iw &&
                 (p.oh - 1) * p.stride_h < p.ih;
  // A copy of dy pays once many tiles read it.
  const i64 passes = w.kind == A::steps ? w.taps * ceil_div(w.channels, MR) : ceil_div(w.rows, MR);
  w.dy_in_place = passes <= 4;
  const i64 pixels = w.images * w.unit_rows * p.ow;
  const i64 x_pixel = w.kind == A::rows ? w.channels : round_up(MR, W);
  w.dy_floats = w.dy_in_place ? 0 : pixels * NR * w.together;
  w.x_floats = w.x_in_place ? 0 : w.images * w.height * row_width(w, p) * x_pixel + NR;
  const i64 tile = copy_a && w.kind == A::rows ? pixels * MR : 0;
  w.worker_floats = round_up(w.dy_floats + w.x_floats + tile, 16);
  return w;
}

// One unit: output rows [y, y + rows) of images [n, n + images), and the task's place in the channels.
struct Unit {
  i64 n, images, y, rows, group, first, last;  // panels [first, last)
  const float* dy;                             // (pixels,oc) from the first panel on
};

// What the next unit will read, fetched while this one computes: lines of dy, then of x, so many with each tap of a
// tile.
struct Ahead {
  const float *dy, *x;
  i64 dy_lines, lines, per_tap, at;

  void give(Tile& t) {
    const bool of_dy = at < dy_lines;
    t.ahead = of_dy ? dy + at * 16 : x + (at - dy_lines) * 16;
    t.ahead_lines = at < lines ? per_tap : 0;
    at += per_tap * t.taps;
  }
};

// Runs one tile of rows against every panel of the task; t.c is where its sums begin in the first.
template <A kind>
void run_panels(const Plan& w, const Args& p, const Unit& u, Ahead& ahead, i64 row, i64 rows, const float* dy_copy,
                Tile t) {
  float* c = t.c;
  const i64 pixels = u.images * u.rows * p.ow;
  i64 c_offset[MR];
  t.c_offset = c_offset;
  for (i64 panel = u.first; panel < u.last; panel++) {
    const i64 width = w.outputs - panel * NR > W ? NR : W, nth = panel - u.first;
    for (i64 m = 0; m < rows; m++) c_offset[m] = m * width;
    t.columns = static_cast<int>(width);
    t.b = w.dy_in_place ? u.dy + nth * NR : dy_copy + nth * pixels * NR;
    t.b_step = w.dy_in_place ? p.oc : width;
    t.c = c + nth * w.rows * NR + row * width;
    ahead.give(t);
    run_tile<kind>(static_cast<int>(rows), t);
  }
}

// out(images,height,width,pitch) = `channels` channels of x from `first` on, zero outside the image; what lies between
// channels and pitch is arbitrary.
void copy_channels(const Plan& w, const Args& p, const Unit& u, float* out, i64 first, i64 pitch) {
  const i64 before = min<i64>(w.width, p.pad_w), end = max(before, min<i64>(w.width, p.iw + p.pad_w));
  for (i64 i = 0; i < u.images; i++)
    for (i64 r = 0; r < w.height; r++, out += w.width * pitch) {
      const i64 row = u.y * p.stride_h - p.pad_h + r;
      if (row < 0 || row >= p.ih) {
        clear(out, w.width * pitch);
        continue;
      }
      const float* x = p.x + (((u.n + i) * p.ih + row) * p.iw - p.pad_w) * p.ic + first;
      clear(out, before * pitch);
      for (i64 column = before; column < end; column++)
        for (i64 v = 0; v < pitch; v += W) store(out + column * pitch + v, load(x + column * p.ic + v));
      clear(out + end * pitch, (w.width - end) * pitch);
    }
}

// out(channels,images,height,stride_w,phase_width): planes of one channel, columns that a stride apart are neighbours.
void copy_planes(const Plan& w, const Args& p, const Unit& u, float* out, i64 first) {
  const i64 phase = phase_width(w, p);
  for (i64 c = 0; c < w.channels; c++)
    for (i64 i = 0; i < w.images; i++)
      for (i64 r = 0; r < w.height; r++, out += row_width(w, p)) {
        const i64 row = u.y * p.stride_h - p.pad_h + r;
        clear(out, row_width(w, p));
        if (row < 0 || row >= p.ih || i >= u.images) continue;
        const float* x = p.x + ((u.n + i) * p.ih + row) * p.iw * p.ic + first + c;
        for (i64 s = 0; s < p.stride_w; s++) {
          const i64 begin = max<i64>(0, ceil_div(p.pad_w - s, p.stride_w));
          for (i64 j = begin; j < phase && j * p.stride_w + s - p.pad_w < p.iw; j++)
            out[s * phase + j] = x[(j * p.stride_w + s - p.pad_w) * p.ic];
        }
      }
}

// Where the rows of a unit begin in x.
void row_offsets(i64* delta, const Unit& u, i64 image, i64 row) {
  for (i64 i = 0; i < u.images; i++)
    for (i64 y = 0; y < u.rows; y++) *delta++ = i * image + y * row;
}

// Few channels: (tap, channel) pairs down the tiles.
void add_rows(const Plan& w, const Args& p, const Unit& u, Ahead& ahead, Tile t, const float* dy, float* x,
              i64* delta) {
  const i64 row = row_width(w, p), image = w.height * row, plane = w.images * image;
  copy_planes(w, p, u, x, u.group * w.channels);
  row_offsets(delta, u, image, p.stride_h * row);
  i64 offset[MR];
  t.a = x, t.a_offset = offset, t.delta = delta;
  for_tiles(w.rows, [&](i64 first, int rows) {
    for (i64 m = 0; m < rows; m++) {
      const i64 tap = (first + m) / w.channels, channel = (first + m) % w.channels, shift = tap % p.kw * p.dil_w;
      offset[m] = channel * plane + tap / p.kw * p.dil_h * row;
      offset[m] += shift % p.stride_w * phase_width(w, p) + shift / p.stride_w;
    }
    if (!copy_a) return run_panels<A::rows>(w, p, u, ahead, first, rows, dy, t);
    float* steps = x + w.x_floats;
    for (i64 i = 0; i < t.taps; i++) pack_rows(steps + i * t.run * rows, x + delta[i], offset, rows, t.run);
    const i64 zero = 0;
    Tile copied = t;
    copied.a = steps, copied.a_step = rows, copied.delta = &zero, copied.taps = 1, copied.run = t.taps * t.run;
    run_panels<A::steps>(w, p, u, ahead, first, rows, dy, copied);
  });
}

// Channels down the tiles, tap after tap.
void add_steps(const Plan& w, const Args& p, const Unit& u, Ahead& ahead, Tile t, const float* dy, float* x,
               i64* delta) {
  for_tiles(w.channels, [&](i64 first, int rows) {
    const i64 channel = u.group * w.channels + first, pixel = w.x_in_place ? p.ic : round_up(rows, W);
    const i64 row = (w.x_in_place ? p.iw : w.width) * pixel, image = (w.x_in_place ? p.ih : w.height) * row;
    if (!w.x_in_place) copy_channels(w, p, u, x, channel, pixel);
    const float* a = w.x_in_place ? p.x + u.n * image + u.y * p.stride_h * row + channel : x;
    row_offsets(delta, u, image, p.stride_h * row);
    t.delta = delta, t.a_step = p.stride_w * pixel;
    for (i64 tap = 0; tap < w.taps; tap++) {
      t.a = a + tap / p.kw * p.dil_h * row + tap % p.kw * p.dil_w * pixel;
      run_panels<A::steps>(w, p, u, ahead, tap * w.channels + first, rows, dy, t);
    }
  });
}

// Over all tiles of a unit with `taps` each; another task has fetched what several share.
Ahead fetch_ahead(const Plan& w, const Args& p, i64 unit, i64 taps) {
  const i64 y = unit % w.across_y * w.unit_rows, n = unit / w.across_y * w.images;
  const i64 images = min(w.images, p.n - n), rows = min(w.unit_rows, p.oh - y),
            x_rows = min<i64>(rows * p.stride_h, p.ih);
  const i64 top = min(max<i64>(0, y * p.stride_h - p.pad_h), p.ih - x_rows);
  Ahead a{p.dy + (n * p.oh + y) * p.ow * p.oc, p.x + (n * p.ih + top) * p.iw * p.ic, 0, 0, 0, 0};
  a.dy_lines = images * rows * p.ow * p.oc / 16;
  a.lines = a.dy_lines + images * x_rows * p.iw * p.ic / 16;
  const i64 tiles = (w.kind == A::rows ? ceil_div(w.rows, MR) : w.taps * ceil_div(w.channels, MR)) * w.together;
  a.per_tap = ceil_div(a.lines, max<i64>(1, tiles * taps));
  return a;
}

// Task: the sums of some panels over one slice.
void sum_slice(const Plan& w, const Args& p, i64 task, float* memory) {
  const i64 slice = task % w.slices, nth = task / w.slices % w.panel_groups, group = task / w.slices / w.panel_groups;
  const i64 panel = nth * w.together, end = min(panel + w.together, w.panels);
  const i64 columns = min(end * NR, w.outputs) - panel * NR, first_output = group * w.outputs + panel * NR;
  float* bias = p.dbias ? w.bias_sums + (slice * w.groups + group) * round_up(w.outputs, W) + panel * NR : nullptr;
  if (bias) clear(bias, round_up(columns, W));
  float *dy = memory, *x = memory + w.dy_floats;
  i64* delta = reinterpret_cast<i64*>(memory + w.worker_floats);
  const i64 first = w.units * slice / w.slices, last = w.units * (slice + 1) / w.slices;
  for (i64 unit = first; unit < last; unit++) {
    const i64 y = unit % w.across_y * w.unit_rows, n = unit / w.across_y * w.images;
    Unit u{n, min(w.images, p.n - n), y, min(w.unit_rows, p.oh - y), group, panel, end, nullptr};
    u.dy = p.dy + (n * p.oh + y) * p.ow * p.oc + first_output;
    const i64 pixels = u.images * u.rows * p.ow;  // contiguous: several images come with all their rows
    if (p.dw && !w.dy_in_place) pack_panels(dy, u.dy, p.oc, 1, pixels, columns);
    if (p.dw) {
      Tile t{};
      t.taps = u.images * u.rows, t.run = p.ow;
      t.c = w.sums + slice * w.slice_floats + group * w.group_floats + panel * w.rows * NR;
      t.accumulate = unit > first;
      Ahead ahead = fetch_ahead(w, p, unit + 1 < last ? unit + 1 : unit, t.taps);
      (w.kind == A::rows ? add_rows : add_steps)(w, p, u, ahead, t, dy, x, delta);
    }
    if (bias) add_columns(bias, u.dy, p.oc, pixels, columns);  // dy is in the cache by now
  }
}

// Task: adds the slices up, in order, and writes dw(oc,ic/groups,kh,kw) for a few channels of one panel.
constexpr i64 block_channels = 8;
void write_weights(const Plan& w, const Args& p, i64 task) {
  const i64 blocks = ceil_div(w.channels, block_channels);
  const i64 c0 = task % blocks * block_channels, c1 = min(c0 + block_channels, w.channels);
  const i64 panel = task / blocks % w.panels, group = task / blocks / w.panels;
  const i64 columns = min<i64>(NR, w.outputs - panel * NR), width = columns > W ? NR : W;
  float* sums = w.sums + group * w.group_floats + panel * w.rows * NR;
  for (i64 tap = 0; tap < w.taps; tap++)
    for (i64 slice = 1; slice < w.slices; slice++)
      for (i64 j = (tap * w.channels + c0) * width; j < (tap * w.channels + c1) * width; j += W)
        store(sums + j, load(sums + j) + load(sums + slice * w.slice_floats + j));
  for (i64 o = 0; o < columns; o++) {
    float* dw = p.dw + (group * w.outputs + panel * NR + o) * w.rows;
    for (i64 c = c0; c < c1; c++)
      for (i64 tap = 0; tap < w.taps; tap++) dw[c * w.taps + tap] = sums[(tap * w.channels + c) * width + o];
  }
}

void write_bias(const Plan& w, const Args& p) {
  const i64 padded = round_up(w.outputs, W);
  for (i64 o = 0; o < p.oc; o++) {
    const float* sums = w.bias_sums + o / w.outputs * padded + o % w.outputs;
    float total = sums[0];
    for (i64 slice = 1; slice < w.slices; slice++) total += sums[slice * w.groups * padded];
    p.dbias[o] = total;
  }
}

}  // namespace

// dw(oc,ic/groups,kh,kw) = Σ x · dy over the products that w took part in, dbias(oc) = Σ dy; either may be absent
void conv2d_backward_weights(const Args& p, Context& context) {
  const i64 pixels = i64(p.n) * p.oh * p.ow, size = i64(p.oc) * (p.ic / p.groups) * p.kh * p.kw;
  if (pixels == 0) {
    if (p.dw) clear(p.dw, size);
    if (p.dbias) clear(p.dbias, p.oc);
    return;
  }
  if (p.oc == 0) return;
  if (is_depthwise(p)) return depthwise_backward_weights(p, context);
  Plan w = make_plan(p, context.threads);
  // Behind each worker's copies stand the offsets of a unit's rows: two floats each.
  const i64 worker = w.worker_floats + round_up(2 * w.images * w.unit_rows, 16);
  w.memory = scratch<float>(context, worker * context.threads);
  w.sums = p.dw ? scratch<float>(context, w.slices * w.slice_floats + NR) : nullptr;
  w.bias_sums = p.dbias ? scratch<float>(context, w.slices * w.groups * round_up(w.outputs, W)) : nullptr;
  if (!w.memory || (p.dw && !w.sums) || (p.dbias && !w.bias_sums)) return;

  const i64 tasks = w.groups * w.panel_groups * w.slices,
            writes = w.groups * w.panels * ceil_div(w.channels, block_channels);
  const i64 work = pixels * max(size, i64(p.oc));
  for_tasks(context, work, tasks, [&](i64 i, int id) { sum_slice(w, p, i, w.memory + id * worker); });
  if (p.dbias) write_bias(w, p);
  if (p.dw) for_tasks(context, work, writes, [&](i64 i, int) { write_weights(w, p, i); });
}

}  // namespace quern::QUERN_ISA
