#include "winograd.h"
#include "moments.h"
#include "pack_weights.h"

namespace quern::QUERN_ISA {

namespace {

// Of a block's tiles and their products: they stay near L1 where the weights stay in L2, else share L2 with a panel.
constexpr i64 small_block = 48 << 10, large_block = 160 << 10, small_weights = 128 << 10;

// One pass: y(n,rows,columns,outputs) from x. A task makes one block of tiles, or one chunk of its panels.
struct Pass {
  Images x;
  i64 pad_h, pad_w;
  TileGrid grid;
  float* y;
  i64 outputs;
  const float* bias;
  bool relu, streams;                     // past the caches
  const args::conv2d<float>* statistics;  // null, or who wants y's
  const float* weights;                   // (panels,places,channels,NR or W)
  i64 panels, blocks, chunks;
  i64 together;                     // panels that are multiplied before their products are transformed
  i64 pixel, place;                 // strides of a block's tiles (places,tiles,channels)
  i64 tile, panel;                  // strides of their products (together,tiles,places,NR or W)
  i64 product_floats, copy_floats;  // in the memory of each worker
  float* memory;
  Moments moments;
};

// u(places,depth,width) of rows [k0, k1), from their taps g(9,rows,width)
void transform_weights(float* u, i64 depth, i64 width, const float* g, i64 k0, i64 k1) {
  const i64 rows = k1 - k0;
  for (i64 i = 0; i < rows * width; i += W) {
    vf half[points][3];
    QUERN_UNROLL
    for (int j = 0; j < 3; j++) {
      vf taps[3], column[points];
      QUERN_UNROLL
      for (int l = 0; l < 3; l++) taps[l] = load(g + i + (l * 3 + j) * rows * width);
      times_g(column, taps);
      QUERN_UNROLL
      for (int l = 0; l < points; l++) half[l][j] = column[l];
    }
    QUERN_UNROLL
    for (int l = 0; l < points; l++) {
      vf row[points];
      times_g(row, half[l]);
      QUERN_UNROLL
      for (int j = 0; j < points; j++) store(u + (l * points + j) * depth * width + k0 * width + i, row[j]);
    }
  }
}

// G w Gᵀ (panels,places,depth,NR or, for the last panel, W) of w(k,column) at k·k_stride + column·column_stride; null
// without memory.
const float* make_weights(const float* w, i64 depth, i64 columns, i64 k_stride, i64 column_stride, bool flipped,
                          Context& context) {
  float* u = scratch<float>(context, places * depth * round_up(columns, W) + NR);
  if (!u) return nullptr;
  constexpr i64 block = 8;  // of k: their taps stay in L1
  const i64 blocks = ceil_div(depth, block), panels = ceil_div(columns, NR);
  i64 place[9];
  for (i64 t = 0; t < 9; t++) place[t] = flipped ? 8 - t : t;
  for_tasks(context, places * depth * columns * 8, panels * blocks, [&](i64 task, int) {
    const i64 k0 = task % blocks * block, k1 = min(k0 + block, depth), panel = task / blocks;
    const i64 left = min<i64>(NR, columns - panel * NR), width = left > W ? NR : W;
    float taps[9 * block * NR];
    pack_weight_panel({9, k1 - k0, columns, 1, place, k_stride, column_stride, 0, 9}, place, taps,
                      w + k0 * k_stride + panel * NR * column_stride, width, left, 0, k1 - k0);
    transform_weights(u + panel * places * depth * NR, depth, width, taps, k0, k1);
  });
  return u;
}

// v(places,tiles,channels) = Bᵀ x B of tiles [begin, end)
void transform_tiles(const Pass& p, float* v, i64 begin, i64 end) {
  const i64 channels = p.x.channels, row = 2 * points * p.place;
  for (i64 tile = begin; tile < end; tile++, v += p.pixel) {
    const float* x[points][points];
    p.x.pixels(x, p.grid.image(tile), p.grid.row(tile) - p.pad_h, p.grid.column(tile) - p.pad_w);
    p.x.fetch(x, 0, channels);
    transform_pixels<0>(v, p.place, x, channels);
    transform_pixels<1>(v + row, p.place, x, channels);
    transform_pixels<2>(v + 2 * row, p.place, x, channels);
  }
}

// The 36 products of `count` tiles and panels [first, last).
void multiply(const Pass& p, const float* v, float* products, float* copied, i64 count, i64 first, i64 last) {
  const i64 depth = p.x.channels, zero = 0;
  i64 a_offset[MR], c_offset[MR];
  for (i64 m = 0; m < MR; m++) a_offset[m] = m * p.pixel, c_offset[m] = m * p.tile;
  Tile t{};
  t.a_offset = a_offset, t.c_offset = c_offset, t.delta = &zero, t.taps = 1, t.run = depth;
  for (i64 place = 0; place < places; place++)
    for_tiles(count, [&](i64 tile, int rows) {
      t.a = v + place * p.place + tile * p.pixel;
      if (copy_a) {
        pack_rows(copied, t.a, a_offset, rows, depth);
        t.a = copied, t.a_step = rows;
      }
      for (i64 panel = first; panel < last; panel++) {
        const i64 width = p.outputs - panel * NR > W ? NR : W;
        t.columns = static_cast<int>(width), t.b_step = width;
        t.b = p.weights + panel * places * depth * NR + place * depth * width;
        t.c = products + (panel - first) * p.panel + tile * p.tile + place * width;
        run_tile<copy_a ? A::steps : A::rows>(rows, t);
      }
    });
}

// Statistics of V vectors of y's channels, as they are made.
struct Statistics {
  vf shift[NV], sum[NV], square[NV];
  DoubleSum sums[NV], squares[NV];
  i64 pixels;

