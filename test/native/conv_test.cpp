#include "conv_shapes.h"

using namespace quern;
using namespace quern::test;

namespace {

template <class Args>
void set_shape(Args& args, const Conv& c) {
  args.n = c.n, args.ic = c.ic, args.ih = c.ih, args.iw = c.iw, args.oc = c.oc, args.kh = c.kh, args.kw = c.kw;
  args.oh = c.oh(), args.ow = c.ow();
  args.stride_h = c.stride_h, args.stride_w = c.stride_w, args.pad_h = c.pad_h, args.pad_w = c.pad_w;
  args.dil_h = c.dil_h, args.dil_w = c.dil_w, args.groups = c.groups;
}

// Whole numbers come out exactly but where Winograd's transforms round: then to a few millionths of the largest.
double tolerance(const Conv& c, const Buffer<float>& expected) {
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
void check_forward(const Conv& c, const Operands& operands) {
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
void check_statistics(const Conv& c, const Operands& operands, bool relu = false) {
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

void check_backward_data(const Conv& c, const Operands& operands) {
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

void check_backward_weights(const Conv& c, const Operands& operands) {
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

Operands operands_of(const Conv& c) {
  return {integers(c.x(), -3, 3, 1), integers(c.weights(), -3, 3, 2), integers(c.oc, -9, 9, 3),
          integers(c.y(), -3, 3, 4)};
}

// All that makes images.
void check_images(const Conv& c, const Operands& operands) {
  check_forward(c, operands);
  check_statistics(c, operands);
  check_backward_data(c, operands);
}

void check_all(const Conv& c) {
  const Operands operands = operands_of(c);
  check_images(c, operands);
  check_backward_weights(c, operands);
}

}  // namespace

TEST(conv_of_mnist_layers) {
  check_all({3, 1, 28, 28, 32, 3, 3, 1, 1, 1, 1});
  check_all({5, 32, 14, 14, 64, 3, 3, 1, 1, 1, 1});
}

TEST(conv_of_odd_sizes) {
  check_all({2, 3, 7, 5, 10, 3, 3});
  check_all({1, 1, 1, 1, 1, 1, 1});
  check_all({1, 2, 1, 9, 3, 1, 5, 1, 1, 0, 2});
  check_all({2, 7, 11, 13, 5, 5, 3, 1, 1, 2, 1});
  check_all({1, 33, 6, 6, 47, 2, 2, 1, 1, 1, 0});
  check_all({3, 17, 5, 5, 65, 3, 3, 1, 1, 1, 1});
}

// Large enough for Winograd's products, see winograd.h.
TEST(conv_3x3_of_many_tiles) {
  check_all({2, 16, 12, 12, 16, 3, 3, 1, 1, 1, 1});
  check_all({1, 33, 17, 15, 47, 3, 3, 1, 1, 1, 1});  // the last tiles lie half outside
  check_all({70, 20, 3, 1, 17, 3, 3, 1, 1, 1, 1});
  check_all({3, 17, 11, 14, 129, 3, 3});
  check_all({2, 150, 12, 12, 31, 3, 3, 1, 1, 0, 2, 1, 1, 1, 2, 0});
  check_all({1, 18, 13, 14, 40, 3, 3, 1, 1, 4, 3});  // windows that lie in the padding altogether
  check_all({1, 1024, 16, 16, 16, 3, 3, 1, 1, 1, 1});
  check_all({1, 16, 60, 62, 300, 3, 3, 1, 1, 1, 1});  // several slices of the weights' sums
}

TEST(conv_with_stride) {
  check_all({2, 8, 9, 9, 16, 3, 3, 2, 2, 1, 1});
  check_all({2, 3, 15, 17, 24, 7, 7, 2, 2, 3, 3});
  check_all({1, 20, 10, 11, 18, 1, 1, 2, 2});  // most of dx meets no tap
  check_all({2, 5, 12, 9, 6, 2, 3, 3, 2, 0, 1});
  check_all({1, 16, 13, 13, 16, 3, 3, 4, 5, 1, 1});
  check_all({1, 2, 9, 9, 9, 3, 3, 2, 3, 1, 0});
}

TEST(conv_of_few_outputs_and_of_an_image) {
  check_all({2, 20, 9, 8, 1, 3, 3, 1, 1, 1, 1});
  check_all({1, 16, 7, 11, 2, 5, 5, 1, 1, 2, 2});
  check_all({2, 37, 6, 6, 3, 3, 3, 2, 1, 1, 1});
  check_all({1, 64, 5, 4, 4, 1, 1});
  check_all({1, 3, 17, 15, 40, 7, 7, 2, 2, 3, 3});
  check_all({2, 6, 9, 10, 36, 4, 4, 2, 3, 1, 2, 1, 1, 3});
}

TEST(conv_with_dilation) {
  check_all({2, 4, 12, 12, 9, 3, 3, 1, 1, 2, 2, 2, 2});
  check_all({1, 16, 15, 14, 20, 3, 2, 2, 1, 2, 3, 2, 3});
  check_all({1, 1, 14, 14, 8, 3, 3, 2, 2, 1, 2, 1, 3});
}

TEST(conv_with_uneven_padding) {
  check_all({2, 9, 7, 8, 12, 3, 3, 1, 1, 0, 1, 1, 1, 1, 2, 0});
  check_all({1, 3, 8, 8, 4, 3, 3, 2, 2, 0, 0, 1, 1, 1, 1, 1});
  check_all({1, 6, 3, 3, 4, 3, 3, 1, 1, 5, 4});  // windows that lie in the padding altogether
}

TEST(conv_1x1) {
  check_all({3, 40, 7, 9, 70, 1, 1});
  check_all({1, 64, 30, 30, 32, 1, 1});
  check_all({2, 12, 5, 5, 7, 1, 1, 1, 1, 1, 2});
}

TEST(conv_with_pixels_4_kb_apart) {
  check_all({2, 1024, 3, 5, 8, 1, 1});
  check_all({1, 1024, 4, 3, 3, 3, 3, 1, 1, 1, 1});
  check_all({1, 3, 4, 3, 1024, 2, 2});
  check_all({1, 1024, 3, 3, 8, 2, 2, 1, 1, 0, 0, 1, 1, 4});
}

TEST(conv_of_groups) {
  check_all({2, 32, 8, 7, 48, 3, 3, 1, 1, 1, 1, 1, 1, 4});
  check_all({1, 12, 9, 9, 8, 3, 3, 2, 2, 1, 1, 1, 1, 4});
  check_all({2, 6, 6, 6, 18, 3, 3, 1, 1, 1, 1, 1, 1, 6});  // several outputs of each channel
  check_all({1, 36, 6, 6, 6, 1, 1, 1, 1, 0, 0, 1, 1, 3});
  check_all({1, 70, 4, 5, 66, 3, 1, 1, 1, 1, 0, 1, 1, 2});
}

TEST(conv_depthwise) {
  check_all({2, 40, 9, 8, 40, 3, 3, 1, 1, 1, 1, 1, 1, 40});
  check_all({2, 33, 11, 10, 33, 3, 3, 2, 2, 1, 1, 1, 1, 33});
  check_all({1, 5, 12, 12, 5, 5, 5, 1, 2, 2, 2, 1, 2, 5});
  check_all({1, 96, 20, 20, 96, 3, 3, 1, 1, 1, 1, 1, 1, 96});
}

TEST(conv_depthwise_in_strips_of_channels) {
  check_all({3, 395, 9, 8, 395, 3, 3, 1, 1, 1, 1, 1, 1, 395});
  check_all({2, 400, 13, 15, 400, 3, 3, 2, 2, 1, 1, 1, 1, 400});
  check_all({2, 391, 7, 6, 391, 5, 5, 1, 1, 2, 2, 1, 1, 391});
}

#ifndef __wasm__  // which has no stores past the caches
TEST(conv_too_large_for_caches) {
  for (const Conv& c :
       {Conv{2, 4, 171, 170, 80, 1, 1}, Conv{1, 80, 241, 241, 4, 1, 1}, Conv{1, 3, 601, 600, 48, 3, 3, 2, 2, 1, 1}})
    check_images(c, operands_of(c));
}

TEST(conv_depthwise_too_large_for_caches) {
  for (const Conv& c :
       {Conv{1, 48, 300, 302, 48, 1, 3, 1, 1, 0, 1, 1, 1, 48}, Conv{1, 48, 301, 300, 48, 1, 2, 2, 2, 0, 0, 1, 1, 48},
        Conv{1, 16, 725, 725, 16, 1, 2, 1, 1, 0, 0, 1, 1, 16}})
    check_images(c, operands_of(c));
}

// Results that are streamed past the caches are those of the images one by one, which are not.
TEST(conv_3x3_too_large_for_caches) {
  const Conv whole{4, 16, 149, 150, 48, 3, 3, 1, 1, 1, 1}, turned{4, 48, 149, 150, 16, 3, 3, 1, 1, 1, 1};
  const Buffer<float> x = integers(whole.x(), -3, 3, 1), w = integers(whole.weights(), -3, 3, 2);
  const Buffer<float> residual = integers(whole.y(), -3, 3, 3);
  Buffer<float> y(whole.y()), expected(whole.y()), mean(whole.oc), rstd(whole.oc);
  Buffer<float> expected_mean(whole.oc), expected_rstd(whole.oc);
  const i64 x_image = whole.x() / whole.n, y_image = whole.y() / whole.n;
  args::conv2d<float> args{};
  on_every_backend([&](const Kernels& kernels, Context& context) {
    y.poison(), expected.poison(), mean.poison(), rstd.poison();
    set_shape(args, whole);
    args.x = x, args.w = w, args.y = y, args.mean = mean, args.rstd = rstd, args.eps = 1e-5;
    kernels.conv2d(args, context);
    args.n = 1, args.mean = args.rstd = nullptr;
    for (i64 i = 0; i < whole.n; i++) {
      args.x = x + i * x_image, args.y = expected + i * y_image;
      kernels.conv2d(args, context);
    }
    CHECK_SAME(y, expected);
    const i32 rows = static_cast<i32>(whole.y() / whole.oc);
    kernels.batch_norm_stats({expected_mean, expected_rstd, expected, nullptr, 0, rows, whole.oc, 1e-5, 0}, context);
    CHECK_CLOSE(mean, expected_mean, 1e-5);
    CHECK_CLOSE(rstd, expected_rstd, 1e-5);
  });
  args::conv2d_backward_data<float> data{};
  on_every_backend([&](const Kernels& kernels, Context& context) {
    y.poison(), expected.poison();
    set_shape(data, turned);
    data.dy = x, data.w = w, data.residual = residual, data.dx = y;
    kernels.conv2d_backward_data(data, context);
    data.n = 1;
    for (i64 i = 0; i < whole.n; i++) {
      data.dy = x + i * x_image, data.residual = residual + i * y_image, data.dx = expected + i * y_image;
      kernels.conv2d_backward_data(data, context);
    }
    CHECK_SAME(y, expected);
  });
}
#endif

// Transformed, the weights are too large for every cache.
TEST(conv_3x3_with_large_weights) { check_all({20, 350, 2, 3, 340, 3, 3, 1, 1, 1, 1}); }

TEST(conv_with_relu_and_statistics) {
  for (const Conv& c : {Conv{3, 5, 9, 10, 48, 3, 3, 2, 2, 1, 1}, Conv{2, 24, 13, 12, 40, 3, 3, 1, 1, 1, 1},
                        Conv{2, 19, 12, 11, 19, 3, 3, 1, 1, 1, 1, 1, 1, 19}, Conv{2, 7, 6, 6, 13, 1, 1}})
    check_statistics(c, operands_of(c), true);
}

TEST(conv_larger_than_every_slab) {
  check_all({2, 24, 70, 66, 8, 3, 3, 1, 1, 1, 1});
  check_all({1, 300, 9, 9, 100, 3, 3, 1, 1, 1, 1});
  check_all({40, 2, 10, 10, 3, 3, 3, 1, 1, 1, 1});
  check_all({9, 130, 4, 4, 40, 3, 3, 1, 1, 1, 1});
}

SWEEP(conv_of_random_shapes, slow_build ? 40 : 200) {
  const Conv c = random_conv(random, 5000000);
  describe(c);
  check_all(c);
}

TEST(conv_of_no_images) { check_all({0, 3, 5, 5, 4, 3, 3, 1, 1, 1, 1}); }

TEST(conv_of_images_that_are_padding) {
  check_all({2, 3, 0, 5, 4, 3, 3, 1, 1, 2, 2});
  check_all({2, 33, 4, 0, 33, 3, 3, 2, 2, 2, 2, 1, 1, 33});
}

TEST(conv_relu_keeps_nan) {
  Buffer<float> x = integers(6 * 6 * 4), w = integers(20 * 4 * 9), y(4 * 4 * 20);
  x[0] = NAN;
  args::conv2d<float> args{};
  set_shape(args, {1, 4, 6, 6, 20, 3, 3});
  args.y = y, args.x = x, args.w = w, args.relu = 1;
  on_every_backend([&](const Kernels& kernels, Context& context) {
    y.poison();
    kernels.conv2d(args, context);
    CHECK(std::isnan(y[0]) && y[3 * 20] >= 0);
  });
}

void check_without_memory(const Conv& shape) {
  Buffer<float> x = integers(shape.x()), w = integers(shape.weights()), y(shape.y()), dw(w.size()), db(shape.oc);
  Buffer<float> mean(shape.oc), rstd(shape.oc);
  args::conv2d<float> forward{};
  args::conv2d_backward_data<float> data{};
  args::conv2d_backward_weights<float> weights{};
  set_shape(forward, shape), set_shape(data, shape), set_shape(weights, shape);
  forward.y = y, forward.x = x, forward.w = w;
  data.dx = x, data.dy = y, data.w = w;
  weights.dw = dw, weights.dbias = db, weights.x = x, weights.dy = y;
  on_every_backend([&](const Kernels& kernels, Context& context) {
    for (i64 left = 0; left < 12; left++) {
      auto& workers = static_cast<Workers&>(context);
      workers.scratch_left = left;
      forward.mean = forward.rstd = nullptr;
      kernels.conv2d(forward, context);
      workers.scratch_left = left;
      forward.mean = mean, forward.rstd = rstd;
      kernels.conv2d(forward, context);
      workers.scratch_left = left;
      kernels.conv2d_backward_data(data, context);
      workers.scratch_left = left;
      kernels.conv2d_backward_weights(weights, context);
    }
  });
}

TEST(conv_without_memory_returns) {
  check_without_memory({2, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1});
  check_without_memory({2, 16, 12, 12, 16, 3, 3, 1, 1, 1, 1});
  check_without_memory({2, 16, 8, 8, 16, 3, 3, 2, 2, 1, 1});
  check_without_memory({2, 16, 8, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1, 16});
}
