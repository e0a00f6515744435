// The C ABI: all that a host (the N-API addon, the WASM worker, a C++ test) knows of the engine.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct quern_engine quern_engine;

enum quern_failure_kind { QUERN_OK = 0, QUERN_OUT_OF_MEMORY = 1, QUERN_BAD_COMMAND = 2, QUERN_POISONED = 3 };

// What failed first since quern_error was last called.
typedef struct {
  uint32_t kind;    // quern_failure_kind
  uint32_t opcode;  // of the command that failed
  uint32_t buffer;  // the buffer concerned, 0 if none
  double bytes;     // that were asked for
} quern_failure;

typedef struct {
  double live, peak, reserved;  // bytes in tensors now, at most so far, and taken from the system
  uint32_t threads;
  const char* isa;
  const char* available;  // every instruction set this build and CPU have, best first, separated by spaces
} quern_state;

// Opens an engine; isa null or "" picks the best, threads < 1 one per usable core. Null where the CPU or build lacks
// isa.
quern_engine* quern_open(const char* isa, int threads);
void quern_close(quern_engine*);

// Runs n words of commands in order (see ops.def) and blocks until done. Returns 0, or 1 when one failed: what depends
// on it was skipped, everything else ran. With *stop set by another thread it returns between two commands.
int quern_run(quern_engine*, const uint32_t* words, size_t n, const volatile int* stop);

// Copies bytes into or out of a buffer. Returns 0, or 1 when the buffer does not hold a value.
int quern_write(quern_engine*, uint32_t buffer, size_t offset, const void* source, size_t bytes);
int quern_read(quern_engine*, uint32_t buffer, size_t offset, void* target, size_t bytes);

// Takes the earliest failure; kind is QUERN_OK when there is none.
void quern_error(quern_engine*, quern_failure*);

// May be called from any thread.
void quern_info(quern_engine*, quern_state*);

#ifdef __cplusplus
}
#endif
