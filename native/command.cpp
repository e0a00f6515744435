// Decodes commands: reads their fields, resolves buffer ids, runs kernels.
#include <cstring>

#include "engine.h"

using namespace quern;

namespace quern {

enum class Opcode : u32 {
#define QUERN_CONTROL(name, ...) name,
#define QUERN_OP(name, types, ...) name,
#include "ops.def"
};

// Reads one command's fields in order.
struct Reader {
  quern_engine& engine;
  const u32* at;
  const u32* end;
  bool poisoned = false, malformed = false;
  u32 outputs[4] = {};
  int output_count = 0;

  u32 word() {
    if (at < end) return *at++;
    malformed = true;
    return 0;
  }
  double f64() {
    u64 low = word(), high = word(), bits = low | high << 32;
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  float f32() {
    u32 bits = word();
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  template <class T>
  T* operand(bool output) {
    u32 id = word(), offset = word();
    if (id == 0) return nullptr;
    Buffer* buffer = engine.find(id);
    if (!buffer || !buffer->data) {
      poisoned = true;
      return nullptr;
    }
    if (output) {
      if (output_count < 4) outputs[output_count++] = id;
    } else if (buffer->poisoned) {
      poisoned = true;
    }
    return static_cast<T*>(buffer->data) + offset;
  }
  // In-place operands of optimisers count as inputs: they keep their value when the command is skipped.
  template <class T>
  T* const* operands(i32& count) {
    count = i32(word());
    if (count < 0 || end - at < 2 * i64(count)) {
      malformed = true;
      return nullptr;
    }
    engine.operands.resize(size_t(count));
    for (void*& p : engine.operands) p = const_cast<std::remove_const_t<T>*>(operand<T>(false));
    return reinterpret_cast<T* const*>(engine.operands.data());
  }
  const i32* list(i32& count) {
    count = i32(end - at);
    const i32* words = reinterpret_cast<const i32*>(at);
    at = end;
    return words;
  }
};

#define OUT(f) a.f = r.operand<T>(true);
#define IN(f) a.f = r.operand<T>(false);
#define OUT_AS(t, f) a.f = r.operand<t>(true);
#define IN_AS(t, f) a.f = r.operand<t>(false);
#define I(f) a.f = i32(r.word());
#define F(f) a.f = r.f32();
#define D(f) a.f = r.f64();
#define OPERANDS(f) a.f = r.operands<T>(a.f##_count);
#define LIST(f) a.f = r.list(a.f##_count);
#define QUERN_OP(name, types, ...)                  \
  template <class T>                                \
  static void decode(Reader& r, args::name<T>& a) { \
    __VA_ARGS__                                     \
  }
#include "ops.def"
#undef OUT
#undef IN
#undef OUT_AS
#undef IN_AS
#undef I
#undef F
#undef D
#undef OPERANDS
#undef LIST

template <class Args>
static void execute(Reader& r, Context& context, void (*kernel)(const Args&, Context&)) {
  quern_engine& e = r.engine;
  if (!kernel) return e.fail(QUERN_BAD_COMMAND, 0, 0);
  Args a;
  decode(r, a);
  if (r.malformed || r.at != r.end) return e.fail(QUERN_BAD_COMMAND, 0, 0);
  size_t failures = e.failed;
  e.failed = false;
  if (!r.poisoned) kernel(a, context);
  bool bad = r.poisoned || e.failed;
  e.failed = failures || e.failed;
  for (int i = 0; i < r.output_count; i++) e.buffers[r.outputs[i]].poisoned = bad;
  e.free_scratch();
}

}  // namespace quern

bool quern_engine::run_command(const u32* words, u32 length) {
  opcode = words[0] & 0xffff;
  DType dtype = DType(words[0] >> 16);
  Reader r{*this, words + 2, words + length};
  switch (Opcode(opcode)) {
    case Opcode::alloc: {
      u32 id = r.word(), low = r.word();
      alloc(id, low | u64(r.word()) << 32);
      return true;
    }
    case Opcode::free:
      free(r.word());
      return true;
    case Opcode::set_threads:
      set_threads(i32(r.word()));
      return true;
#define QUERN_OP(name, types, ...)              \
  case Opcode::name:                            \
    switch (dtype) {                            \
      case DType::float32:                      \
        execute(r, context, tables.f32->name);  \
        return true;                            \
      case DType::float64:                      \
        execute(r, context, tables.f64.name);   \
        return true;                            \
      case DType::int32:                        \
        execute(r, context, tables.int32.name); \
        return true;                            \
      default:                                  \
        execute(r, context, tables.uint8.name); \
        return true;                            \
    }
#include "ops.def"
  }
  return false;
}
