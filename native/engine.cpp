// The engine behind the ABI: buffers, scratch memory and threads; command.cpp runs what the stream says.
#include "engine.h"

#include <cstring>
#include <new>

#include "pool.h"

using namespace quern;

namespace quern {

static void run_in_pool(Context& context, i64 tasks, void (*fn)(void*, i64, int), void* closure) {
  pool::run(context.threads, tasks, fn, closure);
}

static void* take_scratch(Context& context, i64 bytes) {
  quern_engine& e = *static_cast<EngineContext&>(context).engine;
  void* block = e.arena.take(u64(bytes));
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
  b = {arena.take(bytes), size_t(bytes), false};
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
