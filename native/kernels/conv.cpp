#include "conv_shape.h"
#include "depthwise.h"
#include "gather.h"
#include "pack_weights.h"
#include "winograd.h"

namespace quern::QUERN_ISA {

namespace {

// (groups, outputs, taps, depth), as dots read it; null without memory.
float* pack_dots(const WeightOrder& o, const float* w, Context& context) {
  float* packed = scratch<float>(context, o.groups * o.columns * o.taps * o.depth + 1);
  if (!packed) return nullptr;
  float* out = packed;
  for (i64 group = 0; group < o.groups; group++, w += o.group_stride)
    for (i64 column = 0; column < o.columns; column++)
      for (i64 t = 0; t < o.taps; t++)
        for (i64 k = 0; k < o.depth; k++) *out++ = w[o.tap[t] + k * o.k_stride + column * o.column_stride];
  return packed;
}

// (groups, panels, taps, depth, NR or, for the last panel, W), as the other tiles read it; null without memory.
float* pack_vectors(const WeightOrder& o, const float* w, Context& context) {
  const i64 rows = o.taps * o.depth, group_floats = rows * round_up(o.columns, W);
  float* packed = scratch<float>(context, o.groups * group_floats + NR);
  i64* place = scratch<i64>(context, o.kernel + 1);
  if (!packed || !place) return nullptr;
  for (i64 t = 0; t < o.kernel; t++) place[t] = -1;
  for (i64 t = 0; t < o.taps; t++) place[o.tap[t]] = t;
  constexpr i64 block = 8;  // of k: the rows of all taps that are written together stay in L1
  const i64 panels = ceil_div(o.columns, NR), blocks = ceil_div(o.depth, block);
  auto task = [&](i64 i, int) {
    const i64 k = i % blocks * block, panel = i / blocks % panels, group = i / blocks / panels;
    const i64 columns = min<i64>(NR, o.columns - panel * NR), width = columns > W ? NR : W;
    pack_weight_panel(o, place, packed + group * group_floats + panel * rows * NR,
                      w + group * o.group_stride + panel * NR * o.column_stride, width, columns, k,
                      min(k + block, o.depth));
  };
  for_tasks(context, o.groups * group_floats * 8, o.groups * panels * blocks, task);  // a copy costs some 8 of them
  return packed;
}

float* pack_weights(TileKind tiles, const WeightOrder& o, const float* w, Context& context) {
  return tiles == TileKind::dots ? pack_dots(o, w, context) : pack_vectors(o, w, context);
}

// Rows of all images are one tall image to a kernel that sees each pixel alone.
void join_images(Gather& g) {
  g.phases[0].rows *= g.images;
  g.height *= g.images;
  g.images = 1;
}

}  // namespace

// y(n,oh,ow,oc) = conv(x(n,ih,iw,ic), w(oc,ic/groups,kh,kw)) + bias(oc), ReLU if relu; y's statistics if mean
void conv2d(const args::conv2d<float>& p, Context& context) {
  const i64 kernel = i64(p.kh) * p.kw;
  if (is_depthwise(p)) return depthwise_conv2d(p, context);
  if (suits_winograd(p)) return winograd_conv2d(p, context);
  Gather g{};
  Phase f{};
  g.phases = &f, g.phase_count = 1;
  f.rows = p.oh, f.columns = p.ow, f.y = p.y;
  g.images = p.n, g.y_pixel = p.oc, g.y_row = i64(p.ow) * p.oc, g.y_image = p.oh * g.y_row;
  g.x = p.x, g.height = p.ih, g.width = p.iw;
  g.step_h = p.stride_h, g.step_w = p.stride_w;
  g.groups = p.groups, g.channels = p.ic / g.groups, g.outputs = p.oc / g.groups;
  g.bias = p.bias, g.relu = p.relu;
  g.statistics = p.mean ? &p : nullptr;
  if (is_pointwise(p)) join_images(g);

  Taps taps;
  if (!make_taps(taps, kernel, context)) return;
  f.taps = kernel;
  for (i64 t = 0; t < kernel; t++) {
    taps.y[t] = t / p.kw * p.dil_h - p.pad_h;
    taps.x[t] = t % p.kw * p.dil_w - p.pad_w;
    taps.offset[t] = t;
  }
  f.tap_y = taps.y, f.tap_x = taps.x;
  f.weights = pack_weights(tile_kind(g, f),
                           {kernel, g.channels, g.outputs, g.groups, taps.offset, kernel, g.channels * kernel,
                            g.outputs * g.channels * kernel, kernel},
                           p.w, context);
  if (f.weights) gather_gemm(g, context);
}

namespace {

void gather_backward_data(const args::conv2d_backward_data<float>& p, Context& context) {
  const i64 kernel = i64(p.kh) * p.kw;
  Gather g{};
  g.images = p.n;
  g.x = p.dy, g.height = p.oh, g.width = p.ow;
  g.step_h = g.step_w = 1;
  g.groups = p.groups, g.channels = p.oc / g.groups, g.outputs = p.ic / g.groups;
  g.y_pixel = i64(p.stride_w) * p.ic, g.y_row = i64(p.stride_h) * p.iw * p.ic, g.y_image = i64(p.ih) * p.iw * p.ic;
  const i64 across = min(p.stride_w, p.iw);
  g.phase_count = min(p.stride_h, p.ih) * across;
  g.phases = scratch<Phase>(context, g.phase_count + 1);
  if (!g.phases) return;
  for (i64 i = 0; i < g.phase_count; i++) {
    Phase& f = g.phases[i] = {};
    const i64 ry = i / across, rx = i % across;
    Taps taps;
    if (!make_taps(taps, kernel, context)) return;
    f.taps = class_taps(p, ry, rx, taps);
    f.tap_y = taps.y, f.tap_x = taps.x;
    f.y = p.dx + (ry * p.iw + rx) * p.ic;
    f.rows = ceil_div(p.ih - ry, p.stride_h), f.columns = ceil_div(p.iw - rx, p.stride_w);
    const i64 column_stride = kernel, k_stride = g.outputs * kernel;
    f.weights = pack_weights(
        tile_kind(g, f),
        {f.taps, g.channels, g.outputs, g.groups, taps.offset, k_stride, column_stride, g.channels * k_stride, kernel},
        p.w, context);
    if (!f.weights) return;
  }
  if (g.phase_count == 0) return;
  if (is_pointwise(p)) join_images(g);
  gather_gemm(g, context);
}

}  // namespace

// dx(n,ih,iw,ic) = Σ dy(n,oh,ow,oc) · w(oc,ic/groups,kh,kw) over the products that x took part in + residual
void conv2d_backward_data(const args::conv2d_backward_data<float>& p, Context& context) {
  if (suits_winograd(p)) return winograd_backward_data(p, context);
  if (is_depthwise(p))
    depthwise_backward_data(p, context);
  else
    gather_backward_data(p, context);
  if (!p.residual) return;
  for_chunks(context, i64(p.n) * p.ih * p.iw * p.ic, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i += W) store_lanes(p.dx + i, load(p.dx + i) + load(p.residual + i), end - i);
  });
}

}  // namespace quern::QUERN_ISA
