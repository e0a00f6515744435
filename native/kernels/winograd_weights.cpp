#include "columns.h"
#include "pack.h"
#include "winograd.h"

namespace quern::QUERN_ISA {

namespace {

using Args = args::conv2d_backward_weights<float>;

constexpr i64 unit_floats = 128 << 10;   // of x and dy that are transformed at a time
constexpr i64 slice_tiles = 256;         // at least, that its sums pay
constexpr i64 most_together = 128 / NR;  // panels of a task
constexpr i64 pair_places = 2 * points;

// The adjoint of the forward pass: dw = Gᵀ[Σ (Bᵀ x B) ⊙ (A dy Aᵀ)]G over the tiles. A task sums, over one slice of the
// tiles, the places of one pair of points, or of all, for some panels.
struct Plan {
  Images x, dy;
  TileGrid grid;
  i64 panels, together, groups;  // panels of one task, and how many such groups
  i64 unit, units, slices;       // tiles of a unit
  i64 pair_tasks;                // of one pair each, or 1, of all
  i64 pixel, place;              // strides of a unit's x (pair_places,tiles,channels)
  i64 worker_floats, slice_floats;
  float *memory, *sums;  // sums(slices,panels,places,channels,NR or, for the last panel, W)
  float* bias_sums;      // (slices,outputs), or null

