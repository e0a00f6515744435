#include <algorithm>
#include <limits>

#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

const std::pair<i32, i32> shapes[] = {{0, 3},  {1, 1},    {5, 3},     {64, 10},  {3, 16},
                                      {7, 17}, {4, 1000}, {300, 129}, {2, 20011}};

Buffer<float> logits(i64 n, double scale, u64 seed = 1) {
  Buffer<float> x = reals(n, seed);
  for (i64 i = 0; i < n; i++) x[i] = static_cast<float>(x[i] * scale);
  return x;
}

}  // namespace

TEST(softmax_forward_and_backward) {
  Workers serial(1);
  for (const auto& [rows, columns] : shapes)
    for (double scale : {1.0, 90.0})
      for (i32 log : {0, 1}) {
        const i64 n = static_cast<i64>(rows) * columns;
        const Buffer<float> x = logits(n, scale), dy = reals(n, 2);
        const Buffer<double> xd = converted<double>(x), dyd = converted<double>(dy);
        Buffer<double> y(n), dx(n);
        reference::softmax<double>({y, xd, rows, columns, log}, serial);
        reference::softmax_backward<double>({dx, dyd, y, rows, columns, log}, serial);
        const Buffer<float> rounded = converted<float>(y);
        Buffer<float> got(n);
        on_every_backend([&, rows = rows, columns = columns](const Kernels& k, Context& context) {
          got.poison();
          k.softmax({got, x, rows, columns, log}, context);
          CHECK_CLOSE(got, y, 1e-6);
          got.poison();
          k.softmax_backward({got, dy, rounded, rows, columns, log}, context);
          CHECK_CLOSE(got, dx, log ? 2e-6 * std::sqrt(columns) : 2e-6);
        });
      }
}

TEST(softmax_of_infinities_and_nan) {
  const float inf = std::numeric_limits<float>::infinity();
  for (i32 columns : {3, 40}) {
    Buffer<float> x = logits(4 * columns, 1), y(4 * columns);
    x[0] = -inf;                                                  // row 0: one class excluded
    x[columns + 1] = NAN;                                         // row 1
    for (i64 c = 0; c < columns; c++) x[2 * columns + c] = -inf;  // row 2: none left
    x[3 * columns] = 1e30f;                                       // row 3: certain
    on_every_backend([&](const Kernels& k, Context& context) {
      k.softmax({y, x, 4, columns, 0}, context);
      CHECK(y[0] == 0 && y[1] > 0 && y[3 * columns] == 1 && y[3 * columns + 1] == 0);
      for (i64 c = columns; c < 3 * columns; c++) CHECK(y[c] != y[c]);
      k.softmax({y, x, 4, columns, 1}, context);
      CHECK(y[0] == -inf && y[1] < 0 && y[3 * columns] == 0);
    });
  }
}

TEST(cross_entropy_forward_and_backward) {
  Workers serial(1);
  for (const auto& [rows, columns] : shapes)
    for (int variant = 0; variant < 12; variant++) {
      const i32 reduction = variant % 3;
      const double smooth = variant / 3 % 2 ? 0.1 : 0;
      const i64 n = static_cast<i64>(rows) * columns, losses = reduction ? 1 : rows;
      const Buffer<float> x = logits(n, 20, variant);
      Buffer<i32> target = integers<i32>(rows, 0, columns - 1);
      for (i64 r = 2; r < rows; r += 5) target[r] = -100;
      Buffer<float> weight = reals(columns, 9);
      for (i64 c = 0; c < columns; c++) weight[c] = std::fabs(weight[c]) + 0.1f;
      const Buffer<double> xd = converted<double>(x), weightd = converted<double>(weight);
      const bool weighted = variant >= 6;
      Buffer<double> loss(losses), dx(n);
      Buffer<float> one_worker(n);
      reference::cross_entropy<double>(
          {loss, dx, xd, target, weighted ? weightd.data() : nullptr, rows, columns, reduction, -100, smooth}, serial);
      on_every_backend([&, rows = rows, columns = columns](const Kernels& k, Context& context) {
        Buffer<float> got(losses), lean(losses), got_dx(n);
        const float* w = weighted ? weight.data() : nullptr;
        k.cross_entropy({got, got_dx, x, target, w, rows, columns, reduction, -100, smooth}, context);
        CHECK_CLOSE(got, loss, 2e-6);
        CHECK_CLOSE(got_dx, dx, 3e-6);
        if (context.threads == 1) std::copy_n(got_dx.data(), n, one_worker.data());
        CHECK_CLOSE(got_dx, one_worker, 0);
        k.cross_entropy({lean, nullptr, x, target, w, rows, columns, reduction, -100, smooth}, context);
        CHECK_CLOSE(lean, got, 0);
      });
    }
}

TEST(cross_entropy_of_no_rows_and_bad_targets) {
  const i32 columns = 5;
  const Buffer<float> x = reals(3 * columns);
  Buffer<i32> target(3);
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> loss(3), mean(1), dx(3 * columns);
    target[0] = target[1] = target[2] = -100;
    k.cross_entropy({mean, dx, x, target, nullptr, 3, columns, 1, -100, 0.1}, context);
    CHECK(mean[0] != mean[0]);
    for (i64 i = 0; i < 3 * columns; i++) CHECK(dx[i] == 0);

    target[0] = 2, target[1] = columns, target[2] = -1;
    for (i32 reduction : {0, 1, 2}) {
      dx.poison();
      k.cross_entropy({loss, dx, x, target, nullptr, 3, columns, reduction, -100, 0.1}, context);
      const i64 bad = reduction ? 0 : 1;
      CHECK((loss[0] > 0) == (reduction == 0) && loss[bad] != loss[bad]);
      CHECK(dx[0] > 0 && dx[2] < 0);
      for (i64 i = columns; i < 3 * columns; i++) CHECK(dx[i] == 0);
    }
    k.cross_entropy({mean, nullptr, x, target, nullptr, 0, columns, 1, -100, 0}, context);
    CHECK(mean[0] != mean[0]);
    k.cross_entropy({loss, nullptr, x, target, nullptr, 3, 0, 0, -100, 0}, context);
    for (i64 r = 0; r < 3; r++) CHECK(loss[r] != loss[r]);
  });
}
