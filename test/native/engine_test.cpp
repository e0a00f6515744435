// The engine through its C ABI: lifetimes, failures, malformed commands, the process-wide pool.
#include <cstring>
#include <thread>
#include <vector>

#include "../../native/abi.h"
#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

enum class Op : u32 {
#define QUERN_CONTROL(name, ...) name,
#define QUERN_OP(name, types, ...) name,
#include "../../native/ops.def"
};

// Commands as the encoder in TypeScript writes them.
struct Commands {
  std::vector<u32> words;

  Commands& add(Op op, const std::vector<u32>& fields, DType dtype = DType::float32) {
    words.push_back(u32(op) | u32(dtype) << 16);
    words.push_back(u32(fields.size() + 2));
    words.insert(words.end(), fields.begin(), fields.end());
    return *this;
  }
  Commands& alloc(u32 id, u64 bytes) { return add(Op::alloc, {id, u32(bytes), u32(bytes >> 32)}); }
  Commands& free(u32 id) { return add(Op::free, {id}); }
  Commands& fill(u32 id, u32 n, double value) {
    u64 bits;
    std::memcpy(&bits, &value, sizeof bits);
    return add(Op::fill, {id, 0, n, u32(bits), u32(bits >> 32)});
  }
  Commands& add_tensors(u32 out, u32 a, u32 b, u32 n) {
    return add(Op::binary, {out, 0, a, 0, b, 0, u32(Binary::add), 1, n, 1, 1, 1});
  }
};

struct Engine {
  explicit Engine(int threads = 1) : engine(quern_open("", threads)) {}
  ~Engine() { quern_close(engine); }
  int run(const Commands& c) { return quern_run(engine, c.words.data(), c.words.size(), nullptr); }
  std::vector<float> read(u32 id, size_t n) {
    std::vector<float> values(n, -1);
    CHECK(quern_read(engine, id, 0, values.data(), n * sizeof(float)) == 0);
    return values;
  }
  quern_failure failure() {
    quern_failure f;
    quern_error(engine, &f);
    return f;
  }
  quern_state state() {
    quern_state s;
    quern_info(engine, &s);
    return s;
  }
  quern_engine* engine;
};

}  // namespace

TEST(commands_run_in_order_and_memory_comes_back) {
  Engine e;
  for (int round = 0; round < 100; round++) {
    Commands c;
    c.alloc(1, 4000).alloc(2, 4000).fill(1, 1000, 2).fill(2, 1000, round).add_tensors(2, 1, 2, 1000).free(1);
    CHECK(e.run(c) == 0);
    CHECK(e.read(2, 1000) == std::vector<float>(1000, float(round + 2)));
    CHECK(e.run(Commands().free(2)) == 0);
  }
  CHECK(e.state().live == 0);
  CHECK(e.state().reserved <= 2 << 20);  // a hundred rounds reuse one block
}

TEST(an_unknown_instruction_set_opens_nothing) { CHECK(quern_open("sse9", 1) == nullptr); }

TEST(out_of_memory_skips_what_depends_on_it_and_nothing_else) {
  Engine e;
  Commands c;
  c.alloc(1, u64(1) << 60).alloc(2, 40).alloc(3, 40).fill(3, 10, 7).fill(1, 10, 1).add_tensors(2, 1, 3, 10);
  CHECK(e.run(c) == 1);
  const quern_failure f = e.failure();
  CHECK(f.kind == QUERN_OUT_OF_MEMORY);
  CHECK(f.buffer == 1);
  CHECK(f.bytes == 0x1p60);
  CHECK(e.read(3, 10) == std::vector<float>(10, 7));
  float value;
  CHECK(quern_read(e.engine, 2, 0, &value, 4) == 1);  // poisoned by its input
  CHECK(e.failure().kind == QUERN_POISONED);
  CHECK(e.run(Commands().fill(2, 10, 5)) == 0);  // written anew it holds a value again
  CHECK(e.read(2, 10) == std::vector<float>(10, 5));
  CHECK(e.failure().kind == QUERN_OK);
}

TEST(reads_and_writes_beyond_a_buffer_are_refused) {
  Engine e;
  e.run(Commands().alloc(1, 16).fill(1, 4, 1));
  float values[8] = {};
  CHECK(quern_write(e.engine, 1, 0, values, 32) == 1);
  CHECK(quern_read(e.engine, 1, 12, values, 8) == 1);
  CHECK(quern_read(e.engine, 1, size_t(-4), values, 8) == 1);
  CHECK(quern_read(e.engine, 99, 0, values, 4) == 1);
  CHECK(e.read(1, 4) == std::vector<float>(4, 1));
}

TEST(malformed_commands_fail_and_the_engine_goes_on) {
  Engine e;
  e.run(Commands().alloc(1, 64).fill(1, 16, 3));
  const std::vector<std::vector<u32>> wrong = {{},
                                               {5},
                                               {u32(Op::fill), 0},
                                               {u32(Op::fill), 1},
                                               {u32(Op::fill), 400, 1, 0},
                                               {0xffff, 2},
                                               {u32(Op::fill), 4, 1, 0},
                                               {u32(Op::adam), 5, 0x7fffffff, 0, 0}};
  for (const auto& words : wrong) {
    if (words.empty()) continue;
    CHECK(quern_run(e.engine, words.data(), words.size(), nullptr) == 1);
    CHECK(e.failure().kind == QUERN_BAD_COMMAND);
  }
  CHECK(e.run(Commands().alloc(1, 64)) == 1);  // an id in use
  CHECK(e.read(1, 16) == std::vector<float>(16, 3));
}

TEST(stop_ends_a_run_between_two_commands) {
  Engine e;
  e.run(Commands().alloc(1, 4).fill(1, 1, 1));
  const Commands more = Commands().fill(1, 1, 2);
  const volatile int stop = 1;
  quern_run(e.engine, more.words.data(), more.words.size(), &stop);
  CHECK(e.read(1, 1) == std::vector<float>{1});
}

#ifdef QUERN_TEST_THREADS
TEST(engines_share_the_pool_from_many_threads) {
  constexpr u32 n = 300'000;  // enough to be split
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([t] {
      for (int round = 0; round < 5; round++) {
        Engine e(3 + t);
        Commands c;
        c.alloc(1, 4 * n).alloc(2, 4 * n).fill(1, n, t).fill(2, n, round);
        for (int i = 0; i < 20; i++) c.add_tensors(2, 1, 2, n);
        CHECK(e.run(c) == 0);
        CHECK(e.read(2, n) == std::vector<float>(n, float(round + 20 * t)));
      }
    });
  }
  for (auto& t : threads) t.join();
}
#endif
