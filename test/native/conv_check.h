// What every convolution is checked against: the reference kernels, in all passes, on every backend.
#pragma once
#include "conv_shapes.h"

namespace quern::test {

template <class Args>
inline void set_shape(Args& args, const Conv& c) {
  args.n = c.n, args.ic = c.ic, args.ih = c.ih, args.iw = c.iw, args.oc = c.oc, args.kh = c.kh, args.kw = c.kw;
  args.oh = c.oh(), args.ow = c.ow();
  args.stride_h = c.stride_h, args.stride_w = c.stride_w, args.pad_h = c.pad_h, args.pad_w = c.pad_w;
  args.dil_h = c.dil_h, args.dil_w = c.dil_w, args.groups = c.groups;
}

// Whole numbers come out exactly but where Winograd's transforms round: then to a few millionths of the largest.
inline double tolerance(const Conv& c, const Buffer<float>& expected) {
  if (c.kh != 3 || c.kw != 3 || c.stride_h * c.stride_w * c.dil_h * c.dil_w * c.groups != 1) return 0;
  if (std::min(c.ic, c.oc) < 16) return 0;
  float largest = 0;
  for (i64 i = 0; i < expected.size(); i++) largest = std::max(largest, std::fabs(expected[i]));
  return 4e-6 * largest;
}

struct Operands {
  Buffer<float> x, w, bias, dy;
};

// With and without bias and ReLU; the reference's ReLU leaves what is positive, so one run of it serves for both.
inline void check_forward(const Conv& c, const Operands& operands) {
  args::conv2d<float> args{};
  set_shape(args, c);
  Buffer<float> expected(c.y()), y(c.y());
  args.x = operands.x, args.w = operands.w;
  Workers serial(1);
  for (const float* bias : {static_cast<const float*>(nullptr), operands.bias.data()}) {
    args.bias = bias, args.y = expected, args.relu = 0;
    reference::conv2d<float>(args, serial);
    args.y = y;
    for (args.relu = 0; args.relu < 2; args.relu++) {
      if (args.relu)
        for (i64 i = 0; i < expected.size(); i++) expected[i] = std::max(0.f, expected[i]);
      on_every_backend([&](const Kernels& kernels, Context& context) {
        y.poison();
        kernels.conv2d(args, context);
        CHECK_CLOSE(y, expected, tolerance(c, expected));
      });
    }
  }
}

// Those of y while it is made, against those of y as it should be.
inline void check_statistics(const Conv& c, const Operands& operands, bool relu = false) {
  if (c.n == 0) return;
  args::conv2d<float> args{};
  set_shape(args, c);
  Buffer<float> y(c.y()), expected(c.y()), mean(c.oc), rstd(c.oc), running_mean(c.oc), running_var(c.oc);
  Buffer<double> exact_mean(c.oc), exact_rstd(c.oc), exact_running_mean(c.oc), exact_running_var(c.oc);
  float* const running[] = {running_mean, running_var};
  double* const exact_running[] = {exact_running_mean, exact_running_var};
  const i32 rows = args.n * args.oh * args.ow, known = rows > 1 ? 2 : 0;
  args.x = operands.x, args.w = operands.w, args.bias = operands.bias, args.y = expected, args.relu = relu;
  args.eps = 1e-5, args.momentum = 0.25;
  Workers serial(1);
  reference::conv2d<float>(args, serial);
  for (i64 i = 0; i < c.oc; i++) exact_running_mean[i] = 1, exact_running_var[i] = 2;
  reference::batch_norm_stats<double>(
      {exact_mean, exact_rstd, converted<double>(expected), exact_running, known, rows, c.oc, args.eps, args.momentum},
      serial);
  args.y = y, args.mean = mean, args.rstd = rstd, args.running = running, args.running_count = known;
  const double rounding = std::max(1e-6, tolerance(c, expected) / 20);  // of sums, which whole numbers do not have
  on_every_backend([&](const Kernels& kernels, Context& context) {
    y.poison(), mean.poison(), rstd.poison();
    for (i64 i = 0; i < c.oc; i++) running_mean[i] = 1, running_var[i] = 2;
    kernels.conv2d(args, context);
    CHECK_CLOSE(y, expected, tolerance(c, expected));
    CHECK_CLOSE(mean, exact_mean, rounding);
    CHECK_CLOSE(rstd, exact_rstd, 3e-6);
    if (known) {
      CHECK_CLOSE(running_mean, exact_running_mean, rounding);
      CHECK_CLOSE(running_var, exact_running_var, 3e-6);
    }
  });
}

inline void check_backward_data(const Conv& c, const Operands& operands) {
  args::conv2d_backward_data<float> args{};
  set_shape(args, c);
  Buffer<float> expected(c.x()), dx(c.x());
  args.dy = operands.dy, args.w = operands.w;
  Workers serial(1);
  for (const float* residual : {static_cast<const float*>(nullptr), operands.x.data()}) {
    args.residual = residual, args.dx = expected;
    reference::conv2d_backward_data<float>(args, serial);
    args.dx = dx;
    on_every_backend([&](const Kernels& kernels, Context& context) {
      dx.poison();
      kernels.conv2d_backward_data(args, context);
      CHECK_CLOSE(dx, expected, tolerance(c, expected));
    });
  }
}

inline void check_backward_weights(const Conv& c, const Operands& operands) {
  args::conv2d_backward_weights<float> args{};
  set_shape(args, c);
  Buffer<float> expected(c.weights()), expected_bias(c.oc), dw(c.weights()), dbias(c.oc);
  args.x = operands.x, args.dy = operands.dy, args.dw = expected, args.dbias = expected_bias;
  Workers serial(1);
  reference::conv2d_backward_weights<float>(args, serial);
  on_every_backend([&](const Kernels& kernels, Context& context) {
    dw.poison(), dbias.poison();
    args.dw = dw, args.dbias = dbias;
    kernels.conv2d_backward_weights(args, context);
    CHECK_CLOSE(dw, expected, tolerance(c, expected));
    CHECK_SAME(dbias, expected_bias);
    dw.poison(), dbias.poison();
    args.dbias = nullptr;
    kernels.conv2d_backward_weights(args, context);
    CHECK_CLOSE(dw, expected, tolerance(c, expected));
    args.dw = nullptr, args.dbias = dbias;
    kernels.conv2d_backward_weights(args, context);
    CHECK_SAME(dbias, expected_bias);
  });
}

inline Operands operands_of(const Conv& c) {
  return {integers(c.x(), -3, 3, 1), integers(c.weights(), -3, 3, 2), integers(c.oc, -9, 9, 3),
          integers(c.y(), -3, 3, 4)};
}

// All that makes images.
inline void check_images(const Conv& c, const Operands& operands) {
  check_forward(c, operands);
  check_statistics(c, operands);
  check_backward_data(c, operands);
}

inline void check_all(const Conv& c) {
  const Operands operands = operands_of(c);
  check_images(c, operands);
  check_backward_weights(c, operands);
}

}  // namespace quern::test
