#include "isa.h"

namespace quern::QUERN_ISA {

// Puts this instruction set's kernels into the table.
void install(Kernels& k) {
#define QUERN_OP(name, types, ...) k.name = name;
#include "../ops.def"
}

}  // namespace quern::QUERN_ISA
