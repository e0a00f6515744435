// The engine behind the ABI: decodes commands, resolves buffer ids, runs kernels, keeps the earliest failure.
#include "abi.h"

#include <atomic>
#include <cstring>
#include <new>
#include <vector>

#include "arena.h"
#include "dispatch.h"
#include "kernels/reference.h"
#include "pool.h"

namespace quern {

enum class Opcode : u32 {
#define QUERN_CONTROL(name, ...) name,
#define QUERN_OP(name, types, ...) name,
#include "ops.def"
};

struct Buffer {
  void* data = nullptr;
  size_t bytes = 0;
  bool poisoned = true;  // holds no value: never allocated, or made from one that could not be
};

struct Tables {
  const Kernels* f32;
  Table<double> f64 = reference::table<double>();
  Table<i32> int32 = reference::table<i32>();
  Table<u8> uint8 = reference::table<u8>();
};

struct EngineContext : Context {
  quern_engine* engine;
};

}  // namespace quern

using namespace quern;

struct quern_engine {
  const Isa* isa = nullptr;
  std::atomic<int> threads{1};
  Tables tables;
  Arena arena;
  EngineContext context;
  std::vector<Buffer> buffers;
  std::vector<void*> operands;  // of the command being run, for OPERANDS
  struct Scratch {
    void* block;
    size_t bytes;
  };
  std::vector<Scratch> scratch;
  quern_failure failure{};
  u32 opcode = 0;
  bool failed = false;  // something in this call of run did

  void fail(u32 kind, u32 buffer, double bytes) {
    failed = true;
    if (failure.kind == QUERN_OK) failure = {kind, opcode, buffer, bytes};
  }
  Buffer* find(u32 id) { return id < buffers.size() ? &buffers[id] : nullptr; }
  void alloc(u32 id, u64 bytes);
  void free(u32 id);
  void free_scratch();
  void set_threads(int n);
  bool run_command(const u32* words, u32 length);
};

namespace quern {

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

static void run_in_pool(Context& context, i64 tasks, void (*fn)(void*, i64, int), void* closure) {
  pool::run(context.threads, tasks, fn, closure);
}

static void* take_scratch(Context& context, i64 bytes) {
  quern_engine& e = *static_cast<EngineContext&>(context).engine;
  void* block = e.arena.take(size_t(bytes));
  if (block)
    e.scratch.push_back({block, size_t(bytes)});
  else
    e.fail(QUERN_OUT_OF_MEMORY, 0, double(bytes));
  return block;
}

}  // namespace quern

void quern_engine::alloc(u32 id, u64 bytes) {
  if (id >= buffers.size()) buffers.resize(size_t(id) + 64 + buffers.size() / 2);
  Buffer& b = buffers[id];
  if (b.data) return fail(QUERN_BAD_COMMAND, id, double(bytes));
  bool possible = bytes <= size_t(-1);
  b = {possible ? arena.take(size_t(bytes)) : nullptr, size_t(bytes), false};
  if (!b.data) {
    b.poisoned = true;
    fail(QUERN_OUT_OF_MEMORY, id, double(bytes));
  }
}

void quern_engine::free(u32 id) {
  Buffer* b = find(id);
  if (!b || !b->data) return;
  arena.give(b->data, b->bytes);
  *b = {};
}

void quern_engine::free_scratch() {
  for (const Scratch& s : scratch) arena.give(s.block, s.bytes);
  scratch.clear();
}

void quern_engine::set_threads(int n) {
  context.threads = n < 1 ? pool::cores() : n > 1024 ? 1024 : n;
  threads.store(context.threads, std::memory_order_relaxed);
  pool::grow(context.threads);
}

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

quern_engine* quern_open(const char* name, int threads) {
  const Isa* isa = find_isa(name);
  if (!isa) return nullptr;
  auto* engine = new (std::nothrow) quern_engine;
  if (!engine) return nullptr;
  engine->isa = isa;
  engine->tables.f32 = &isa->kernels;
  engine->context.run = run_in_pool;
  engine->context.scratch = take_scratch;
  engine->context.engine = engine;
  pool::retain();
  engine->set_threads(threads);
  return engine;
}

void quern_close(quern_engine* engine) {
  if (!engine) return;
  for (size_t id = 0; id < engine->buffers.size(); id++) engine->free(u32(id));
  delete engine;
  pool::release();
}

int quern_run(quern_engine* engine, const uint32_t* words, size_t n, const volatile int* stop) {
  engine->failed = false;
  for (const u32 *at = words, *end = words + n; at < end && !(stop && *stop);) {
    u32 length = end - at >= 2 ? at[1] : 0;
    if (length < 2 || length > size_t(end - at) || !engine->run_command(at, length)) {
      engine->fail(QUERN_BAD_COMMAND, 0, 0);
      break;
    }
    at += length;
  }
  return engine->failed;
}

static void* place(quern_engine* engine, u32 id, size_t offset, size_t bytes, bool reading) {
  Buffer* b = engine->find(id);
  engine->opcode = ~0u;
  if (!b || !b->data || (reading && b->poisoned)) return engine->fail(QUERN_POISONED, id, double(bytes)), nullptr;
  if (offset > b->bytes || bytes > b->bytes - offset)
    return engine->fail(QUERN_BAD_COMMAND, id, double(bytes)), nullptr;
  return static_cast<char*>(b->data) + offset;
}

int quern_write(quern_engine* engine, uint32_t buffer, size_t offset, const void* source, size_t bytes) {
  void* target = place(engine, buffer, offset, bytes, false);
  if (!target) return 1;
  if (bytes) std::memcpy(target, source, bytes);
  return 0;
}

int quern_read(quern_engine* engine, uint32_t buffer, size_t offset, void* target, size_t bytes) {
  const void* source = place(engine, buffer, offset, bytes, true);
  if (!source) return 1;
  if (bytes) std::memcpy(target, source, bytes);
  return 0;
}

void quern_error(quern_engine* engine, quern_failure* failure) {
  *failure = engine->failure;
  engine->failure = {};
}

void quern_info(quern_engine* engine, quern_state* state) {
  const Arena& a = engine->arena;
  *state = {double(a.live()),  double(a.peak()), double(a.reserved()), u32(engine->threads.load()),
            engine->isa->name, available_isas()};
}
