// Layer normalisation against its reference.
#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

struct Shape {
  i32 rows, columns;
  i64 size() const { return i64(rows) * columns; }
};

const Shape shapes[] = {{1, 1}, {3, 2},   {7, 17},   {129, 5},    {128, 16},
                        {1, 5}, {300, 3}, {33, 700}, {2, 100003}, {601, 130}};
constexpr double eps = 1e-5;

// x = offset + scale · (-1, 1), in float so that both see the same numbers
Buffer<float> inputs(const Shape& s, double offset, double scale) {
  Buffer<float> x = reals(s.size(), s.rows);
  for (i64 i = 0; i < x.size(); i++) x[i] = static_cast<float>(offset + scale * x[i]);
  return x;
}

void check_passes(const Shape& s, bool affine, double offset) {
  const Buffer<float> x = inputs(s, offset, 3), dy = reals(s.size(), 2), weight = reals(s.columns, 4),
                      bias = reals(s.columns, 5);
  const Buffer<double> xd = converted<double>(x), dyd = converted<double>(dy), wd = converted<double>(weight),
                       bd = converted<double>(bias);
  const double *rw = affine ? wd.data() : nullptr, *rb = affine ? bd.data() : nullptr;
  Buffer<double> y(s.size()), mean(s.rows), rstd(s.rows), dx(s.size()), dw(s.columns), db(s.columns);
  Workers serial(1);
  reference::layer_norm<double>({y, mean, rstd, xd, rw, rb, s.rows, s.columns, eps}, serial);
  const Buffer<float> m = converted<float>(mean), r = converted<float>(rstd);
  reference::layer_norm_backward<double>(
      {dx, dw, db, dyd, xd, converted<double>(m), converted<double>(r), rw, s.rows, s.columns}, serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> got_y(s.size()), got_m(s.rows), got_r(s.rows), got_dx(s.size()), got_dw(s.columns), got_db(s.columns);
    const float *w = affine ? weight.data() : nullptr, *b = affine ? bias.data() : nullptr;
    k.layer_norm({got_y, got_m, got_r, x, w, b, s.rows, s.columns, eps}, context);
    CHECK_CLOSE(got_m, mean, 1e-6);
    CHECK_CLOSE(got_r, rstd, 3e-6);
    CHECK_CLOSE(got_y, y, 1e-5);
    k.layer_norm_backward({got_dx, got_dw, got_db, dy, x, m, r, w, s.rows, s.columns}, context);
    CHECK_CLOSE(got_dx, dx, 1e-5);
    CHECK_CLOSE(got_dw, dw, 1e-5);
    CHECK_CLOSE(got_db, db, 1e-5);
    got_dx.poison();
    k.layer_norm_backward({got_dx, nullptr, nullptr, dy, x, m, r, w, s.rows, s.columns}, context);
    CHECK_CLOSE(got_dx, dx, 1e-5);
    got_db.poison();
    k.layer_norm_backward({nullptr, nullptr, got_db, dy, x, m, r, w, s.rows, s.columns}, context);
    CHECK_CLOSE(got_db, db, 1e-5);
  });
}

}  // namespace

TEST(layer_norm_forward_and_backward) {
  for (const Shape& s : shapes)
    for (bool affine : {false, true}) check_passes(s, affine, 0.5);
}

TEST(layer_norm_of_large_means) {
  for (const Shape& s : shapes)
    for (double offset : {-100., 1e4, 1e6}) check_passes(s, true, offset);
}

TEST(layer_norm_of_nothing) {
  check_passes({0, 5}, true, 0);
  check_passes({4, 0}, false, 0);
}

TEST(layer_norm_of_a_constant) {
  const i32 rows = 5, columns = 4099;
  const Buffer<float> x = integers(rows * columns, 3, 3);
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> y(rows * columns), mean(rows), rstd(rows);
    k.layer_norm({y, mean, rstd, x, nullptr, nullptr, rows, columns, eps}, context);
    for (i64 r = 0; r < rows; r++) CHECK(mean[r] == 3 && rstd[r] == static_cast<float>(1 / std::sqrt(eps)));
    for (i64 i = 0; i < y.size(); i++) CHECK(y[i] == 0);
  });
}

TEST(layer_norm_without_memory_writes_nothing) {
  on_every_backend([](const Kernels& k, Context& context) {
    if (backend.rfind("reference", 0) == 0) return;  // needs none
    const Buffer<float> x = reals(64), c = reals(8);
    Buffer<float> dx(64), dw(8), db(8);
    static_cast<Workers&>(context).scratch_left = 0;
    k.layer_norm_backward({dx, dw, db, x, x, c, c, c, 8, 8}, context);
    CHECK(dx[0] != dx[0] && dw[0] != dw[0]);
  });
}