  QUERN_INLINE void add(int v, vf y) {
    const vf d = y - shift[v];
    sum[v] += d;
    square[v] += d * d;
  }
  void fold(int vectors) {
    for (int v = 0; v < vectors; v++) {
      sums[v].add(sum[v]), squares[v].add(square[v]);
      sum[v] = square[v] = vf{};
    }
  }
};

// y = Aᵀ m A + bias of tiles [begin, end), whose products m are of one panel
template <bool STATISTICS, int V>
void write_tiles(const Pass& p, const float* products, i64 begin, i64 end, i64 panel, i64 part) {
  const TileGrid& g = p.grid;
  const i64 columns = min<i64>(NR, p.outputs - panel * NR);
  Statistics s{};
  for (i64 tile = begin; tile < end; tile++, products += p.tile) {
    const i64 row = g.row(tile), column = g.column(tile);
    const i64 down = min<i64>(made, g.rows - row), across = min<i64>(made, g.columns - column);
    float* first = p.y + ((g.image(tile) * g.rows + row) * g.columns + column) * p.outputs + panel * NR;
    for (int v = 0; v < V; v++) {
      const float* next = first + made * p.outputs + v * W;  // tile, whose lines would be waited for
      for (i64 i = 0; i < down && !p.streams; i++)
        for (i64 j = 0; j < made; j++) __builtin_prefetch(next + (i * g.columns + j) * p.outputs, 1);
      vf half[made][points];
      QUERN_UNROLL
      for (int j = 0; j < points; j++) {
        vf m[points], y[made];
        QUERN_UNROLL
        for (int i = 0; i < points; i++) m[i] = load(products + (i * points + j) * V * W + v * W);
        times_at(y, m);
        QUERN_UNROLL
        for (int i = 0; i < made; i++) half[i][j] = y[i];
      }
      const vf bias = p.bias ? load(p.bias + panel * NR + v * W) : vf{};
      QUERN_UNROLL
      for (int i = 0; i < made; i++) {
        if (i >= down) break;
        vf y[made];
        times_at(y, half[i]);
        QUERN_UNROLL
        for (int j = 0; j < made; j++) {
          if (j >= across) continue;
          y[j] += bias;
          if (p.relu) y[j] = max_or_b(vf{}, y[j]);  // so NaN stays NaN
          float* const to = first + (i * g.columns + j) * p.outputs + v * W;
          if (p.streams)
            stream(to, y[j]);
          else
            store_lanes(to, y[j], columns - v * W);
          if (!STATISTICS) continue;
          if (tile == begin && i + j == 0) s.shift[v] = y[j];
          s.add(v, y[j]);
        }
      }
    }
    if (!STATISTICS) continue;
    s.pixels += down * across;
    if ((tile - begin) % 4 == 3) s.fold(V);
  }
  if (!STATISTICS) return;
  s.fold(V);
  write_moments(p.moments, part, panel * NR, columns, s.pixels, s.shift, s.sums, s.squares);
}

void run_task(const Pass& p, i64 task, float* memory) {
  const i64 chunk = task % p.chunks, block = task / p.chunks, tiles = p.grid.tiles;
  const i64 begin = tiles * block / p.blocks, end = tiles * (block + 1) / p.blocks;
  const i64 last = p.panels * (chunk + 1) / p.chunks;
  float *v = memory, *products = v + places * p.place, *copied = products + p.product_floats;
  transform_tiles(p, v, begin, end);
  for (i64 first = p.panels * chunk / p.chunks; first < last; first += p.together) {
    const i64 after = min(last, first + p.together);
    multiply(p, v, products, copied, end - begin, first, after);
    for (i64 panel = first; panel < after; panel++) {
      const bool narrow = p.outputs - panel * NR <= W;
      const auto write = p.statistics ? narrow ? write_tiles<true, 1> : write_tiles<true, NV>
                         : narrow ? write_tiles<false, 1>
                                      : write_tiles<false, NV>;
      write(p, products + (panel - first) * p.panel, begin, end, panel, block);
    }
  }
  if (p.streams) end_streams();
}

void run_pass(Pass& p, Context& context) {
  const i64 tiles = p.grid.tiles, threads = context.threads;
  p.streams = p.outputs % W == 0 && streams_past_caches(p.y, tiles * made * made * p.outputs);
  p.panels = ceil_div(p.outputs, NR);
  p.together = copy_a ? p.panels : 1;
  p.pixel = odd_lines(p.x.channels), p.tile = odd_lines(places * min<i64>(NR, round_up(p.outputs, W)));
  const i64 floats = places * p.x.channels * p.outputs <= small_weights ? small_block : large_block;
  const i64 most = max<i64>(1, floats / (places * p.pixel + p.together * p.tile) / MR) * MR;
  p.blocks = min(tiles, round_up(ceil_div(tiles, most), threads));
  p.chunks = p.blocks % threads == 0 ? 1 : min(p.panels, ceil_div(4 * threads, p.blocks));
  const i64 block = ceil_div(tiles, p.blocks);
  p.place = odd_lines(block * p.pixel), p.panel = block * p.tile;
  p.product_floats = p.together * p.panel;
  p.copy_floats = copy_a ? round_up(p.x.channels * MR + NR, 16) : 0;
  const i64 worker = places * p.place + p.product_floats + p.copy_floats;
  p.memory = scratch<float>(context, worker * threads);
  if (!p.memory || (p.statistics && !make_moments(p.moments, p.blocks, p.outputs, context))) return;
  for_tasks(context, places * tiles * p.x.channels * p.outputs, p.blocks * p.chunks,
            [&](i64 task, int id) { run_task(p, task, p.memory + id * worker); });
  if (p.statistics) write_statistics(*p.statistics, p.moments);
}

}  // namespace

void winograd_conv2d(const args::conv2d<float>& p, Context& context) {
  Pass pass{};
  pass.x = {p.x, p.ih, p.iw, p.ic, make_zeros(p.ic, context)}, pass.pad_h = p.pad_h, pass.pad_w = p.pad_w;
  pass.grid = make_grid(p.n, p.oh, p.ow), pass.y = p.y, pass.outputs = p.oc;
  pass.bias = p.bias, pass.relu = p.relu, pass.statistics = p.mean ? &p : nullptr;
  pass.weights = make_weights(p.w, p.ic, p.oc, 9, i64(p.ic) * 9, false, context);
  if (pass.x.zeros && pass.weights) run_pass(pass, context);
}

// The convolution of dy with the weights turned about.
void winograd_backward_data(const args::conv2d_backward_data<float>& p, Context& context) {
  Pass pass{};
  pass.x = {p.dy, p.oh, p.ow, p.oc, make_zeros(p.oc, context)}, pass.pad_h = 2 - p.pad_h, pass.pad_w = 2 - p.pad_w;
  pass.grid = make_grid(p.n, p.ih, p.iw), pass.y = p.dx, pass.outputs = p.ic;
  pass.weights = make_weights(p.w, p.oc, p.ic, i64(p.ic) * 9, 9, true, context);
  if (pass.x.zeros && pass.weights) run_pass(pass, context);
}

}  // namespace quern::QUERN_ISA