  i64 width(i64 panel) const { return dy.channels - panel * NR > W ? NR : W; }
};

// out(pair_places,tiles,channels): Bᵀ x B of tiles [begin, end)
template <int PAIR>
void transform_x(const Plan& w, float* out, i64 begin, i64 end) {
  Corner corner = w.grid.corner(begin);
  for (i64 tile = begin; tile < end; tile++, out += w.pixel, w.grid.advance(corner)) {
    const float* x[points][points];
    w.x.pixels(x, corner);
    if (PAIR == 0) w.x.fetch<points>(corner, made, 0, w.x.channels);
    transform_pixels<PAIR>(out, w.place, x, w.x.channels);
  }
}

// out(pair_places,panels,tiles,NR or W): A dy Aᵀ of panels [first, last); bias += Σ dy, or null
template <int PAIR>
void transform_dy(const Plan& w, float* out, float* bias, i64 begin, i64 end, i64 first, i64 last) {
  const i64 count = end - begin, place = count * w.together * NR;
  Corner corner = w.grid.corner(begin);
  for (i64 tile = begin; tile < end; tile++, w.grid.advance(corner)) {
    const float* dy[made][made];
    w.dy.pixels(dy, corner);
    if (PAIR == 0) w.dy.fetch<made>(corner, made, first * NR, min(last * NR, w.dy.channels));
    for (i64 panel = first; panel < last; panel++) {
      const i64 width = w.width(panel);
      float* to = out + (panel - first) * count * NR + (tile - begin) * width;
      for (i64 v = 0; v < width; v += W) {
        vf half[2][made], sum[made];
        QUERN_UNROLL
        for (int j = 0; j < made; j++) {
          vf d[made];
          QUERN_UNROLL
          for (int i = 0; i < made; i++) d[i] = load(dy[i][j] + panel * NR + v);
          times_a<PAIR>(half[0][j], half[1][j], d);
          if (PAIR == 2) sum[j] = (d[0] + d[1]) + (d[2] + d[3]);
        }
        QUERN_UNROLL
        for (int i = 0; i < 2; i++) {
          vf row[points];
          times_a(row, half[i]);
          QUERN_UNROLL
          for (int j = 0; j < points; j++) store(to + (i * points + j) * place + v, row[j]);
        }
        float* const total = bias + (panel - first) * NR + v;
        if (PAIR == 2 && bias) store(total, load(total) + ((sum[0] + sum[1]) + (sum[2] + sum[3])));
      }
    }
  }
}

// The sums of one pair of points and of panels [first, last) over tiles [begin, end), added to what `sums` holds or
// not.
template <int PAIR>
void sum_unit(const Plan& w, float* memory, float* sums, float* bias, i64 begin, i64 end, i64 first, i64 last,
              bool accumulate) {
  const i64 channels = w.x.channels, count = end - begin, zero = 0;
  float *x = memory, *dy = memory + pair_places * w.place;
  float unit_bias[most_together * NR] = {};  // so that no float adds up more than a unit's tiles, then the units
  transform_x<PAIR>(w, x, begin, end);
  transform_dy<PAIR>(w, dy, bias ? unit_bias : nullptr, begin, end, first, last);
  if (PAIR == 2 && bias) add_columns(bias + first * NR, unit_bias, 0, 1, min(last * NR, w.dy.channels) - first * NR);
  i64 c_offset[MR];
  Tile t{};
  t.delta = &zero, t.taps = 1, t.run = count, t.a_step = w.pixel, t.c_offset = c_offset, t.accumulate = accumulate;
  for (i64 j = 0; j < pair_places; j++)
    for (i64 p = first; p < last; p++) {
      const i64 width = w.width(p);
      for (i64 m = 0; m < MR; m++) c_offset[m] = m * width;
      t.columns = static_cast<int>(width), t.b_step = width;
      t.b = dy + (j * w.together + p - first) * count * NR;
      float* place = sums + p * places * channels * NR + (PAIR * pair_places + j) * channels * width;
      for_tiles(channels, [&](i64 channel, int rows) {
        t.a = x + j * w.place + channel, t.c = place + channel * width;
        run_tile<A::steps>(rows, t);
      });
    }
}

// Task: the sums of one pair of points, or of all, and one group of panels over one slice.
void sum_slice(const Plan& w, i64 task, float* memory) {
  const i64 pair = task % w.pair_tasks, group = task / w.pair_tasks % w.groups, slice = task / w.pair_tasks / w.groups;
  const i64 first = group * w.together, last = min(first + w.together, w.panels);
  const i64 units_begin = w.units * slice / w.slices, units_end = w.units * (slice + 1) / w.slices;
  const auto wants = [&](i64 which) { return w.pair_tasks == 1 || pair == which; };
  float* sums = w.sums + slice * w.slice_floats;
  float* bias = w.bias_sums ? w.bias_sums + slice * round_up(w.dy.channels, W) : nullptr;
  if (bias && wants(2)) clear(bias + first * NR, round_up(min(last * NR, w.dy.channels) - first * NR, W));
  for (i64 unit = units_begin; unit < units_end; unit++) {
    const i64 begin = w.grid.tiles * unit / w.units, end = w.grid.tiles * (unit + 1) / w.units;
    const bool accumulate = unit > units_begin;
    if (wants(0)) sum_unit<0>(w, memory, sums, bias, begin, end, first, last, accumulate);
    if (wants(1)) sum_unit<1>(w, memory, sums, bias, begin, end, first, last, accumulate);
    if (wants(2)) sum_unit<2>(w, memory, sums, bias, begin, end, first, last, accumulate);
  }
}

// Task: adds the slices up, in order, and writes dw(oc,ic,3,3) for a few channels of one panel.
constexpr i64 block_channels = 16;
void write_weights(const Plan& w, float* dw, i64 task) {
  const i64 channels = w.x.channels, blocks = ceil_div(channels, block_channels);
  const i64 c0 = task % blocks * block_channels, count = min(block_channels, channels - c0), panel = task / blocks;
  const i64 width = w.width(panel), columns = min(width, w.dy.channels - panel * NR);
  const float* sums = w.sums + panel * places * channels * NR + c0 * width;
  float taps[(9 * block_channels + W) * W];
  for (i64 v = 0; v < columns; v += W) {
    for (i64 c = 0; c < count; c++) {
      vf half[3][points];
      QUERN_UNROLL
      for (int j = 0; j < points; j++) {
        vf u[points], g[3];
        QUERN_UNROLL
        for (int i = 0; i < points; i++) {
          const float* from = sums + ((i * points + j) * channels + c) * width + v;
          u[i] = load(from);
          for (i64 slice = 1; slice < w.slices; slice++) u[i] += load(from + slice * w.slice_floats);
        }
        times_gt(g, u);
        QUERN_UNROLL
        for (int i = 0; i < 3; i++) half[i][j] = g[i];
      }
      QUERN_UNROLL
      for (int i = 0; i < 3; i++) {
        vf g[3];
        times_gt(g, half[i]);
        QUERN_UNROLL
        for (int j = 0; j < 3; j++) store(taps + (c * 9 + i * 3 + j) * W, g[j]);
      }
    }
    float* out = dw + ((panel * NR + v) * channels + c0) * 9;
    const i64 outputs = min<i64>(W, columns - v);
    for (i64 first = 0; first < count * 9; first += W) {
      vf r[W];
      QUERN_UNROLL
      for (int i = 0; i < W; i++) r[i] = load(taps + (first + i) * W);
      transpose(r);
      for (i64 o = 0; o < outputs; o++) store_lanes(out + o * channels * 9 + first, r[o], count * 9 - first);
    }
  }
}

void write_bias(const Plan& w, float* dbias) {
  for (i64 o = 0; o < w.dy.channels; o++) {
    float total = w.bias_sums[o];
    for (i64 slice = 1; slice < w.slices; slice++) total += w.bias_sums[slice * round_up(w.dy.channels, W) + o];
    dbias[o] = total;
  }
}

}  // namespace

void winograd_backward_weights(const Args& p, Context& context) {
  const float* zeros = make_zeros(max(p.ic, p.oc), context);
  Plan w{};
  w.x = {p.x, p.ih, p.iw, p.ic, p.pad_h, p.pad_w, zeros}, w.dy = {p.dy, p.oh, p.ow, p.oc, 0, 0, zeros};
  w.grid = make_grid(p.n, p.oh, p.ow);
  w.panels = ceil_div(p.oc, NR);
  w.together = min(w.panels, most_together);
  w.groups = ceil_div(w.panels, w.together);
  w.pixel = odd_lines(p.ic);
  const i64 most = max<i64>(64, min<i64>(256, unit_floats / (pair_places * (w.pixel + w.together * NR))));
  w.units = ceil_div(w.grid.tiles, most);
  w.slice_floats = places * p.ic * round_up(p.oc, W);
  const i64 affordable = max<i64>(1, (i64(16) << 20) / w.slice_floats);
  const i64 most_slices = min(w.units, affordable), useful = w.grid.tiles / slice_tiles, wanted = 8 * context.threads;
  w.pair_tasks = 2 * min(most_slices, useful) * w.groups >= wanted ? 1 : pairs;
  const i64 tasks = w.pair_tasks * w.groups;
  w.slices = min(most_slices, min(max(useful, ceil_div(wanted / 4, tasks)), ceil_div(wanted, tasks)));
  w.units = round_up(w.units, w.slices);  // as many in each slice
  w.unit = ceil_div(w.grid.tiles, w.units);
  w.place = odd_lines(w.unit * w.pixel);
  w.worker_floats = pair_places * (w.place + w.unit * w.together * NR);
  w.memory = scratch<float>(context, w.worker_floats * context.threads);
  w.sums = scratch<float>(context, w.slices * w.slice_floats + NR);
  w.bias_sums = p.dbias ? scratch<float>(context, w.slices * round_up(p.oc, W) + NR) : nullptr;
  if (!zeros || !w.memory || !w.sums || (p.dbias && !w.bias_sums)) return;

  const i64 work = places * w.grid.tiles * p.ic * p.oc;
  for_tasks(context, work, tasks * w.slices,
            [&](i64 task, int id) { sum_slice(w, task, w.memory + id * w.worker_floats); });
  if (p.dbias) write_bias(w, p.dbias);
  for_tasks(context, work, w.panels * ceil_div(p.ic, block_channels),
            [&](i64 task, int) { write_weights(w, p.dw, task); });
}

}  // namespace quern::QUERN_ISA
