// Batch normalisation against its reference.
#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

struct Shape {
  i32 rows, c;
  i64 size() const { return i64(rows) * c; }
};

constexpr double eps = 1e-5;

// x = offset + scale · (-1, 1), in float so that both see the same numbers
Buffer<float> inputs(const Shape& s, double offset, double scale, u64 seed) {
  Buffer<float> x = reals(s.size(), seed);
  for (i64 i = 0; i < x.size(); i++) x[i] = static_cast<float>(offset + scale * x[i]);
  return x;
}

template <class T>
args::batch_norm_stats<T> stats(const Shape& s, Buffer<T>& mean, Buffer<T>& rstd, const Buffer<T>& x,
                                T* const* running) {
  return {mean, rstd, x, running, running ? 2 : 0, s.rows, s.c, eps, 0.25};
}

void check_stats(const Shape& s, double offset, double scale) {
  const Buffer<float> x = inputs(s, offset, scale, s.rows);
  const Buffer<double> exact = converted<double>(x);
  Buffer<double> mean(s.c), rstd(s.c), running_mean = integers<double>(s.c), running_var = integers<double>(s.c, 1, 5);
  double* const running[] = {running_mean, running_var};
  Workers serial(1);
  reference::batch_norm_stats<double>(stats(s, mean, rstd, exact, running), serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> got_mean(s.c), got_rstd(s.c), a = integers(s.c), b = integers(s.c, 1, 5);
    float* const got_running[] = {a, b};
    k.batch_norm_stats(stats(s, got_mean, got_rstd, x, got_running), context);
    CHECK_CLOSE(got_mean, mean, 1e-6);
    CHECK_CLOSE(got_rstd, rstd, 3e-6);
    CHECK_CLOSE(a, running_mean, 1e-6);
    if (s.rows > 1) CHECK_CLOSE(b, running_var, 3e-6);
    got_mean.poison();
    k.batch_norm_stats(stats<float>(s, got_mean, got_rstd, x, nullptr), context);
    CHECK_CLOSE(got_mean, mean, 1e-6);
  });
}

void check_passes(const Shape& s, bool affine, bool training, double low = -INFINITY, double high = INFINITY) {
  const Buffer<float> dy = reals(s.size(), 2), mean = reals(s.c, 3), weight = reals(s.c, 4), bias = reals(s.c, 5);
  Buffer<float> x = reals(s.size(), 1), rstd = reals(s.c, 6);
  for (i64 i = 0; i < s.c; i++) rstd[i] += 1.5f;
  // Float and double must agree on which side of a limit a value lies.
  for (i64 i = 0; i < s.size(); i++) {
    const i64 c = i % s.c;
    const double y = (double(x[i]) - mean[c]) * rstd[c] * (affine ? weight[c] : 1) + (affine ? bias[c] : 0);
    if (std::fabs(y - low) < 1e-5 || std::fabs(y - high) < 1e-5) x[i] += 0.01f;
  }
  const Buffer<double> xd = converted<double>(x), dyd = converted<double>(dy), md = converted<double>(mean),
                       rd = converted<double>(rstd), wd = converted<double>(weight), bd = converted<double>(bias);
  Buffer<double> y(s.size()), dx(s.size()), dw(s.c), db(s.c);
  // Limits leave other terms to cancel: at worst 1.3e-5 of sums whose terms add up to some 300. So do many rows, and
  // rounding grows with the sums' own spread, the root of their terms.
  const bool cancels = low > -INFINITY || high < INFINITY || s.rows > 9000;
  const double of_sums = (cancels ? 2e-5 : 1e-5) * std::fmax(1, std::sqrt(static_cast<double>(s.rows) / 9000));
  Workers serial(1);
  reference::batch_norm<double>(
      {y, xd, md, rd, affine ? wd.data() : nullptr, affine ? bd.data() : nullptr, s.rows, s.c, low, high}, serial);
  reference::batch_norm_backward<double>({dx, dw, db, dyd, xd, md, rd, affine ? wd.data() : nullptr,
                                          affine ? bd.data() : nullptr, s.rows, s.c, training, low, high},
                                         serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> got_y(s.size()), got_dx(s.size()), got_dw(s.c), got_db(s.c);
    const float *w = affine ? weight.data() : nullptr, *b = affine ? bias.data() : nullptr;
    k.batch_norm({got_y, x, mean, rstd, w, b, s.rows, s.c, low, high}, context);
    CHECK_CLOSE(got_y, y, 1e-5);
    k.batch_norm_backward({got_dx, got_dw, got_db, dy, x, mean, rstd, w, b, s.rows, s.c, training, low, high}, context);
    CHECK_CLOSE(got_dx, dx, 1e-5);
    CHECK_CLOSE(got_dw, dw, of_sums);
    CHECK_CLOSE(got_db, db, of_sums);
    got_dx.poison();
    k.batch_norm_backward({got_dx, nullptr, nullptr, dy, x, mean, rstd, w, b, s.rows, s.c, training, low, high},
                          context);
    CHECK_CLOSE(got_dx, dx, 1e-5);
    got_db.poison();
    k.batch_norm_backward({nullptr, nullptr, got_db, dy, x, mean, rstd, w, b, s.rows, s.c, training, low, high},
                          context);
    CHECK_CLOSE(got_db, db, of_sums);
  });
}

