#include "reference.h"

#include <type_traits>

#include "adaptive_max_pool.reference.h"
#include "avg_pool.reference.h"
#include "batch_norm.reference.h"
#include "conv.reference.h"
#include "elementwise.reference.h"
#include "gemm.reference.h"
#include "index.reference.h"
#include "layer_norm.reference.h"
#include "layout.reference.h"
#include "optim.reference.h"
#include "pool.reference.h"
#include "random.reference.h"
#include "reduce.reference.h"
#include "softmax.reference.h"

namespace quern::reference {

template <class T>
Table<T> table() {
  Table<T> t{};
#define FLOAT std::is_floating_point_v<T>
#define ANY true
#define QUERN_OP(name, types, ...) \
  if constexpr (types) t.name = name<T>;
#include "../ops.def"
#undef FLOAT
#undef ANY
  return t;
}

template Table<float> table<float>();
template Table<double> table<double>();
template Table<i32> table<i32>();
template Table<u8> table<u8>();

}  // namespace quern::reference
