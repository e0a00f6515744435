#include "conv_check.h"

using namespace quern;
using namespace quern::test;

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

// Few channels and many outputs, see has_neighbours in slabs.h.
TEST(conv_of_short_products) {
  check_all({2, 5, 9, 13, 53, 3, 3, 1, 1, 1, 1});
  check_all({1, 16, 6, 4, 48, 2, 3, 1, 1, 0, 2});
  check_all({2, 12, 7, 8, 108, 3, 3, 1, 1, 1, 1, 1, 1, 3});
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
  check_all({4, 16, 5, 1, 8, 1, 1, 1, 2});  // takes no step
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
  for (const Conv& c : {Conv{2, 4, 171, 170, 80, 1, 1}, Conv{1, 80, 241, 241, 4, 1, 1},
                        Conv{1, 3, 601, 600, 48, 3, 3, 2, 2, 1, 1}, Conv{1, 3, 300, 301, 48, 3, 3, 1, 1, 1, 1}})
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
                        Conv{2, 5, 9, 13, 48, 3, 3, 1, 1, 1, 1}, Conv{2, 19, 12, 11, 19, 3, 3, 1, 1, 1, 1, 1, 1, 19},
                        Conv{2, 7, 6, 6, 13, 1, 1}})
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
