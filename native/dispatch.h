// Which kernels run: one table per instruction set, chosen once by name or from what the CPU has.
#pragma once
#include "kernels/kernels.h"

namespace quern {

struct Isa {
  const char* name;
  Kernels kernels;
};

// The best instruction set, or the one named; null where this build or CPU lacks it. "reference" is always there.
const Isa* find_isa(const char* name);

// Names of all that are usable here, best first, separated by spaces.
const char* available_isas();

}  // namespace quern
