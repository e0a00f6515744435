#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

const std::vector<i32> sizes = {1, 0, 17, 40000, 3, 16384, 33};

// All tensors of a group; `kinds` of them per parameter, those in the mask `squares` (averages of squares) positive.
template <class T>
struct Group {
  std::vector<Buffer<T>> buffers;
  std::vector<T*> tensors;

  Group(int kinds, int squares) {
    for (size_t i = 0; i < sizes.size() * kinds; i++) {
      buffers.push_back(converted<T>(reals<float>(sizes[i / kinds], i + 1)));
      if (squares >> i % kinds & 1)
        for (i64 j = 0; j < buffers[i].size(); j++) buffers[i][j] *= buffers[i][j];
      tensors.push_back(buffers[i].data());
    }
  }
  i32 count() const { return static_cast<i32>(tensors.size()); }
};

// Three steps of run(table, tensors, context) on float must stay near the same on double.
template <class F>
void check_steps(int kinds, int squares, const F& run) {
  Group<double> expected(kinds, squares);
  Workers serial(1);
  for (int step = 1; step <= 3; step++) run(reference::table<double>(), expected, step, serial);
  on_every_backend([&](const Kernels& k, Context& context) {
    Group<float> got(kinds, squares);
    for (int step = 1; step <= 3; step++) run(k, got, step, context);
    for (size_t i = 0; i < got.buffers.size(); i++) CHECK_CLOSE(got.buffers[i], expected.buffers[i], 2e-6);
  });
}

}  // namespace

TEST(sgd_follows_its_formula) {
  for (double momentum : {0.0, 0.9})
    for (int nesterov : {0, 1})
      for (double decay : {0.0, 0.01})
        check_steps(3, 0, [&](const auto& table, auto& group, int step, Context& context) {
          table.sgd({group.tensors.data(), group.count(), 0.1, momentum, nesterov ? 0 : 0.3, decay, decay, decay > 0,
                     nesterov, step == 1, sizes.data(), static_cast<i32>(sizes.size())},
                    context);
        });
}

TEST(sgd_without_momentum_has_no_buffer) {
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> p = integers(5), g = integers(5, 1, 4, 2);
    const Buffer<float> before = integers(5);
    float* tensors[] = {p, g, nullptr};
    const i32 size = 5;
    k.sgd({tensors, 3, 0.5, 0, 0, 0, 0, 0, 0, 1, &size, 1}, context);
    for (i64 i = 0; i < 5; i++) CHECK(p[i] == before[i] - 0.5f * g[i]);
  });
}

TEST(adam_follows_its_formula) {
  for (int decoupled : {0, 1})
    for (int amsgrad : {0, 1})
      for (double decay : {0.0, 0.1})
        check_steps(5, 0b11000, [&](const auto& table, auto& group, int step, Context& context) {
          table.adam(
              {group.tensors.data(), group.count(), 0.01, 0.9, 0.999, 1e-8, decay, decay, decay > 0, decoupled, amsgrad,
               1 - std::pow(0.9, step), 1 - std::pow(0.999, step), sizes.data(), static_cast<i32>(sizes.size())},
              context);
        });
}

TEST(adagrad_and_adadelta_follow_their_formulas) {
  for (double decay : {0.0, 0.1}) {
    check_steps(3, 0b100, [&](const auto& table, auto& group, int, Context& context) {
      table.adagrad({group.tensors.data(), group.count(), 0.01, 1e-10, decay, decay, decay > 0, sizes.data(),
                     static_cast<i32>(sizes.size())},
                    context);
    });
    check_steps(4, 0b1100, [&](const auto& table, auto& group, int, Context& context) {
      table.adadelta({group.tensors.data(), group.count(), 0.1, 0.9, 1e-6, decay, decay, decay > 0, sizes.data(),
                      static_cast<i32>(sizes.size())},
                     context);
    });
  }
}

TEST(rmsprop_follows_its_formula) {
  for (double momentum : {0.0, 0.9})
    for (double decay : {0.0, 0.1})
      check_steps(5, 0b00100, [&](const auto& table, auto& group, int, Context& context) {
        table.rmsprop({group.tensors.data(), group.count(), 0.001, 0.9, 0.01, momentum, decay, decay, decay > 0, 0,
                       sizes.data(), static_cast<i32>(sizes.size())},
                      context);
      });
}

// One step from zero: v = (1-α) g², a = (1-α) g, so v - a² = α (1-α) g². Momentum adds nothing yet.
TEST(rmsprop_centered_by_hand) {
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> p(1), g(1), v(1), b(1), a(1);
    p[0] = 1, g[0] = 0.5f, v[0] = b[0] = a[0] = 0;
    float* tensors[] = {p, g, v, b, a};
    const i32 size = 1;
    k.rmsprop({tensors, 5, 0.1, 0.9, 0, 0.5, 0, 0, 0, 1, &size, 1}, context);
    CHECK(std::fabs(p[0] - (1 - 0.1 / std::sqrt(0.09))) < 1e-6 && std::fabs(a[0] - 0.05f) < 1e-8f);
  });
}

TEST(clipping_follows_its_formulas) {
  for (double norm_type : {1.0, 2.0, 2.5, double(INFINITY)})
    for (double bound : {0.5, 1e9}) {
      double expected = 0, norm = 0;
      const auto run = [&](const auto& table, auto& group, auto& out, Context& context) {
        table.clip_norm(
            {&out, group.tensors.data(), group.count(), bound, norm_type, sizes.data(), static_cast<i32>(sizes.size())},
            context);
        table.clip_value(
            {group.tensors.data(), group.count(), bound / 100, sizes.data(), static_cast<i32>(sizes.size())}, context);
      };
      Group<double> clipped(1, 0);
      Workers serial(1);
      run(reference::table<double>(), clipped, expected, serial);
      on_every_backend([&](const Kernels& k, Context& context) {
        Group<float> got(1, 0);
        float out = 0;
        run(k, got, out, context);
        norm = double(out);
        CHECK(std::fabs(norm - expected) <= 1e-5 * expected);
        for (size_t i = 0; i < got.buffers.size(); i++) CHECK_CLOSE(got.buffers[i], clipped.buffers[i], 1e-5);
      });
    }
}

// p = 1, g = 0.5, first step: m = 0.05, v = 0.00025, both corrected to g and g², so p falls by lr whatever g is.
TEST(adam_first_step_by_hand) {
  on_every_backend([&](const Kernels& k, Context& context) {
    Buffer<float> p(1), g(1), m(1), v(1);
    p[0] = 1, g[0] = 0.5f, m[0] = v[0] = 0;
    float* tensors[] = {p, g, m, v, nullptr};
    const i32 size = 1;
    k.adam({tensors, 5, 0.01, 0.9, 0.999, 1e-8, 0, 0, 0, 0, 0, 1 - 0.9, 1 - 0.999, &size, 1}, context);
    CHECK(std::fabs(p[0] - 0.99f) < 1e-6f && std::fabs(m[0] - 0.05f) < 1e-8f && std::fabs(v[0] - 0.00025f) < 1e-9f);
  });
}
