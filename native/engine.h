// The engine's state: buffers by id, the arena they come from, the earliest failure.
#pragma once
#include <atomic>
#include <vector>

#include "abi.h"
#include "arena.h"
#include "dispatch.h"
#include "kernels/reference.h"

namespace quern {

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

struct quern_engine {
  const quern::Isa* isa = nullptr;
  std::atomic<int> threads{1};
  quern::Tables tables;
  quern::Arena arena;
  quern::EngineContext context;
  std::vector<quern::Buffer> buffers;
  std::vector<void*> operands;  // of the command being run, for OPERANDS
  struct Scratch {
    void* block;
    size_t bytes;
  };
  std::vector<Scratch> scratch;
  quern_failure failure{};
  quern::u32 opcode = 0;
  bool failed = false;  // something in this call of run did

  void fail(quern::u32 kind, quern::u32 buffer, double bytes) {
    failed = true;
    if (failure.kind == QUERN_OK) failure = {kind, opcode, buffer, bytes};
  }
  quern::Buffer* find(quern::u32 id) { return id < buffers.size() ? &buffers[id] : nullptr; }
  void alloc(quern::u32 id, quern::u64 bytes);
  void free(quern::u32 id);
  void free_scratch();
  void set_threads(int n);
  // Decodes a command and runs its kernel; false if there is no such opcode.
  bool run_command(const quern::u32* words, quern::u32 length);
};
