#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

enum class Layout { rows, columns, strided };  // which of a matrix's strides is 1; neither

struct Matrix {
  i64 row_stride, col_stride, size;
};
Matrix matrix(i64 rows, i64 columns, Layout layout, i64 gap) {
  if (layout == Layout::rows) return {columns + gap, 1, rows * (columns + gap)};
  if (layout == Layout::columns) return {1, rows + gap, columns * (rows + gap)};
  return {3 * columns, 3, 3 * rows * columns};
}

struct Product {
  i64 m, n, k, batch = 1;
  Layout a = Layout::rows, b = Layout::rows;
  bool bias = false, relu = false, broadcast = false;  // broadcast: one b for the whole batch
  i64 gap = 1;                                         // between rows, or columns
};

void check_product(const Product& c) {
  const Matrix am = matrix(c.m, c.k, c.a, c.gap), bm = matrix(c.k, c.n, c.b, c.gap);
  Buffer<float> a = integers(c.batch * am.size), b = integers((c.broadcast ? 1 : c.batch) * bm.size, -3, 3, 2);
  Buffer<float> bias = integers(c.n, -9, 9, 3), expected(c.batch * c.m * c.n), out(c.batch * c.m * c.n);
  args::matmul<float> args{};
  args.a = a, args.b = b, args.bias = c.bias ? bias.data() : nullptr;
  args.batch = c.batch, args.m = c.m, args.n = c.n, args.k = c.k;
  args.out_batch_stride = c.m * c.n, args.a_batch_stride = am.size, args.b_batch_stride = c.broadcast ? 0 : bm.size;
  args.a_row_stride = am.row_stride, args.a_col_stride = am.col_stride;
  args.b_row_stride = bm.row_stride, args.b_col_stride = bm.col_stride;
  args.relu = c.relu;
  Workers serial(1);
  args.out = expected;
  reference::matmul<float>(args, serial);
  args.out = out;
  on_every_backend([&](const Kernels& kernels, Context& context) {
    out.poison();
    kernels.matmul(args, context);
    CHECK_SAME(out, expected);
  });
}

const Layout layouts[] = {Layout::rows, Layout::columns, Layout::strided};

// Sizes on both sides of every block, at most 5 M multiply-adds.
Product random_product(Random& random) {
  const auto size = [&](i64 low, i64 high) { return random.between(low, high); };
  const i64 bucket = size(0, 7);
  for (;;) {
    Product c{size(1, 150), size(1, 150), size(1, 150)};
    if (bucket == 0) c.m = size(0, 40), c.n = size(0, 40), c.k = size(0, 40), c.batch = size(0, 60);
    if (bucket == 1) c.m = size(1, 5), c.n = size(1, 1500), c.k = size(1, 700);
    if (bucket == 2) c.m = size(1, 1500), c.n = random.of({1, 1, 2, 3, 4, 5}), c.k = size(1, 700);
    if (bucket == 3) c.k = size(380, 2500);                                   // several blocks of k
    if (bucket == 4) c.m = size(400, 1600);                                   // and of m
    if (bucket == 5) c.n = size(129, 1500);                                   // and of n
    if (bucket == 6) c.k = 1024 * size(1, 2), c.n = size(1, 300), c.gap = 0;  // rows 4 KB apart
    if (bucket == 7) c.batch = size(2, 12);
    if (bucket < 6) c.gap = size(0, 2);
    c.a = layouts[size(0, 2)], c.b = layouts[size(0, 2)];
    c.bias = size(0, 1), c.relu = size(0, 1), c.broadcast = size(0, 1);
    if (c.batch * c.m * c.n * c.k <= 5000000) return c;
  }
}

}  // namespace

SWEEP(matmul_of_random_shapes, slow_build ? 60 : 300) {
  const Product c = random_product(random);
  const char* names[] = {"rows", "columns", "strided"};
  describe("%dx%dx%d, batch %d, a %s, b %s%s, gap %d%s%s", int(c.m), int(c.n), int(c.k), int(c.batch), names[int(c.a)],
           names[int(c.b)], c.broadcast ? " broadcast" : "", int(c.gap), c.bias ? ", bias" : "",
           c.relu ? ", relu" : "");
  check_product(c);
}

