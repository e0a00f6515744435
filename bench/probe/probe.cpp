// What this machine can do at most: multiply-adds per instruction set, and bytes streamed from and to memory.
// Reads lines "OPEN isa threads" and "RUN count" (isa "stream": the triad), answers each with a line of JSON.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;
constexpr int chains = 12;       // latency 4 × 2 units needs at least 8, and 16 registers are all that AVX2 has
constexpr long steps = 1 << 16;  // of every chain, per count
constexpr size_t elements = size_t(1) << 25;  // per array of the triad: 128 MiB
std::atomic<float> sink;

// x = x·a + b in independent chains. They stay in registers only if every loop over them is unrolled; the empty asm
// keeps the compiler from finding a shorter way.
#define EACH _Pragma("GCC unroll 16") for (int i = 0; i < chains; i++)
#define FMA_LOOP(name, bytes, ...)                                                    \
  __VA_ARGS__ __attribute__((noinline)) void fma_##name(long count) {                 \
    typedef float V __attribute__((vector_size(bytes)));                              \
    V x[chains], a, b, sum;                                                           \
    for (unsigned i = 0; i < bytes / 4; i++) a[i] = 0.999f, b[i] = 1e-3f, sum[i] = 0; \
    EACH x[i] = b;                                                                    \
    for (long n = count * steps; n > 0; n--) {                                        \
      EACH x[i] = x[i] * a + b;                                                       \
      EACH __asm__ volatile("" : CONSTRAINT(x[i]));                                   \
    }                                                                                 \
    EACH sum += x[i];                                                                 \
    sink.store(sum[0]);                                                               \
  }

#if defined(__x86_64__)
#define CONSTRAINT "+v"
FMA_LOOP(avx512, 64, __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,fma"))))
FMA_LOOP(avx2, 32, __attribute__((target("avx2,fma"))))
#undef CONSTRAINT
#define CONSTRAINT "+x"
FMA_LOOP(baseline, 16, )
#else
#define CONSTRAINT "+w"
FMA_LOOP(neon, 16, )
#endif

struct Isa {
  const char* name;
  int lanes;
  void (*run)(long);
};

std::vector<Isa> available() {
  std::vector<Isa> found;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
    found.push_back({"avx512", 16, fma_avx512});
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) found.push_back({"avx2", 8, fma_avx2});
  found.push_back({"baseline", 4, fma_baseline});
#else
  found.push_back({"neon", 4, fma_neon});
#endif
  return found;
}

template <typename Work>
double timed(int threads, const Work& work) {
  const auto start = Clock::now();
  std::vector<std::thread> others;
  for (int t = 1; t < threads; t++) others.emplace_back(work, t);
  work(0);
  for (auto& thread : others) thread.join();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// a = b + s·c, two reads and one write per element.
struct Triad {
  std::vector<float*> arrays;
  int threads = 0;

  void slice(int t, size_t* from, size_t* to) const {
    *from = elements / 16 * t / threads * 16;
    *to = elements / 16 * (t + 1) / threads * 16;
  }
  void run(int t, long count) const {
    typedef float V __attribute__((vector_size(16)));
    size_t from, to;
    slice(t, &from, &to);
    V* a = reinterpret_cast<V*>(arrays[0]);
    const V* b = reinterpret_cast<V*>(arrays[1]);
    const V* c = reinterpret_cast<V*>(arrays[2]);
    for (long n = 0; n < count; n++) {
      for (size_t i = from / 4; i < to / 4; i++) a[i] = b[i] + c[i] * 3.0f;
      __asm__ volatile("" : : "r"(a) : "memory");
    }
  }
  void open(int count) {
    threads = count;
    if (!arrays.empty()) return;
    for (size_t i = 0; i < 3; i++) {
      // Never at the same place within a page, where the caches would take one for another.
      const size_t gap = i * 1088;
      float* memory = static_cast<float*>(std::aligned_alloc(1 << 21, elements * 4 + (1 << 21)));
#if defined(__linux__)
      madvise(memory, elements * 4 + (1 << 21), MADV_HUGEPAGE);
#endif
      arrays.push_back(memory + gap);
    }
    // Pages exist once they are written, near the thread that does it.
    timed(threads, [&](int t) {
      size_t from, to;
      slice(t, &from, &to);
      for (float* array : arrays) std::fill(array + from, array + to, 1.0f);
    });
  }
};

}  // namespace

int main() {
  const auto isas = available();
  std::string names;
  for (const auto& isa : isas) names += std::string(names.empty() ? "" : ",") + "\"" + isa.name + "\"";
  std::printf("{\"ready\":true,\"isas\":[%s]}\n", names.c_str());
  std::fflush(stdout);

  const Isa* isa = nullptr;
  Triad triad;
  int threads = 1;
  char line[128], name[32];
  long count;
  while (std::fgets(line, sizeof line, stdin)) {
    if (std::sscanf(line, "OPEN %31s %d", name, &threads) == 2) {
      isa = nullptr;
      for (const auto& known : isas)
        if (std::strcmp(known.name, name) == 0) isa = &known;
      if (!isa && std::strcmp(name, "stream") != 0) {
        std::printf("{\"error\":\"no %s here\"}\n", name);
      } else {
        if (!isa) triad.open(threads);
        const double work = isa ? 2.0 * isa->lanes * chains * steps * threads : 12.0 * elements;
        std::printf("{\"work\":%.0f}\n", work);
      }
    } else if (std::sscanf(line, "RUN %ld", &count) == 1) {
      const double seconds =
          isa ? timed(threads, [&](int) { isa->run(count); }) : timed(threads, [&](int t) { triad.run(t, count); });
      std::printf("{\"seconds\":%.9f}\n", seconds);
    }
    std::fflush(stdout);
  }
}
