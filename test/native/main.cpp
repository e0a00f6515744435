// Runs every registered test, or those whose names contain the first argument, and the sample of every such sweep.
// `--sweep NAME SEED FIRST COUNT` runs that many cases of the sweeps whose names contain NAME (scripts/exact.mjs).
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "check.h"

namespace quern::test {

std::string backend;
bool sweeping;
i64 comparisons;

static std::string case_name, case_shape;  // of the sweep's case that runs
static i64 failures;                       // of the test or case that runs
static i64 most_reports;

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}
std::vector<Sweep>& sweeps() {
  static std::vector<Sweep> all;
  return all;
}
bool add(const Case& test) {
  cases().push_back(test);
  return true;
}
bool add(const Sweep& sweep) {
  sweeps().push_back(sweep);
  return true;
}

void describe(const char* format, ...) {
  char text[400];
  va_list values;
  va_start(values, format);
  std::vsnprintf(text, sizeof text, format, values);
  va_end(values);
  case_shape = text;
}

void fail(const char* file, int line, const std::string& message) {
  if (failures++ >= most_reports) return;  // a wrong kernel fails in thousands of places
  std::string where;
  for (const std::string& part : {case_name, case_shape, backend})
    if (!part.empty()) where += (where.empty() ? " [" : "; ") + part;
  std::printf("  %s:%d: %s%s%s\n", file, line, message.c_str(), where.c_str(), where.empty() ? "" : "]");
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
  failures = 0;
  most_reports = 20;
  test.run();
  backend.clear();
  if (failures > 0) std::printf("FAILED %s\n", test.name);
  return failures == 0;
}

// Each case is a stream of its own, so that one that fails can be run alone. Returns how many checks failed.
static i64 run_cases(const Sweep& sweep, u64 seed, i64 first, i64 count, void (*progress)(const Sweep&, i64 done)) {
  i64 failed = 0;
  sweeping = true;
  for (i64 i = first; i < first + count; i++) {
    case_name = std::string(sweep.name) + ", seed " + std::to_string(seed) + ", case " + std::to_string(i);
    case_shape.clear();
    failures = 0;
    most_reports = failed < 20 ? 1 : 0;  // the first of a case
    Random random(seed << 32 | static_cast<u64>(i));
    sweep.check(random);
    failed += failures;
    if (progress) progress(sweep, i + 1 - first);
  }
  sweeping = false;
  case_name.clear(), case_shape.clear(), backend.clear();
  return failed;
}

static bool run_sample(const Sweep& sweep) {
  const i64 failed = run_cases(sweep, 1, 0, sweep.sample, nullptr);
  if (failed > 0) std::printf("FAILED %s\n", sweep.name);
  return failed == 0;
}

static double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

static int run_sweeps(const char* name, u64 seed, i64 first, i64 count) {
  static double start;
  i64 shapes = 0, failed = 0;
  std::printf("instruction sets: %s\n", available_isas());
  for (const Sweep& sweep : sweeps()) {
    if (!std::strstr(sweep.name, name)) continue;
    start = seconds();
    comparisons = 0;
    const i64 differ = run_cases(sweep, seed, first, count, [](const Sweep& sweep, i64 done) {
      if (done % 500 != 0) return;
      std::printf("%s: %lld shapes, %.0f s\n", sweep.name, static_cast<long long>(done), seconds() - start);
      std::fflush(stdout);
    });
    std::printf("%s: %lld shapes, %lld comparisons, %lld differ (%.0f s)\n", sweep.name, static_cast<long long>(count),
                static_cast<long long>(comparisons), static_cast<long long>(differ), seconds() - start);
    std::fflush(stdout);
    shapes += count, failed += differ;
  }
  if (shapes == 0) std::printf("no sweep is named %s\n", name);
  return failed == 0 && shapes > 0 ? 0 : 1;
}

}  // namespace quern::test

int main(int argc, char** argv) {
  using namespace quern::test;
  if (argc == 6 && std::strcmp(argv[1], "--sweep") == 0)
    return run_sweeps(argv[2], std::strtoull(argv[3], nullptr, 10), std::atoll(argv[4]), std::atoll(argv[5]));
  int passed = 0, failed = 0;
  const auto run = [&](const auto& test, bool (*runs)(decltype(test))) {
    if (argc > 1 && !std::strstr(test.name, argv[1])) return;
    (runs(test) ? passed : failed)++;
    std::fflush(stdout);
  };
  for (const Case& test : cases()) run(test, run_one);
  for (const Sweep& sweep : sweeps()) run(sweep, run_sample);
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed ? 1 : 0;
}
