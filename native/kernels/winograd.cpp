#include "winograd.h"
#include "moments.h"
#include "pack_weights.h"

namespace quern::QUERN_ISA {

namespace {

// Floats of a block's tiles and their products: they stay near L1 where the weights stay in L2, else share L2 with a
// panel.
constexpr i64 small_block = 48 << 10, large_block = 160 << 10, small_weights = 128 << 10;
// Weights that no cache holds come from memory for each block: of about so many tiles then, if the threads leave them.
constexpr i64 many_tiles = 48;

// One pass: y(n,rows,columns,outputs) from x. A task makes one block of tiles, or one chunk of its panels.
struct Pass {
  Images x;
  TileGrid grid;
  float* y;
  i64 outputs;
  const float *bias, *residual;           // like y, or null
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
  Corner corner = p.grid.corner(begin);
  for (i64 tile = begin; tile < end; tile++, v += p.pixel, p.grid.advance(corner)) {
    const float* x[points][points];
    p.x.pixels(x, corner);
    transform_pixels<0>(v, p.place, x, channels);
    transform_pixels<1>(v + row, p.place, x, channels);
    transform_pixels<2>(v + 2 * row, p.place, x, channels);
  }
}

// Some of a task's tiles and of its panels, all [first_panel, last_panel).
struct Block {
  i64 begin, end, first, last, first_panel, last_panel;
};

// What will be read of x for the next block and written of y for this one, while the products of a place are made:
// tiles from `next` and `here` on.
QUERN_INLINE void fetch(const Pass& p, const Block& b, i64 place, Corner& next, Corner& here) {
  const i64 count = b.end - b.begin, panels = b.last_panel - b.first_panel, channels = p.x.channels;
  const i64 c0 = channels * (b.first - b.first_panel) / panels / 16 * 16;
  const i64 c1 = channels * (b.last - b.first_panel) / panels;
  const i64 y0 = b.first * NR, y1 = min(b.last * NR, p.outputs);
  for (i64 i = count * place / places; i < count * (place + 1) / places; i++) {
    if (b.end + i < p.grid.tiles) p.x.fetch<points>(next, 0, c0, c1);
    const i64 first = p.grid.pixel(here) * p.outputs + y0, line = p.grid.columns * p.outputs;
    if (p.residual) fetch_pixels<false>(p.residual + first, line, p.outputs, y1 - y0);
    if (!p.streams) fetch_pixels<true>(p.y + first, line, p.outputs, y1 - y0);
    p.grid.advance(next), p.grid.advance(here);
  }
}

// The 36 products of a block.
void multiply(const Pass& p, const float* v, float* products, float* copied, const Block& b) {
  const i64 depth = p.x.channels, zero = 0;
  i64 a_offset[MR], c_offset[MR];
  for (i64 m = 0; m < MR; m++) a_offset[m] = m * p.pixel, c_offset[m] = m * p.tile;
  Tile t{};
  t.a_offset = a_offset, t.c_offset = c_offset, t.delta = &zero, t.taps = 1, t.run = depth;
  Corner next = p.grid.corner(b.end), here = p.grid.corner(b.begin);
  for (i64 place = 0; place < places; place++) {
    fetch(p, b, place, next, here);
    for_tiles(b.end - b.begin, [&](i64 tile, int rows) {
      t.a = v + place * p.place + tile * p.pixel;
      if (copy_a) {
        pack_rows(copied, t.a, a_offset, rows, depth);
        t.a = copied, t.a_step = rows;
      }
      for (i64 panel = b.first; panel < b.last; panel++) {
        const i64 width = p.outputs - panel * NR > W ? NR : W;
        t.columns = static_cast<int>(width), t.b_step = width;
        t.b = p.weights + panel * places * depth * NR + place * depth * width;
        t.c = products + (panel - b.first) * p.panel + tile * p.tile + place * width;
        run_tile<copy_a ? A::steps : A::rows>(rows, t);
      }
    });
  }
}

// Statistics of vectors of y's channels, as they are made.
struct Statistics {
  vf shift[NV], sum[NV], square[NV];
  DoubleSum sums[NV], squares[NV];
  i64 pixels;

