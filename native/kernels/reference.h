// The references: naive loops that read like the formula, for every dtype an op exists in. They are the oracle of the
// tests, they serve every dtype but float32, and QUERN_ISA=reference runs float32 on them too.
#pragma once
#include "kernels.h"

namespace quern::reference {

#define QUERN_OP(name, types, ...) \
  template <class T>               \
  void name(const args::name<T>&, Context&);
#include "../ops.def"

// Fills the table: all ops for float and double, the ANY ops for i32 and u8.
template <class T>
Table<T> table();

}  // namespace quern::reference
