#include "columns.h"
#include "pack.h"
#include "winograd.h"

namespace quern::QUERN_ISA {

namespace {

using Args = args::conv2d_backward_weights<float>;

constexpr i64 unit_floats = 128 << 10;  // of x and dy that are transformed at a time
constexpr i64 row_places = 4;

// The adjoint of the forward pass: dw = Gᵀ[Σ (Bᵀ x B) ⊙ (A dy Aᵀ)]G over the tiles. A task sums, over one slice of the
// tiles, one row of the 4×4 places for some panels.
struct Plan {
  Images x, dy;
  i64 pad_h, pad_w;
  TileGrid grid;
  i64 panels, together, groups;  // panels of one task, and how many such groups
  i64 unit, units, slices;       // tiles of a unit
  i64 pixel, place;              // strides of a unit's x (row_places,tiles,channels)
  i64 worker_floats, slice_floats;
  float *memory, *sums;  // sums(slices,panels,places,channels,NR or, for the last panel, W)
  float* bias_sums;      // (slices,outputs), or null

  i64 width(i64 panel) const { return dy.channels - panel * NR > W ? NR : W; }
};

// out(row_places,tiles,channels): row `row` of Bᵀ x B of tiles [begin, end)
void transform_x(const Plan& w, float* out, i64 row, i64 begin, i64 end) {
  constexpr i64 first[4] = {0, 1, 2, 1}, second[4] = {2, 2, 1, 3};
  const vf sign = set1(row == 1 ? 1.0f : -1.0f);
  const i64 below = 2 * w.x.width * w.x.channels;  // the next row of tiles
  for (i64 tile = begin; tile < end; tile++, out += w.pixel) {
    const i64 image = w.grid.image(tile), top = w.grid.row(tile) - w.pad_h, left = w.grid.column(tile) - w.pad_w;
    const float *a[1][4], *b[1][4];
    w.x.pixels(a, image, top + first[row], left);
    w.x.pixels(b, image, top + second[row], left);
    for (i64 c = 0; c < w.x.channels; c += W) {
      for (int j = 1; j < 3; j++) __builtin_prefetch(b[0][j] + c + below, 0, 2);
      vf d[4], v[4];
      QUERN_UNROLL
      for (int j = 0; j < 4; j++) d[j] = load(a[0][j] + c) + sign * load(b[0][j] + c);
      times_b(v, d[0], d[1], d[2], d[3]);
      QUERN_UNROLL
      for (int j = 0; j < 4; j++) store(out + j * w.place + c, v[j]);
    }
  }
}

// out(row_places,panels,tiles,NR or W): the same row of A dy Aᵀ, of panels [first, last)
void transform_dy(const Plan& w, float* out, i64 row, i64 begin, i64 end, i64 first, i64 last) {
  constexpr float upper[4] = {1, 1, 1, 0}, lower[4] = {0, 1, -1, -1};
  const vf above = set1(upper[row]), below = set1(lower[row]);
  const i64 count = end - begin, place = count * w.together * NR;
  for (i64 tile = begin; tile < end; tile++) {
    const float* dy[2][2];
    w.dy.pixels(dy, w.grid.image(tile), w.grid.row(tile), w.grid.column(tile));
    for (i64 panel = first; panel < last; panel++) {
      const i64 width = w.width(panel);
      float* to = out + (panel - first) * count * NR + (tile - begin) * width;
      for (i64 v = 0; v < width; v += W) {
        const i64 c = panel * NR + v;
        const vf d0 = above * load(dy[0][0] + c) + below * load(dy[1][0] + c);
        const vf d1 = above * load(dy[0][1] + c) + below * load(dy[1][1] + c);
        store(to + v, d0), store(to + place + v, d0 + d1);
        store(to + 2 * place + v, d0 - d1), store(to + 3 * place + v, -d1);
      }
    }
  }
}

// Task: the sums of one row of places and one group of panels over one slice.
void sum_slice(const Plan& w, i64 task, float* memory) {
  const i64 row = task % row_places, group = task / row_places % w.groups, slice = task / row_places / w.groups;
  const i64 panel = group * w.together, last = min(panel + w.together, w.panels), channels = w.x.channels;
  const i64 units_begin = w.units * slice / w.slices, units_end = w.units * (slice + 1) / w.slices;
  float *x = memory, *dy = memory + row_places * w.place;
  float* bias = w.bias_sums && row == 1 ? w.bias_sums + slice * round_up(w.dy.channels, W) + panel * NR : nullptr;
  if (bias) clear(bias, round_up(min(last * NR, w.dy.channels) - panel * NR, W));
  const i64 zero = 0;
  i64 c_offset[MR];
  Tile t{};
  t.delta = &zero, t.taps = 1, t.a_step = w.pixel, t.c_offset = c_offset;
  for (i64 unit = units_begin; unit < units_end; unit++) {
    const i64 begin = w.grid.tiles * unit / w.units, end = w.grid.tiles * (unit + 1) / w.units, count = end - begin;
    transform_x(w, x, row, begin, end);
    transform_dy(w, dy, row, begin, end, panel, last);
    t.run = count, t.accumulate = unit > units_begin;
    for (i64 j = 0; j < row_places; j++)
      for (i64 p = panel; p < last; p++) {
        const i64 width = w.width(p);
        for (i64 m = 0; m < MR; m++) c_offset[m] = m * width;
        t.columns = static_cast<int>(width), t.b_step = width;
        t.b = dy + (j * w.together + p - panel) * count * NR;
        float* sums =
            w.sums + slice * w.slice_floats + p * places * channels * NR + (row * row_places + j) * channels * width;
        for_tiles(channels, [&](i64 first, int rows) {
          t.a = x + j * w.place + first, t.c = sums + first * width;
          run_tile<A::steps>(rows, t);
        });
        // In the middle of A dy Aᵀ stands the sum of all four pixels.
        if (bias && j == 1) add_columns(bias + (p - panel) * NR, t.b, width, count, min(width, w.dy.channels - p * NR));
      }
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
      vf half[3][4];
      QUERN_UNROLL
      for (int j = 0; j < 4; j++) {
        vf u[4], g[3];
        QUERN_UNROLL
        for (int i = 0; i < 4; i++) {
          const float* from = sums + ((i * 4 + j) * channels + c) * width + v;
          u[i] = load(from);
          for (i64 slice = 1; slice < w.slices; slice++) u[i] += load(from + slice * w.slice_floats);
        }
        times_g_transposed(g, u[0], u[1], u[2], u[3]);
        QUERN_UNROLL
        for (int i = 0; i < 3; i++) half[i][j] = g[i];
      }
      QUERN_UNROLL
      for (int i = 0; i < 3; i++) {
        vf g[3];
        times_g_transposed(g, half[i][0], half[i][1], half[i][2], half[i][3]);
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
  w.x = {p.x, p.ih, p.iw, p.ic, zeros}, w.pad_h = p.pad_h, w.pad_w = p.pad_w;
  w.dy = {p.dy, p.oh, p.ow, p.oc, zeros}, w.grid = make_grid(p.n, p.oh, p.ow);
  w.panels = ceil_div(p.oc, NR);
  w.together = min<i64>(w.panels, 128 / NR);
  w.groups = ceil_div(w.panels, w.together);
  w.pixel = odd_lines(p.ic);
  const i64 most = max<i64>(64, min<i64>(256, unit_floats / (row_places * (w.pixel + w.together * NR))));
  w.units = ceil_div(w.grid.tiles, most);
  w.unit = ceil_div(w.grid.tiles, w.units);
  w.place = odd_lines(w.unit * w.pixel);
  w.worker_floats = row_places * (w.place + w.unit * w.together * NR);
  w.slice_floats = places * p.ic * round_up(p.oc, W);
  const i64 affordable = max<i64>(1, (i64(16) << 20) / w.slice_floats);
  w.slices = min(min(w.units, affordable), ceil_div(8 * context.threads, row_places * w.groups));
  w.memory = scratch<float>(context, w.worker_floats * context.threads);
  w.sums = scratch<float>(context, w.slices * w.slice_floats + NR);
  w.bias_sums = p.dbias ? scratch<float>(context, w.slices * round_up(p.oc, W) + NR) : nullptr;
  if (!zeros || !w.memory || !w.sums || (p.dbias && !w.bias_sums)) return;

  const i64 work = places * w.grid.tiles * p.ic * p.oc;
  for_tasks(context, work, row_places * w.groups * w.slices,
            [&](i64 task, int id) { sum_slice(w, task, w.memory + id * w.worker_floats); });
  if (p.dbias) write_bias(w, p.dbias);
  for_tasks(context, work, w.panels * ceil_div(p.ic, block_channels),
            [&](i64 task, int) { write_weights(w, p.dw, task); });
}

}  // namespace quern::QUERN_ISA