// With what is added to it, and the ReLU of both: what the kernels for each give.
void check_sum(const Shape& s, bool affine) {
  const Buffer<float> x = reals(s.size(), 1), residual = reals(s.size(), 2), mean = reals(s.c, 3), rstd = reals(s.c, 4),
                      weight = reals(s.c, 5), bias = reals(s.c, 6);
  const float *w = affine ? weight.data() : nullptr, *b = affine ? bias.data() : nullptr;
  const i32 n = static_cast<i32>(s.size());
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> normal(n), sum(n), y(n), got_normal(n), got_sum(n), got(n);
    k.batch_norm({normal, x, mean, rstd, w, b, s.rows, s.c, -INFINITY, INFINITY}, context);
    k.add_relu({sum, y, normal, residual, n}, context);
    auto check = [&](float* to_normal, float* to_sum, float* to_y) {
      got_normal.poison(), got_sum.poison(), got.poison();
      k.batch_norm_add({to_normal, to_sum, to_y, x, mean, rstd, w, b, residual, s.rows, s.c}, context);
      if (to_normal) CHECK_SAME(got_normal, normal);
      if (to_sum) CHECK_SAME(got_sum, sum);
      if (to_y) CHECK_SAME(got, y);
    };
    check(got_normal, got_sum, got);
    check(nullptr, nullptr, got);
    check(nullptr, got_sum, nullptr);
  });
}

const Shape shapes[] = {{2, 1}, {7, 3}, {129, 5}, {128, 16}, {300, 17}, {1000, 33}, {2, 700}, {9000, 4}, {601, 130}};

}  // namespace

TEST(batch_norm_statistics) {
  for (const Shape& s : shapes) check_stats(s, 0.5, 1);
}

TEST(batch_norm_statistics_of_large_means) {
  for (const Shape& s : shapes)
    for (double offset : {-100., 1e4, 1e6}) check_stats(s, offset, 3);
}

TEST(batch_norm_of_a_constant) {
  const Shape s{500, 19};
  const Buffer<float> x = integers(s.size(), 3, 3);
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> mean(s.c), rstd(s.c);
    k.batch_norm_stats(stats<float>(s, mean, rstd, x, nullptr), context);
    for (i64 i = 0; i < s.c; i++) CHECK(mean[i] == 3 && rstd[i] == static_cast<float>(1 / std::sqrt(eps)));
  });
}

