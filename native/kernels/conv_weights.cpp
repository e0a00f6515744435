#include "columns.h"
#include "conv_weights_plan.h"
#include "depthwise.h"
#include "winograd.h"

namespace quern::QUERN_ISA {

namespace {

// One unit: output rows [y, y + rows) of images [n, n + images), and the task's place in the channels.
struct Unit {
  i64 n, images, y, rows, group, first, last;  // panels [first, last)
  const float* dy;                             // (pixels,oc) from the first panel on
};

// What the next unit will read, fetched while this one computes: dy, then x, from tile to tile, a little with each
// pixel.
struct Ahead {
  const float *dy, *x;
  i64 dy_floats, floats, step, at;

  void give(Tile& t) {
    t.ahead = at >= floats ? nullptr : at < dy_floats ? dy + at : x + (at - dy_floats);
    t.ahead_step = step;
    at += t.taps * t.run * step;
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
        const float* x = p.x + (((u.n + i) * p.ih + row) * p.iw - p.pad_w) * p.ic + first + c;
        const i64 step = i64(p.stride_w) * p.ic;
        for (i64 s = 0; s < p.stride_w; s++) {
          const i64 begin = max<i64>(0, ceil_div(p.pad_w - s, p.stride_w));
          const i64 end = min(phase, ceil_div(p.iw + p.pad_w - s, p.stride_w));
          const float* from = x + s * p.ic;
          for (i64 j = begin; j < end; j++) out[s * phase + j] = from[j * step];
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

// Channels down the tiles, row of taps after row of taps.
void add_neighbours(const Plan& w, const Args& p, const Unit& u, Ahead& ahead, Tile t, const float* dy, float* x,
                    i64* delta) {
  constexpr i64 pixel = max(W, row_channels);
  const i64 row = w.width * pixel, image = w.height * row, tap = w.channels * W;
  row_offsets(delta, u, image, p.stride_h * row);
  for (i64 first = 0; first < w.channels; first += row_channels) {
    const i64 copied = first % pixel, channels = min<i64>(row_channels, w.channels - first);
    if (copied == 0) copy_channels(w, p, u, x, u.group * w.channels + first, pixel);
    for (i64 ky = 0; ky < p.kh; ky++) {
      ahead.give(t);
      row_sum_kernels.at[channels - 1]({x + copied + ky * p.dil_h * row, pixel, delta, t.taps, t.run, dy,
                                        t.c + ky * 3 * tap + first * W, tap, t.accumulate, t.ahead, t.ahead_step});
    }
  }
}

Ahead fetch_ahead(const Plan& w, const Args& p, i64 unit) {
  const i64 y = unit % w.across_y * w.unit_rows, n = unit / w.across_y * w.images;
  const i64 images = min(w.images, p.n - n), rows = min(w.unit_rows, p.oh - y);
  const i64 x_rows = min<i64>(rows * p.stride_h, p.ih);
  const i64 top = min(max<i64>(0, y * p.stride_h - p.pad_h), p.ih - x_rows), pixels = images * rows * p.ow;
  const i64 dy_floats = pixels * p.oc, floats = dy_floats + images * x_rows * p.iw * p.ic;
  const i64 tiles = w.neighbours        ? p.kh * ceil_div(w.channels, row_channels)
                    : w.kind == A::rows ? ceil_div(w.rows, MR) * w.together
                                        : w.taps * ceil_div(w.channels, MR) * w.together;
  const i64 step = min<i64>(16, ceil_div(floats, pixels * max<i64>(1, tiles)));
  return {p.dy + (n * p.oh + y) * p.ow * p.oc, p.x + (n * p.ih + top) * p.iw * p.ic, dy_floats, floats, step, 0};
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
      if (is_pointwise(p)) t.taps = 1, t.run = pixels;  // one behind the other
      t.c = w.sums + slice * w.slice_floats + group * w.group_floats + panel * w.rows * NR;
      t.accumulate = unit > first;
      Ahead ahead = fetch_ahead(w, p, unit + 1 < last ? unit + 1 : unit);
      const auto add = w.kind == A::rows ? add_rows : w.neighbours ? add_neighbours : add_steps;
      add(w, p, u, ahead, t, dy, x, delta);
    }
    if (bias) add_columns(bias, u.dy, p.oc, pixels, columns);  // dy is in the cache by now
  }
}

// Task: adds the slices up, in order, and writes dw(oc,ic/groups,kh,kw) for a few channels of one panel.
constexpr i64 block_channels = 16;
void write_weights(const Plan& w, const Args& p, i64 task) {
  const i64 blocks = ceil_div(w.channels, block_channels);
  const i64 c0 = task % blocks * block_channels, c1 = min(c0 + block_channels, w.channels);
  const i64 panel = task / blocks % w.panels, group = task / blocks / w.panels;
  const i64 columns = min<i64>(NR, w.outputs - panel * NR), width = columns > W ? NR : W;
  const float* sums = w.sums + group * w.group_floats + panel * w.rows * NR;
  float* dw = p.dw + (group * w.outputs + panel * NR) * w.rows;
  for (i64 v = 0; v < columns; v += W) {
    const i64 outputs = min<i64>(W, columns - v), end = c1 * w.taps;
    for (i64 first = c0 * w.taps; first < end; first += W) {
      vf r[W] = {};
      for (i64 i = first; i < min(first + W, end); i++) {
        const float* from = sums + (i % w.taps * w.channels + i / w.taps) * width + v;
        r[i - first] = load(from);
        for (i64 slice = 1; slice < w.slices; slice++) r[i - first] += load(from + slice * w.slice_floats);
      }
      transpose(r);
      for (i64 o = 0; o < outputs; o++) store_lanes(dw + (v + o) * w.rows + first, r[o], end - first);
    }
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
  if (p.dw && suits_winograd(p)) return winograd_backward_weights(p, context);
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
