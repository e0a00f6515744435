#include "pack.h"

namespace quern::QUERN_ISA {

namespace {

using Args = args::conv2d_backward_weights<float>;

// dw[tap][c][o] = Σ_pixel x[pixel + tap][c] · dy[pixel][o]: matrix products whose k is the pixel. dy is copied panel by
// panel, x in one of three orders.
struct Plan {
  A kind;  // steps: c down a tile; rows: (tap, c) down a tile, for few channels; lanes: taps down a tile, depthwise
  i64 groups, channels, outputs, taps;         // channels and outputs of one group
  i64 panels, rows, group_floats;              // of the sums: (groups, panels, rows, NR or W), rows = taps·channels
  i64 images, unit_rows, across_y, units;      // a unit of work: so many rows of so many images
  i64 slices, slice_floats;                    // the units are split into slices, each with its own sums
  i64 height, width;                           // of the part of x under a unit
  bool in_place;                               // x is read where it is
  i64 dy_floats, x_floats, worker_floats;      // copies, per worker
  float *memory, *sums, *bias_sums;
};

i64 phase_width(const Plan& w, const Args& p) { return ceil_div(w.width, p.stride_w); }
i64 row_width(const Plan& w, const Args& p) { return p.stride_w * phase_width(w, p); }

void choose_units(Plan& w, const Args& p, int threads) {
  const i64 image_pixels = i64(p.oh) * p.ow, pixels = p.n * image_pixels;
  // Few enough for the copies to share L2, many enough to pay for loading the sums again.
  const i64 fit = max<i64>(64, min<i64>(32768 / NR, ceil_div(pixels, 2 * threads)));
  w.images = max<i64>(1, min<i64>(fit / image_pixels, p.n));
  w.unit_rows = ceil_div(p.oh, ceil_div(p.oh, max<i64>(1, fit / p.ow)));
  w.across_y = ceil_div(p.oh, w.unit_rows);
  w.units = ceil_div(p.n, w.images) * w.across_y;
  const i64 tasks = w.groups * w.panels;
  w.slices = tasks % threads == 0 ? 1 : min(w.units, ceil_div(4 * threads, tasks));
  w.slices = max<i64>(1, min(w.slices, (i64(8) << 20) / max<i64>(1, w.groups * w.group_floats)));
}

Plan make_plan(const Args& p, int threads) {
  Plan w{};
  const bool lanes = p.groups == p.ic && p.groups == p.oc && p.groups > 1;
  w.groups = lanes ? 1 : p.groups;
  w.channels = lanes ? 1 : p.ic / w.groups;
  w.outputs = p.oc / w.groups;
  w.taps = i64(p.kh) * p.kw;
  w.kind = lanes ? A::lanes : w.channels < (MR + 1) / 2 ? A::rows : A::steps;
  w.panels = ceil_div(w.outputs, NR);
  w.rows = w.taps * w.channels;
  w.group_floats = w.rows * round_up(w.outputs, W);
  choose_units(w, p, threads);
  w.slice_floats = w.groups * w.group_floats;

  w.height = (w.unit_rows - 1) * p.stride_h + (p.kh - 1) * p.dil_h + 1;
  w.width = (p.ow - 1) * p.stride_w + (p.kw - 1) * p.dil_w + 1;
  w.in_place = w.kind == A::steps && w.taps == 1 && p.pad_h == 0 && p.pad_w == 0 && w.width <= p.iw &&
               (p.oh - 1) * p.stride_h < p.ih;
  const i64 x_pixel = w.kind == A::rows ? w.channels : lanes ? NR : round_up(MR, W);
  w.dy_floats = w.images * w.unit_rows * p.ow * NR;
  w.x_floats = w.in_place ? 0 : w.images * w.height * row_width(w, p) * x_pixel + NR;
  const i64 tile = copy_a && w.kind == A::rows ? w.images * w.unit_rows * p.ow * MR : 0;
  w.worker_floats = round_up(w.dy_floats + w.x_floats + tile, 16);
  return w;
}

// One unit: output rows [y, y + rows) of images [n, n + images), and the task's place in the channels.
struct Unit {
  i64 n, images, y, rows, group, panel;
};

// out(pixel,width) = one panel of dy; its column sums are added to `sums` if there are any.
void copy_dy(const Plan& w, const Args& p, const Unit& u, float* out, float* sums) {
  const i64 columns = min<i64>(NR, w.outputs - u.panel * NR), pixels = u.rows * p.ow;
  const i64 width = columns > W ? NR : W;
  for (i64 v = 0; v < width; v += W) {
    const int left = static_cast<int>(columns - v);
    vf sum{};
    for (i64 i = 0; i < u.images; i++) {
      const float* dy = p.dy + ((u.n + i) * p.oh + u.y) * p.ow * p.oc + u.group * w.outputs + u.panel * NR + v;
      float* to = out + i * pixels * width + v;
      for (i64 j = 0; j < pixels; j++) {
        vf value = left >= W ? load(dy + j * p.oc) : load_first(dy + j * p.oc, left);
        store(to + j * width, value);
        sum += value;
      }
    }
    if (sums) store(sums + v, load(sums + v) + sum);
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

// Few channels: (tap, channel) pairs down the tiles.
void add_rows(const Plan& w, const Args& p, const Unit& u, Tile t, float* x, i64* delta) {
  const i64 row = row_width(w, p), image = w.height * row, plane = w.images * image;
  copy_planes(w, p, u, x, u.group * w.channels);
  for (i64 i = 0; i < t.taps; i++) delta[i] = i / u.rows * image + i % u.rows * p.stride_h * row;
  const i64 tiles = ceil_div(w.rows, MR);
  float* c = t.c;
  i64 offset[MR];
  for (i64 i = 0; i < tiles; i++) {
    const i64 begin = w.rows * i / tiles, rows = w.rows * (i + 1) / tiles - begin;
    for (i64 m = 0; m < rows; m++) {
      const i64 tap = (begin + m) / w.channels, channel = (begin + m) % w.channels;
      const i64 shift = tap % p.kw * p.dil_w;
      offset[m] = channel * plane + tap / p.kw * p.dil_h * row + shift % p.stride_w * phase_width(w, p) +
                  shift / p.stride_w;
    }
    t.a = x, t.a_offset = offset, t.delta = delta;
    t.c = c + begin * t.b_step;
    if (!copy_a) {
      run_tile<A::rows>(static_cast<int>(rows), t);
      continue;
    }
    float* steps = x + w.x_floats;
    for (i64 j = 0; j < t.taps; j++) pack_rows(steps + j * t.run * rows, x + delta[j], offset, rows, t.run);
    const i64 zero = 0;
    Tile packed = t;
    packed.a = steps, packed.a_step = rows, packed.delta = &zero, packed.taps = 1, packed.run = t.taps * t.run;
    run_tile<A::steps>(static_cast<int>(rows), packed);
  }
}

// Channels down the tiles, tap after tap.
void add_steps(const Plan& w, const Args& p, const Unit& u, Tile t, float* x, i64* delta) {
  const i64 tiles = ceil_div(w.channels, MR);
  float* c = t.c;
  for (i64 i = 0; i < tiles; i++) {
    const i64 begin = w.channels * i / tiles, rows = w.channels * (i + 1) / tiles - begin;
    const i64 first = u.group * w.channels + begin, pixel = w.in_place ? p.ic : round_up(rows, W);
    const i64 row = (w.in_place ? p.iw : w.width) * pixel, image = (w.in_place ? p.ih : w.height) * row;
    if (!w.in_place) copy_channels(w, p, u, x, first, pixel);
    const float* a = w.in_place ? p.x + u.n * image + u.y * p.stride_h * row + first : x;
    for (i64 j = 0; j < t.taps; j++) delta[j] = j / u.rows * image + j % u.rows * p.stride_h * row;
    t.delta = delta, t.a_step = p.stride_w * pixel;
    for (i64 tap = 0; tap < w.taps; tap++) {
      t.a = a + tap / p.kw * p.dil_h * row + tap % p.kw * p.dil_w * pixel;
      t.c = c + (tap * w.channels + begin) * t.b_step;
      run_tile<A::steps>(static_cast<int>(rows), t);
    }
  }
}

// Depthwise: taps down the tiles, a panel of channels across.
void add_lanes(const Plan& w, const Args& p, const Unit& u, Tile t, float* x, i64* delta) {
  const i64 pixel = t.b_step, row = w.width * pixel, image = w.height * row, tiles = ceil_div(w.taps, MR);
  copy_channels(w, p, u, x, u.panel * NR, pixel);
  for (i64 j = 0; j < t.taps; j++) delta[j] = j / u.rows * image + j % u.rows * p.stride_h * row;
  float* c = t.c;
  i64 offset[MR];
  t.a = x, t.a_offset = offset, t.a_step = p.stride_w * pixel, t.delta = delta;
  for (i64 i = 0; i < tiles; i++) {
    const i64 begin = w.taps * i / tiles, rows = w.taps * (i + 1) / tiles - begin;
    for (i64 m = 0; m < rows; m++) {
      const i64 tap = begin + m;
      offset[m] = (tap / p.kw * p.dil_h * w.width + tap % p.kw * p.dil_w) * pixel;
    }
    t.c = c + begin * t.b_step;
    run_tile<A::lanes>(static_cast<int>(rows), t);
  }
}

// Task: the sums of one panel over one slice.
void sum_slice(const Plan& w, const Args& p, i64 task, float* memory) {
  const i64 slice = task % w.slices, panel = task / w.slices % w.panels, group = task / w.slices / w.panels;
  const i64 columns = min<i64>(NR, w.outputs - panel * NR), width = columns > W ? NR : W;
  float* bias = p.dbias ? w.bias_sums + (slice * w.groups + group) * round_up(w.outputs, W) + panel * NR : nullptr;
  if (bias) clear(bias, width);
  float *dy = memory, *x = memory + w.dy_floats;
  i64* delta = reinterpret_cast<i64*>(memory + w.worker_floats);
  i64 c_offset[MR];
  for (int m = 0; m < MR; m++) c_offset[m] = m * width;
  const i64 first = w.units * slice / w.slices, last = w.units * (slice + 1) / w.slices;
  for (i64 unit = first; unit < last; unit++) {
    const i64 y = unit % w.across_y * w.unit_rows, n = unit / w.across_y * w.images;
    const Unit u{n, min(w.images, p.n - n), y, min(w.unit_rows, p.oh - y), group, panel};
    copy_dy(w, p, u, dy, bias);
    if (!p.dw) continue;
    Tile t{};
    t.taps = u.images * u.rows, t.run = p.ow;
    t.b = dy, t.b_step = width;
    t.c = w.sums + slice * w.slice_floats + group * w.group_floats + panel * w.rows * NR;
    t.c_offset = c_offset;
    t.columns = static_cast<int>(width);
    t.accumulate = unit > first;
    (w.kind == A::rows ? add_rows : w.kind == A::steps ? add_steps : add_lanes)(w, p, u, t, x, delta);
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
  Plan w = make_plan(p, context.threads);
  // Behind each worker's copies stand the offsets of a unit's rows: two floats each.
  const i64 worker = w.worker_floats + round_up(2 * w.images * w.unit_rows, 16);
  w.memory = scratch<float>(context, worker * context.threads);
  w.sums = p.dw ? scratch<float>(context, w.slices * w.slice_floats + NR) : nullptr;
  w.bias_sums = p.dbias ? scratch<float>(context, w.slices * w.groups * round_up(w.outputs, W)) : nullptr;
  if (!w.memory || (p.dw && !w.sums) || (p.dbias && !w.bias_sums)) return;

  const i64 tasks = w.groups * w.panels * w.slices, writes = w.groups * w.panels * ceil_div(w.channels, block_channels);
  const i64 work = pixels * max(size, i64(p.oc));
  for_tasks(context, work, tasks, [&](i64 i, int id) { sum_slice(w, p, i, w.memory + id * worker); });
  if (p.dbias) write_bias(w, p);
  if (p.dw) for_tasks(context, work, writes, [&](i64 i, int) { write_weights(w, p, i); });
}

}  // namespace quern::QUERN_ISA
