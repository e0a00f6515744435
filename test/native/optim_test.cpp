#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

const std::vector<i32> sizes = {1, 0, 17, 40000, 3, 16384, 33};

// All tensors of a group; `kinds` of them per parameter. The last kind (a square's average) is positive.
template <class T>
struct Group {
  std::vector<Buffer<T>> buffers;
  std::vector<T*> tensors;

  explicit Group(int kinds) {
    for (size_t i = 0; i < sizes.size() * kinds; i++) {
      buffers.push_back(converted<T>(reals<float>(sizes[i / kinds], i + 1)));
      if (kinds == 4 && i % 4 == 3)
        for (i64 j = 0; j < buffers[i].size(); j++) buffers[i][j] *= buffers[i][j];
      tensors.push_back(buffers[i].data());
    }
  }
  i32 count() const { return static_cast<i32>(tensors.size()); }
};

// Three steps of run(table, tensors, context) on float must stay near the same on double.
template <class F>
void check_steps(int kinds, const F& run) {
  Group<double> expected(kinds);
  Workers serial(1);
  for (int step = 1; step <= 3; step++) run(reference::table<double>(), expected, step, serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    Group<float> got(kinds);
    for (int step = 1; step <= 3; step++) run(k, got, step, context);
    for (size_t i = 0; i < got.buffers.size(); i++) CHECK_CLOSE(got.buffers[i], expected.buffers[i], 2e-6);
  });
}

}  // namespace

TEST(sgd_follows_its_formula) {
  for (double momentum : {0.0, 0.9})
    for (int nesterov : {0, 1})
      for (double decay : {0.0, 0.01})
        check_steps(3, [&](const auto& table, auto& group, int step, Context& context) {
          table.sgd({group.tensors.data(), group.count(), 0.1, momentum, nesterov ? 0 : 0.3, decay, nesterov, step == 1,
                     sizes.data(), static_cast<i32>(sizes.size())},
                    context);
        });
}

TEST(sgd_without_momentum_has_no_buffer) {
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> p = integers(5), g = integers(5, 1, 4, 2);
    const Buffer<float> before = integers(5);
    float* tensors[] = {p, g, nullptr};
    const i32 size = 5;
    k.sgd({tensors, 3, 0.5, 0, 0, 0, 0, 1, &size, 1}, context);
    for (i64 i = 0; i < 5; i++) CHECK(p[i] == before[i] - 0.5f * g[i]);
  });
}

TEST(adam_follows_its_formula) {
  for (int decoupled : {0, 1})
    for (double decay : {0.0, 0.1})
      check_steps(4, [&](const auto& table, auto& group, int step, Context& context) {
        table.adam({group.tensors.data(), group.count(), 0.01, 0.9, 0.999, 1e-8, decay, decoupled,
                    1 - std::pow(0.9, step), 1 - std::pow(0.999, step), sizes.data(), static_cast<i32>(sizes.size())},
                   context);
      });
}

// p = 1, g = 0.5, first step: m = 0.05, v = 0.00025, both corrected to g and g², so p falls by lr whatever g is.
TEST(adam_first_step_by_hand) {
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> p(1), g(1), m(1), v(1);
    p[0] = 1, g[0] = 0.5f, m[0] = v[0] = 0;
    float* tensors[] = {p, g, m, v};
    const i32 size = 1;
    k.adam({tensors, 4, 0.01, 0.9, 0.999, 1e-8, 0, 0, 1 - 0.9, 1 - 0.999, &size, 1}, context);
    CHECK(std::fabs(p[0] - 0.99f) < 1e-6f && std::fabs(m[0] - 0.05f) < 1e-8f && std::fabs(v[0] - 0.00025f) < 1e-9f);
  });
}
