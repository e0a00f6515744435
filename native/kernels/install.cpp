#include "isa.h"

namespace quern::QUERN_ISA {

// Puts this instruction set's kernels into the table; what it leaves stays the reference.
void install(Kernels& k) {
  (void)k;
}

}  // namespace quern::QUERN_ISA