  // Some neighbouring pixels.
  template <int N>
  QUERN_INLINE void add(int v, const vf (&y)[N]) {
    vf d[N];
    QUERN_UNROLL
    for (int j = 0; j < N; j++) d[j] = y[j] - shift[v];
    vf sum_d = d[0], sum_dd = d[0] * d[0];
    QUERN_UNROLL
    for (int j = 1; j < N; j++) sum_d += d[j], sum_dd += d[j] * d[j];
    sum[v] += sum_d, square[v] += sum_dd;
  }
  void fold(int vectors) {
    for (int v = 0; v < vectors; v++) {
      sums[v].add(sum[v]), squares[v].add(square[v]);
      sum[v] = square[v] = vf{};
    }
  }
};

// y = ReLU(Aᵀ m A + bias) + residual, each where asked for, of tiles [begin, end), whose products m are of one panel
template <bool STATISTICS, int V>
void write_tiles(const Pass& p, const float* products, i64 begin, i64 end, i64 panel, i64 part) {
  const TileGrid& g = p.grid;
  const i64 columns = min<i64>(NR, p.outputs - panel * NR), outputs = p.outputs, line = g.columns * outputs;
  const vf low = set1(p.relu ? 0 : -infinity);
  float halves[made * made * W];  // of a tile
  Statistics s{};
  Corner corner = g.corner(begin);
  for (i64 tile = begin; tile < end; tile++, products += p.tile, g.advance(corner)) {
    const i64 down = min<i64>(made, g.rows - corner.row), across = min<i64>(made, g.columns - corner.column);
    float* first = p.y + g.pixel(corner) * outputs + panel * NR;
    for (int v = 0; v < V; v++) {
      const bool whole = across == made && columns - v * W >= W && !p.streams;
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
      float* to = first + v * W;
      const float* added = p.residual ? p.residual + (to - p.y) : nullptr;
      QUERN_UNROLL
      for (int i = 0; i < made; i++, to += line) {
        if (i >= down) break;
        vf y[made];
        times_at(y, half[i]);
        QUERN_UNROLL
        for (int j = 0; j < made; j++) y[j] = max_or_b(low, y[j] + bias);  // so NaN stays NaN
        if (added) {
          QUERN_UNROLL
          for (int j = 0; j < made; j++)
            if (j < across) y[j] += load(added + i * line + j * outputs);
        }
        if (STATISTICS && tile == begin && i == 0) s.shift[v] = y[0];
        if (whole) {
          QUERN_UNROLL
          for (int j = 0; j < made; j++) store(to + j * outputs, y[j]);
          if (STATISTICS) s.add(v, y);
          continue;
        }
        for (i64 j = 0; j < across; j++) {
          if (p.streams)
            stream_vector(to + j * outputs, y[j], panel * NR + v * W, halves + (i * made + j) * W);
          else
            store_lanes(to + j * outputs, y[j], columns - v * W);
          if (STATISTICS) s.add<1>(v, {y[j]});
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
  const i64 first_panel = p.panels * chunk / p.chunks, last_panel = p.panels * (chunk + 1) / p.chunks;
  float *v = memory, *products = v + places * p.place, *copied = products + p.product_floats;
  transform_tiles(p, v, begin, end);
  for (i64 first = first_panel; first < last_panel; first += p.together) {
    const i64 last = min(last_panel, first + p.together);
    multiply(p, v, products, copied, {begin, end, first, last, first_panel, last_panel});
    for (i64 panel = first; panel < last; panel++) {
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
  p.streams = streams_past_caches(p.y, tiles * made * made, p.outputs);
  p.panels = ceil_div(p.outputs, NR);
  p.together = copy_a ? p.panels : 1;
  p.pixel = odd_lines(p.x.channels), p.tile = odd_lines(places * min<i64>(NR, round_up(p.outputs, W)));
  const i64 weights = places * p.x.channels * p.outputs, floats = weights <= small_weights ? small_block : large_block;
  const i64 fit = floats / (places * p.pixel + p.together * p.tile);
  const i64 most = max<i64>(1, (weights < uncached ? fit : max(fit, many_tiles)) / MR) * MR;
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
  pass.x = {p.x, p.ih, p.iw, p.ic, p.pad_h, p.pad_w, make_zeros(p.ic, context)};
  pass.grid = make_grid(p.n, p.oh, p.ow), pass.y = p.y, pass.outputs = p.oc;
  pass.bias = p.bias, pass.relu = p.relu, pass.statistics = p.mean ? &p : nullptr;
  pass.weights = make_weights(p.w, p.ic, p.oc, 9, i64(p.ic) * 9, false, context);
  if (pass.x.zeros && pass.weights) run_pass(pass, context);
}

// The convolution of dy with the weights turned about.
void winograd_backward_data(const args::conv2d_backward_data<float>& p, Context& context) {
  Pass pass{};
  pass.x = {p.dy, p.oh, p.ow, p.oc, 2 - p.pad_h, 2 - p.pad_w, make_zeros(p.oc, context)};
  pass.grid = make_grid(p.n, p.ih, p.iw), pass.y = p.dx, pass.outputs = p.ic, pass.residual = p.residual;
  pass.weights = make_weights(p.w, p.oc, p.ic, i64(p.ic) * 9, 9, true, context);
  if (pass.x.zeros && pass.weights) run_pass(pass, context);
}

}  // namespace quern::QUERN_ISA
