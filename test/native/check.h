// The C++ tests' harness: a registry of tests, checks that count instead of stopping, operands with guard bands, and
// contexts of several workers. A test reads
//
//   TEST(relu_of_negative_is_zero) {
//     Buffer<float> x = integers(100), expected(100), y(100);  // a fresh Buffer is all NaN
//     Workers serial(1);
//     reference::unary<float>({...}, serial);
//     on_every_backend([&](const Kernels& k, Context& context) {  // instruction sets × 1, 2 and 5 workers
//       y.poison();
//       k.unary({...}, context);
//       CHECK_SAME(y, expected);  // bit for bit; NaN equals NaN
//     });
//   }
//
// A sweep checks random cases, each from a stream of its own: `npm test` the first few, `npm run exact` as many as
// asked.
//
//   SWEEP(conv, 300) { check_all(random_conv(random)); }
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#if !defined(__EMSCRIPTEN__) || defined(__EMSCRIPTEN_PTHREADS__)
#define QUERN_TEST_THREADS 1
#include <thread>
#endif

#include "../../native/dispatch.h"
#include "../../native/kernels/reference.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define QUERN_TEST_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define QUERN_TEST_SANITIZED 1
#endif

namespace quern::test {

#ifdef QUERN_TEST_SANITIZED
constexpr bool sanitized = true, slow_build = true;
#elif defined(__EMSCRIPTEN__)
constexpr bool sanitized = false, slow_build = true;
#else
constexpr bool sanitized = false, slow_build = false;
#endif

class Random;
struct Case {
  const char* name;
  void (*run)();
};
struct Sweep {
  const char* name;
  i64 sample;  // cases that are part of the tests
  void (*check)(Random& random);
};
std::vector<Case>& cases();  // filled before main by TEST, as sweeps() by SWEEP
std::vector<Sweep>& sweeps();
bool add(const Case& test);  // both return true
bool add(const Sweep& sweep);
void fail(const char* file, int line, const std::string& message);  // the running test has failed, and goes on
void describe(const char* format, ...);                             // what a case of a sweep checks, for failures
extern std::string backend;                                         // printed with failures: "avx2, 5 workers"
extern bool sweeping;    // the reference is then the oracle alone, not one of the backends
extern i64 comparisons;  // of whole buffers, made so far

#define TEST(name)                                                                      \
  static void name();                                                                   \
  static const bool name##_is_added = quern::test::add(quern::test::Case{#name, name}); \
  static void name()
#define SWEEP(name, sample)                                                                      \
  static void name(quern::test::Random&);                                                        \
  static const bool name##_is_added = quern::test::add(quern::test::Sweep{#name, sample, name}); \
  static void name([[maybe_unused]] quern::test::Random& random)
#define CHECK(condition) ((condition) ? (void)0 : quern::test::fail(__FILE__, __LINE__, #condition))
#define CHECK_SAME(got, expected) quern::test::check_close(got, expected, 0, __FILE__, __LINE__)
// |got - expected| <= tolerance * max(1, |expected|), element by element
#define CHECK_CLOSE(got, expected, tolerance) quern::test::check_close(got, expected, tolerance, __FILE__, __LINE__)

// n elements between two bands of poison; whatever writes outside is reported. Under AddressSanitizer the band behind
// is the `read_slack` that kernels may read, so that reading further is an error too.
template <class T>
class Buffer {
 public:
  explicit Buffer(i64 n) : n_(n) {
    // before is a multiple of 64 bytes: data() is aligned as the engine's operands are
    block_ = static_cast<unsigned char*>(::operator new(before + n * sizeof(T) + behind, std::align_val_t(64)));
    std::memset(block_, poison_byte, before + n * sizeof(T) + behind);
  }
  Buffer(Buffer&& other) noexcept : block_(other.block_), n_(other.n_) { other.block_ = nullptr; }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (!block_) return;
    if (!intact()) fail(__FILE__, __LINE__, "written outside a buffer of " + std::to_string(n_) + " elements");
    ::operator delete(block_, std::align_val_t(64));
  }

  // All bytes 0xff: NaN in float and double, -1 in int32.
  void poison() { std::memset(block_ + before, poison_byte, n_ * sizeof(T)); }
  bool intact() const { return is_poison(block_, before) && is_poison(block_ + before + n_ * sizeof(T), behind); }