TEST(matmul_of_small_sizes) {
  for (i64 m : {1, 2, 5, 15})
    for (i64 n : {1, 3, 16, 33})
      for (i64 k : {0, 1, 7, 18})
        for (Layout a : layouts)
          for (Layout b : layouts) check_product({m, n, k, 1, a, b, (m + n) % 2 == 0, k % 2 == 0});
}

TEST(matmul_in_every_layout) {
  for (Layout a : layouts)
    for (Layout b : layouts) {
      check_product({97, 131, 89, 1, a, b, true, true});
      check_product({64, 300, 530, 1, a, b, true});
      check_product({29, 64, 1100, 2, a, b, false, true});
    }
}

TEST(matmul_larger_than_every_block) {
  for (Layout b : {Layout::rows, Layout::columns}) {
    check_product({1030, 65, 1061, 1, Layout::rows, b, true, true});
    check_product({530, 257, 1025, 1, Layout::columns, b});
  }
}

TEST(matmul_with_rows_4_kb_apart) {
  Product c{140, 300, 1023};  // a_row_stride = k + 1
  check_product(c);
}

TEST(matmul_of_vectors) {
  for (Layout b : layouts) {
    check_product({1, 3001, 257, 1, Layout::rows, b, true, true});
    check_product({4, 1500, 700, 1, Layout::columns, b});
    check_product({2, 9001, 131, 2, Layout::strided, b, true, true});
    check_product({3001, 1, 257, 1, Layout::rows, b, true});
    check_product({1500, 4, 700, 1, Layout::columns, b});
  }
}

TEST(matmul_of_batches) {
  for (Layout b : layouts) {
    check_product({33, 17, 20, 7, Layout::rows, b, true, false});
    check_product({100, 60, 64, 3, Layout::rows, b, false, true, true});
    check_product({3, 5, 2, 0, Layout::rows, b});
  }
}

TEST(matmul_of_nothing) {
  check_product({0, 5, 3});
  check_product({5, 0, 3});
  check_product({70, 65, 0, 2, Layout::rows, Layout::rows, true, true});
  check_product({70, 65, 0, 1, Layout::rows, Layout::columns});
}

TEST(matmul_relu_keeps_nan) {
  Buffer<float> a = integers(20 * 30), b = integers(30 * 40), out(20 * 40);
  a[5 * 30 + 7] = NAN;
  on_every_backend([&](const Kernels& kernels, Context& context) {
    for (bool transposed : {false, true}) {
      args::matmul<float> args{
          out, a, b, nullptr, 1, 20, 40, 30, 0, 0, 30, 1, 0, transposed ? 1 : 40, transposed ? 30 : 1, 1};
      kernels.matmul(args, context);
      for (i64 j = 0; j < 40; j++) CHECK(std::isnan(out[5 * 40 + j]));
      CHECK(out[4 * 40] >= 0);
    }
  });
}

TEST(matmul_of_reals_is_close_to_double) {
  const i32 m = 70, n = 90, k = 1000;
  Buffer<float> a = reals(m * k), b = reals(k * n, 2), out(m * n);
  Buffer<double> wide_a = converted<double>(a), wide_b = converted<double>(b), expected(m * n);
  Workers serial(1);
  reference::matmul<double>({expected, wide_a, wide_b, nullptr, 1, m, n, k, 0, 0, k, 1, 0, n, 1, 0}, serial);
  on_every_backend([&](const Kernels& kernels, Context& context) {
    kernels.matmul({out, a, b, nullptr, 1, m, n, k, 0, 0, k, 1, 0, n, 1, 0}, context);
    CHECK_CLOSE(out, expected, 2e-5);
  });
}

TEST(matmul_without_memory_returns) {
  Buffer<float> a = integers(300 * 300), out(300 * 300);
  Workers context(2);
  context.scratch_left = 0;
  std::string best = available_isas();
  find_isa(best.substr(0, best.find(' ')).c_str())
      ->kernels.matmul({out, a, a, nullptr, 1, 300, 300, 300, 0, 0, 300, 1, 0, 300, 1, 0}, context);
}
