#include "../../native/kernels/random.reference.h"
#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

const i64 sizes[] = {0, 1, 2, 3, 4, 5, 15, 33, 127, 16384, 50001};

struct Stream {
  i32 seed_lo, seed_hi, counter_lo, counter_hi;
};
const Stream streams[] = {{1, 0, 0, 0}, {-5, 77, -3, 0}, {123456789, -1, -2, -1}};  // counters that carry

}  // namespace

// Known answers of Random123's kat_vectors, for counters whose upper half is 0.
TEST(philox_matches_random123) {
  CHECK((reference::philox(0, 0, 0) == reference::Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(uniform_and_dropout_have_the_same_bits_everywhere) {
  Workers serial(1);
  for (i64 n : sizes)
    for (const Stream& s : streams) {
      const i32 count = static_cast<i32>(n);
      const Buffer<float> x = reals(n);
      Buffer<float> expected(n), got(n);
      for (const auto& [low, high] : {std::pair{0.0, 1.0}, std::pair{-0.3, 7.1}}) {
        reference::uniform<float>({expected, count, low, high, s.seed_lo, s.seed_hi, s.counter_lo, s.counter_hi},
                                  serial);
        on_every_backend([&, low = low, high = high](const Kernels& k, Context& context) {
          got.poison();
          k.uniform({got, count, low, high, s.seed_lo, s.seed_hi, s.counter_lo, s.counter_hi}, context);
          CHECK_SAME(got, expected);
        });
      }
      for (double p : {0.0, 1e-6, 0.1, 0.5, 1 - 1e-6, 1.0}) {
        reference::dropout<float>({expected, x, count, p, s.seed_lo, s.seed_hi, s.counter_lo, s.counter_hi}, serial);
        on_every_backend([&](const Kernels& k, Context& context) {
          got.poison();
          k.dropout({got, x, count, p, s.seed_lo, s.seed_hi, s.counter_lo, s.counter_hi}, context);
          CHECK_SAME(got, expected);
        });
      }
    }
}

TEST(normal_has_the_same_bits_everywhere) {
  Workers serial(1);
  for (i64 n : sizes) {
    const i32 count = static_cast<i32>(n);
    Buffer<float> expected(n), got(n);
    reference::normal<float>({expected, count, 0.5, 2, 9, 8, -2, 6}, serial);
    on_every_backend([&](const Kernels& k, Context& context) {
      got.poison();
      k.normal({got, count, 0.5, 2, 9, 8, -2, 6}, context);
      CHECK_SAME(got, expected);
    });
  }
}

TEST(random_moments) {
  const i32 n = 1000000;
  Buffer<float> x(n);
  const auto moment = [&](double mean, int power) {
    double total = 0;
    for (i64 i = 0; i < n; i++) total += std::pow(x[i] - mean, power);
    return total / n;
  };
  on_every_backend([&](const Kernels& k, Context& context) {
    k.uniform({x, n, 0, 1, 42, 0, 0, 0}, context);
    CHECK(std::fabs(moment(0, 1) - 0.5) < 2e-3 && std::fabs(moment(0.5, 2) - 1.0 / 12) < 1e-3);
    CHECK(*std::min_element(x.data(), x.data() + n) >= 0 && *std::max_element(x.data(), x.data() + n) < 1);
    k.normal({x, n, 1, 2, 42, 0, 0, 0}, context);
    CHECK(std::fabs(moment(0, 1) - 1) < 8e-3 && std::fabs(moment(1, 2) - 4) < 3e-2);
    CHECK(std::fabs(moment(1, 3)) < 0.1 && std::fabs(moment(1, 4) - 48) < 1.5);
    k.fill({x, n, 1}, context);
    k.dropout({x, x, n, 0.25, 42, 0, 0, 0}, context);
    CHECK(std::fabs(moment(0, 1) - 1) < 2e-3 && std::fabs(moment(0, 2) - 4.0 / 3) < 4e-3);
  });
}
