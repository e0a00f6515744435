#include "depthwise.h"

#include "conv_shape.h"
#include "depthwise_pixels.h"
#include "moments.h"

namespace quern::QUERN_ISA {
namespace {

// y[oy][ox] = bias + Σ_t x[oy·step_h + tap_y[t]][ox·step_w + tap_x[t]] · w[t], ReLU if relu, channel by channel;
// zero outside of x(images,height,width,channels).
struct Gather {
  i64 columns, channels;  // of y
  float* y;
  i64 y_image, y_row, y_pixel;  // strides
  const float* x;
  i64 height, width;
  i64 step_h, step_w;
  i64 taps, kernel;  // kernel: the most that a class has
  const i64 *tap_y, *tap_x;
  const float* weights;  // (taps,channels)
  const float* bias;
  bool relu;
  bool windows;        // every row of taps is three neighbours, in rising order
  const float* zeros;  // as many as a pixel has channels
  bool past_caches;    // y is too large to stay in them
};

// What the rows after this one will read and write, a tile at a time.
QUERN_INLINE void fetch_next(const Gather& g, Strip strip, const float* below, const float* y, i64 column, i64 pixels) {
  const i64 size = strip.end - strip.begin;
  for (i64 r = 0; r < g.step_h; r++)
    for (i64 i = column * g.step_w; i < (column + pixels) * g.step_w; i++)
      prefetch(below + (r * g.width + i) * g.channels + strip.begin, size);
  // Stores that leave gaps would wait for their lines.
  if (g.y_pixel != g.channels && !g.past_caches)
    for (i64 i = 0; i < pixels; i++) prefetch(y + (2 * tile_pixels + i) * g.y_pixel + strip.begin, size);
}

// One row of y whose taps are neighbours, the last tile overlapping the one before. `lists` has room for a pointer to
// each column under each row of taps, and two more for each.
void run_window_row(const Gather& g, const float** lists, i64 image, i64 row, Strip strip, bool first) {
  const i64 line = g.width * g.channels, reach = (window_pixels - 1) * g.step_w + across, rows = g.taps / across;
  const float **x = lists, **weights = lists + rows, **columns = lists + 2 * rows;
  const bool whole = strip.end - strip.begin == g.channels;  // then rows of y are long, and fetching them pays
  float halves[window_pixels * W];
  Window t{0,          x,       weights,
           g.channels, columns, nullptr,
           g.y_pixel,  0,       g.channels,
           g.bias,     g.relu,  g.past_caches ? halves : nullptr,
           nullptr,    line,    whole && g.step_w == 1 && !g.past_caches};
  for (i64 r = 0; r < rows; r++) {
    const i64 y = row * g.step_h + g.tap_y[r * across];
    if (y < 0 || y >= g.height) continue;
    x[t.rows] = g.x + (image * g.height + y) * line;
    weights[t.rows++] = g.weights + r * across * g.channels;
  }
  // Of the last row of an image these are the next one's first.
  const float* const below = g.x + (image * g.height + row * g.step_h + g.tap_y[g.taps - 1] + 1) * line;
  float* const y = g.y + image * g.y_image + row * g.y_row;
  i64 moved = 0;  // of x
  for (i64 column = 0; column < g.columns; column += window_pixels) {
    const i64 start = min(column, g.columns - window_pixels), left = start * g.step_w + g.tap_x[0];
    const bool edge = left < 0 || left + reach > g.width;
    for (i64 r = 0; r < t.rows; r++) {
      x[r] += (left - moved) * g.channels;
      for (i64 j = 0; edge && j < reach; j++)
        columns[r * reach + j] = left + j >= 0 && left + j < g.width ? x[r] + j * g.channels : g.zeros;
    }
    moved = left;
    t.y = y + start * g.y_pixel;
    t.ahead = first ? below + start * g.step_w * g.channels : nullptr;
    run_window(t, strip, g.step_w, edge);
  }
}

// One row of y: the pixels whose windows lie inside in tiles, the others one by one. `taps` has room for all, twice;
// `first` of those that read the same rows.
void run_row(const Gather& g, Tap* taps, i64 image, i64 row, Strip strip, bool first) {
  const i64 line = g.width * g.channels;
  i64 count = 0, left = 0, right = 0, lowest = 0;
  for (i64 i = 0; i < g.taps; i++) {
    const i64 y = row * g.step_h + g.tap_y[i];
    if (y < 0 || y >= g.height) continue;
    taps[count++] = {y * line + g.tap_x[i] * g.channels, g.weights + i * g.channels, g.tap_x[i]};
    left = max(left, -g.tap_x[i]), right = max(right, g.tap_x[i]), lowest = max(lowest, g.tap_y[i]);
  }
  const i64 inside = min(ceil_div(left, g.step_w), g.columns);
  const i64 end = max(inside, min(g.columns, g.width > right ? (g.width - 1 - right) / g.step_w + 1 : 0));
  const float* x = g.x + image * g.height * line;
  float* y = g.y + image * g.y_image + row * g.y_row;
  float halves[tile_pixels * W];
  Pixels t{x,      g.step_w * g.channels,           y, g.y_pixel, taps, count, 0, g.channels, g.bias,
           g.relu, g.past_caches ? halves : nullptr};
  const float* const below = x + (row * g.step_h + lowest + 1) * line;
  for (i64 column = 0; column < g.columns;) {
    const bool is_inside = column >= inside && column < end;
    const i64 pixels = is_inside ? min<i64>(tile_pixels, end - column) : 1;
    t.x = x + column * t.x_step;
    t.y = y + column * t.y_step;
    t.taps = taps, t.count = count;
    if (!is_inside) {
      Tap* const present = taps + g.taps;
      t.taps = present, t.count = 0;
      for (i64 i = 0; i < count; i++) {
        const i64 at = column * g.step_w + taps[i].column;
        if (at >= 0 && at < g.width) present[t.count++] = taps[i];
      }
    }
    if (first) fetch_next(g, strip, below, t.y, column, pixels);
    run_pixels(t, strip, pixels);
    column += pixels;
  }
}

// All rows of y, whose pixels fall into `down` × `beside` classes by their place modulo these: each class gathers by
// taps of its own. Row by row, so that what the classes share is read once. statistics: null, or who wants y's.
void gather(Gather* classes, i64 down, i64 beside, i64 images, i64 rows, i64 row_work,
            const args::conv2d<float>* statistics, Context& context) {
  const i64 total = images * rows, taps = classes->kernel;
  Tap* lists = scratch<Tap>(context, (2 * taps + 1) * context.threads);
  // As many as a window's rows of taps can have columns, and two more for each.
  constexpr i64 reach = (window_pixels - 1) * 2 + across + 2;
  const float** pointers = scratch<const float*>(context, (reach * taps + 1) * context.threads);
  if (!lists || !pointers) return;
  const i64 block = max<i64>(1, 2 * chunk / max<i64>(1, row_work)), tasks = ceil_div(total, block);
  const i64 columns = classes->columns, channels = classes->channels;
  Moments moments;
  if (statistics && !make_moments(moments, tasks, channels, context)) return;
  const bool streams = streams_past_caches(classes->y, total * row_work / max<i64>(1, channels), channels);
  for (i64 i = 0; i < down * beside; i++) classes[i].past_caches = streams && !statistics;
  // With statistics, which are taken of what is still in cache, a block is made elsewhere and streamed then.
  const i64 made_floats = streams && statistics ? round_up(block * row_work, 16) : 0;
  float* made = scratch<float>(context, made_floats * context.threads + 1);
  if (!made) return;
  const auto run = [&](const Gather& g, i64 image, i64 row, Strip strip, bool first, int worker) {
    if (g.windows) return run_window_row(g, pointers + worker * reach * taps, image, row, strip, first);
    run_row(g, lists + worker * 2 * taps, image, row, strip, first);
  };
  const i64 strip = strip_channels(channels, classes->width);
  parallel_if(context, total * row_work, tasks, [&](i64 task, int worker) {
    const i64 begin = task * block, end = min(total, begin + block);
    Gather whole = *classes;  // the only class where there are statistics
    if (made_floats) whole.y = made + worker * made_floats - begin * row_work;
    for (i64 c = 0; c < channels; c += strip)
      for (i64 i = begin; i < end; i++)
        for (i64 s = 0; s < beside; s++)
          run(statistics ? whole : classes[i % rows % down * beside + s], i / rows, i % rows / down,
              {c, min(channels, c + strip)}, s == 0, worker);
    if (made_floats)
      for_vectors(task, 0, channels, begin * columns, end * columns, ColumnMoments<true>{whole.y, moments, classes->y});
    else if (statistics)
      for_vectors(task, 0, channels, begin * columns, end * columns, ColumnMoments<>{classes->y, moments});
    if (streams) end_streams();
  });
  if (statistics) write_statistics(*statistics, moments);
}

// out(taps,channels) = some taps of w(channels,kernel); null without memory
float* turn_weights(const float* w, i64 channels, i64 kernel, const i64* taps, i64 count, Context& context) {
  float* out = scratch<float>(context, count * channels + tile_vectors * W);
  if (out)
    for (i64 c = 0; c < channels; c++)
      for (i64 t = 0; t < count; t++) out[t * channels + c] = w[c * kernel + taps[t]];
  return out;
}

bool has_windows(const Gather& g) {
  if (g.taps % across || g.step_w > 2 || g.columns < window_pixels) return false;
  for (i64 t = 0; t < g.taps; t++)
    if (g.tap_x[t] != g.tap_x[0] + t % across || g.tap_y[t] != g.tap_y[t - t % across]) return false;
  return g.taps > 0;
}

float* make_zeros(i64 channels, Context& context) {
  float* zeros = scratch<float>(context, channels + window_vectors * W);
  if (zeros) __builtin_memset(zeros, 0, (channels + window_vectors * W) * sizeof(float));
  return zeros;
}

}  // namespace

// y(n,oh,ow,c) = conv(x(n,ih,iw,c), w(c,1,kh,kw)) + bias(c), ReLU if relu
void depthwise_conv2d(const args::conv2d<float>& p, Context& context) {
  const i64 c = p.ic, kernel = i64(p.kh) * p.kw;
  Taps taps;
  if (!make_taps(taps, kernel, context)) return;
  for (i64 t = 0; t < kernel; t++) {
    taps.y[t] = t / p.kw * p.dil_h - p.pad_h;
    taps.x[t] = t % p.kw * p.dil_w - p.pad_w;
    taps.offset[t] = t;
  }
  const float* weights = turn_weights(p.w, c, kernel, taps.offset, kernel, context);
  const float* zeros = make_zeros(c, context);
  if (!weights || !zeros) return;
  Gather all{p.ow,   c,       p.y,        i64(p.oh) * p.ow * c, i64(p.ow) * c, c,      p.x,
             p.ih,   p.iw,    p.stride_h, p.stride_w,           kernel,        kernel, taps.y,
             taps.x, weights, p.bias,     p.relu != 0,          false,         zeros,  false};
  all.windows = has_windows(all);
  gather(&all, 1, 1, p.n, p.oh, i64(p.ow) * c, p.mean ? &p : nullptr, context);
}

// dx(n,ih,iw,c) = Σ dy(n,oh,ow,c) · w(c,1,kh,kw) over the products that x took part in
void depthwise_backward_data(const args::conv2d_backward_data<float>& p, Context& context) {
  const i64 c = p.ic, kernel = i64(p.kh) * p.kw, row = i64(p.iw) * c;
  const i64 down = min(p.stride_h, p.ih), beside = min(p.stride_w, p.iw);
  Gather* classes = scratch<Gather>(context, down * beside + 1);
  const float* zeros = make_zeros(c, context);
  if (!classes || !zeros || down * beside == 0) return;
  for (i64 ry = 0; ry < down; ry++)
    for (i64 rx = 0; rx < beside; rx++) {
      Taps taps;
      if (!make_taps(taps, kernel, context)) return;
      const i64 count = class_taps(p, ry, rx, taps);
      const float* weights = turn_weights(p.w, c, kernel, taps.offset, count, context);
      if (!weights) return;
      classes[ry * beside + rx] = {ceil_div(p.iw - rx, p.stride_w),
                                   c,
                                   p.dx + ry * row + rx * c,
                                   p.ih * row,
                                   p.stride_h * row,
                                   p.stride_w * c,
                                   p.dy,
                                   p.oh,
                                   p.ow,
                                   1,
                                   1,
                                   count,
                                   kernel,
                                   taps.y,
                                   taps.x,
                                   weights,
                                   nullptr,
                                   false,
                                   false,
                                   zeros,
                                   false};
      Gather& made = classes[ry * beside + rx];
      made.windows = has_windows(made);
    }
  gather(classes, down, beside, p.n, p.ih, row, nullptr, context);
}

}  // namespace quern::QUERN_ISA