TEST(batch_norm_forward_and_backward) {
  for (const Shape& s : shapes)
    for (bool affine : {false, true})
      for (bool training : {false, true}) check_passes(s, affine, training);
}

TEST(batch_norm_and_what_is_added) {
  for (const Shape& s : shapes)
    for (bool affine : {false, true}) check_sum(s, affine);
  check_sum({0, 5}, true);
  check_sum({4, 0}, true);
}

TEST(batch_norm_and_what_is_added_keep_nan) {
  Buffer<float> x(3), residual(3), mean(1), rstd(1), y(3);
  x[0] = NAN, x[1] = INFINITY, x[2] = -5, residual[0] = 1, residual[1] = -INFINITY, residual[2] = 2;
  mean[0] = 0, rstd[0] = 1;
  on_every_backend([&](const Kernels& k, Context& context) {
    k.batch_norm_add({nullptr, nullptr, y, x, mean, rstd, nullptr, nullptr, residual, 3, 1}, context);
    CHECK(std::isnan(y[0]) && std::isnan(y[1]) && y[2] == 0);
  });
}

#ifndef __wasm__  // which has no stores past the caches
TEST(batch_norm_too_large_for_caches) {
  check_sum({131073, 32}, true);
  check_passes({131073, 32}, true, true, 0);
  check_passes({131073, 32}, true, false);
}
#endif

TEST(batch_norm_within_limits) {
  for (const Shape& s : shapes)
    for (bool training : {false, true}) {
      check_passes(s, true, training, 0);
      check_passes(s, false, training, -0.25, 0.5);
    }
}

TEST(batch_norm_within_limits_keeps_nan_and_passes_infinities) {
  const float zero = 0, one = 1, dy[] = {1, 2, 3, 4};
  const float values[] = {NAN, INFINITY, -INFINITY, 2};
  Buffer<float> x(4), upstream(4), mean(1), rstd(1), y(4), dx(4);
  for (i64 i = 0; i < 4; i++) x[i] = values[i], upstream[i] = dy[i];
  mean[0] = zero, rstd[0] = one;
  on_every_backend([&](const Kernels& k, Context& context) {
    k.batch_norm({y, x, mean, rstd, nullptr, nullptr, 4, 1, 0, INFINITY}, context);
    CHECK(std::isnan(y[0]) && y[1] == INFINITY && y[2] == 0 && y[3] == 2);
    k.batch_norm_backward({dx, nullptr, nullptr, upstream, x, mean, rstd, nullptr, nullptr, 4, 1, 0, 0, INFINITY},
                          context);
    CHECK(dx[0] == 1 && dx[1] == 2 && dx[2] == 0 && dx[3] == 4);
  });
}

TEST(batch_norm_of_nothing) {
  check_passes({0, 5}, true, false);
  check_passes({4, 0}, true, true);
}

TEST(batch_norm_without_memory_writes_nothing) {
  on_every_backend([](const Kernels& k, Context& context) {
    if (backend.rfind("reference", 0) == 0) return;  // needs none
    const Buffer<float> x = reals(64), c = reals(8);
    Buffer<float> a(8), b(8), y(64);
    for (i64 left : {0, 1}) {
      static_cast<Workers&>(context).scratch_left = left;
      k.batch_norm_backward({y, a, b, x, x, c, c, c, c, 8, 8, 1, -INFINITY, INFINITY}, context);
      CHECK(y[0] != y[0] && a[0] != a[0]);
    }
    static_cast<Workers&>(context).scratch_left = 0;
    k.batch_norm_stats({a, b, x, nullptr, 0, 8, 8, eps, 0}, context);
    k.batch_norm({y, x, c, c, c, c, 8, 8, -INFINITY, INFINITY}, context);
    k.batch_norm_add({nullptr, nullptr, y, x, c, c, c, c, x, 8, 8}, context);
    CHECK(y[0] != y[0] && a[0] != a[0]);
  });
}
