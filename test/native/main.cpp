// Runs every registered test, or those whose names contain the first argument.
#include <cstdio>
#include <new>

#include "check.h"

namespace quern::test {

std::string backend;
static bool failed;
static int reports;

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

bool add(const char* name, void (*run)()) {
  cases().push_back({name, run});
  return true;
}

void fail(const char* file, int line, const std::string& message) {
  failed = true;
  if (reports++ < 20)  // per test: a wrong kernel fails in thousands of places
    std::printf("  %s:%d: %s%s%s%s\n", file, line, message.c_str(), backend.empty() ? "" : " [", backend.c_str(),
                backend.empty() ? "" : "]");
}

// The same static, contiguous shares as the engine's pool.
static void run_share(int worker, int threads, i64 tasks, void (*fn)(void*, i64, int), void* closure) {
  for (i64 task = tasks * worker / threads; task < tasks * (worker + 1) / threads; task++) fn(closure, task, worker);
}

Workers::Workers(int threads) {
  this->threads = threads;
  run = [](Context& context, i64 tasks, void (*fn)(void*, i64, int), void* closure) {
    int threads = context.threads;
#ifdef QUERN_TEST_THREADS
    std::vector<std::thread> others;
    for (int worker = 1; worker < threads; worker++)
      others.emplace_back(run_share, worker, threads, tasks, fn, closure);
    run_share(0, threads, tasks, fn, closure);
    for (std::thread& other : others) other.join();
#else
    for (int worker = threads - 1; worker >= 0; worker--) run_share(worker, threads, tasks, fn, closure);
#endif
  };
  scratch = [](Context& context, i64 bytes) -> void* {
    auto& self = static_cast<Workers&>(context);
    if (self.scratch_left == 0) return nullptr;
    if (self.scratch_left > 0) self.scratch_left--;
    self.blocks_.push_back(std::make_unique<Buffer<double>>((bytes + 7) / 8));
    return self.blocks_.back()->data();
  };
}

static bool run_one(const Case& test) {
  failed = false;
  reports = 0;
  test.run();
  backend.clear();
  if (failed) std::printf("FAILED %s\n", test.name);
  return !failed;
}

}  // namespace quern::test

int main(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (const auto& test : quern::test::cases()) {
    if (argc > 1 && !std::strstr(test.name, argv[1])) continue;
    (quern::test::run_one(test) ? passed : failed)++;
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed ? 1 : 0;
}
