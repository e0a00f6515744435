// What the engine and every kernel agree on: arguments of each op, the context a kernel runs in, the table of kernels.
#pragma once
#include <cstddef>
#include <cstdint>

namespace quern {

using u8 = std::uint8_t;
using i32 = std::int32_t;
using u32 = std::uint32_t;
using i64 = std::int64_t;
using u64 = std::uint64_t;

enum class DType : u32 { float32, float64, int32, uint8, boolean };

#define QUERN_UNARY(name) name,
enum class Unary : i32 {
#include "../ops.def"
};
#define QUERN_BINARY(name) name,
enum class Binary : i32 {
#include "../ops.def"
};
#define QUERN_COMPARE(name) name,
enum class Compare : i32 {
#include "../ops.def"
};
#define QUERN_REDUCE(name) name,
enum class Reduce : i32 {
#include "../ops.def"
};

// args::conv2d<float> and so on: one struct per op, its fields as ops.def names them. An absent operand is null.
// OPERANDS(f) becomes f and f_count, LIST(f) becomes f (int32 words) and f_count.
namespace args {
#define OUT(f) T* f;
#define IN(f) const T* f;
#define OUT_AS(t, f) t* f;
#define IN_AS(t, f) const t* f;
#define I(f) i32 f;
#define F(f) float f;
#define D(f) double f;
#define OPERANDS(f) \
  T* const* f;      \
  i32 f##_count;
#define LIST(f) \
  const i32* f; \
  i32 f##_count;
#define QUERN_OP(name, types, ...) \
  template <class T>               \
  struct name {                    \
    __VA_ARGS__                    \
  };
#include "../ops.def"
#undef OUT
#undef IN
#undef OUT_AS
#undef IN_AS
#undef I
#undef F
#undef D
#undef OPERANDS
#undef LIST
}  // namespace args

// What a kernel may ask of the engine while it runs.
struct Context {
  int threads;  // workers that parallel() may use, at least 1
  // Runs fn(closure, task, worker) for each task in [0, tasks), worker < threads. Neighbouring tasks mostly fall to one
  // worker, but any may take any: only memory to work in may depend on it.
  void (*run)(Context&, i64 tasks, void (*fn)(void* closure, i64 task, int worker), void* closure);
  // 64-byte aligned memory that lives until the command ends; null when there is none: the kernel then returns at
  // once and the engine reports it.
  void* (*scratch)(Context&, i64 bytes);
};

// One kernel per op for the dtype T; null where T has none.
template <class T>
struct Table {
#define QUERN_OP(name, types, ...) void (*name)(const args::name<T>&, Context&);
#include "../ops.def"
};
using Kernels = Table<float>;

// Every buffer may be read this many bytes past its end (never written), so tails load whole vectors.
constexpr i64 read_slack = 256;

}  // namespace quern
