// What wasm/worker.mjs relies on when it reads the ABI's structs by offset.
#include "abi.h"

static_assert(offsetof(quern_failure, bytes) == 16 && sizeof(quern_failure) == 24);
static_assert(offsetof(quern_state, threads) == 24 && offsetof(quern_state, isa) == 28 &&
              offsetof(quern_state, available) == 32);