  T* data() { return reinterpret_cast<T*>(block_ + before); }
  const T* data() const { return reinterpret_cast<const T*>(block_ + before); }
  i64 size() const { return n_; }
  T& operator[](i64 i) { return data()[i]; }
  const T& operator[](i64 i) const { return data()[i]; }
  operator T*() { return data(); }
  operator const T*() const { return data(); }

 private:
  static constexpr size_t before = read_slack, behind = sanitized ? read_slack : 4 * read_slack;
  static constexpr unsigned char poison_byte = 0xff;
  static bool is_poison(const unsigned char* band, size_t bytes) {
    return band[0] == poison_byte && std::memcmp(band, band + 1, bytes - 1) == 0;
  }
  unsigned char* block_;
  i64 n_;
};

// A context of `threads` workers. Scratch comes poisoned and guarded; without threads (WASM) workers take turns.
class Workers : public Context {
 public:
  explicit Workers(int threads);
  i64 scratch_left = -1;  // that many more calls of scratch succeed; -1: all

 private:
  std::vector<std::unique_ptr<Buffer<double>>> blocks_;
};

// A reproducible stream of numbers: the same on every machine.
class Random {
 public:
  explicit Random(u64 seed = 1) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  u32 next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<u32>(state_ >> 33);
  }
  i64 between(i64 low, i64 high) { return low + next() % (high - low + 1); }  // both included
  double uniform() { return (next() + 0.5) / 2147483648.0; }                  // in (0, 1)
  i32 of(std::initializer_list<i32> list) { return list.begin()[next() % list.size()]; }

 private:
  u64 state_;
};

// Whole numbers, so that sums are exact in any order; and reals in (-1, 1).
template <class T = float>
Buffer<T> integers(i64 n, i64 low = -3, i64 high = 3, u64 seed = 1) {
  Buffer<T> buffer(n);
  Random random(seed);
  for (i64 i = 0; i < n; i++) buffer[i] = static_cast<T>(random.between(low, high));
  return buffer;
}
template <class T = float>
Buffer<T> reals(i64 n, u64 seed = 1) {
  Buffer<T> buffer(n);
  Random random(seed);
  for (i64 i = 0; i < n; i++) buffer[i] = static_cast<T>(2 * random.uniform() - 1);
  return buffer;
}
template <class To, class From>
Buffer<To> converted(const Buffer<From>& x) {
  Buffer<To> buffer(x.size());
  for (i64 i = 0; i < x.size(); i++) buffer[i] = static_cast<To>(x[i]);
  return buffer;
}

template <class T, class U>
void check_close(const Buffer<T>& got, const Buffer<U>& expected, double tolerance, const char* file, int line) {
  comparisons++;
  if (!got.intact()) fail(file, line, "written outside the buffer");
  if (got.size() != expected.size()) return fail(file, line, "sizes differ");
  if (std::is_same<T, U>::value && std::memcmp(got.data(), expected.data(), got.size() * sizeof(T)) == 0) return;
  for (i64 i = 0; i < got.size(); i++) {
    double a = static_cast<double>(got[i]), b = static_cast<double>(expected[i]);
    bool same = (a == b && std::signbit(a) == std::signbit(b)) || (a != a && b != b);
    bool close = tolerance > 0 && std::fabs(a - b) <= tolerance * std::fmax(1, std::fabs(b));
    if (!same && !close)
      return fail(file, line,
                  "element " + std::to_string(i) + " of " + std::to_string(got.size()) + ": got " + std::to_string(a) +
                      ", expected " + std::to_string(b));
  }
}

// f(kernels, context) for every instruction set of this build and CPU, with 1, 2 and 5 workers each.
template <class F>
void on_every_backend(const F& f) {
  std::string names = available_isas();
  for (size_t at = 0; at < names.size();) {
    size_t end = std::min(names.find(' ', at), names.size());
    const Isa* isa = find_isa(names.substr(at, end - at).c_str());
    at = end + 1;
    if (sweeping && std::strcmp(isa->name, "reference") == 0) continue;
    for (int threads : {1, 2, 5}) {
      backend = std::string(isa->name) + ", " + std::to_string(threads) + " workers";
      Workers context(threads);
      f(isa->kernels, static_cast<Context&>(context));
    }
    backend.clear();
  }
}

}  // namespace quern::test
