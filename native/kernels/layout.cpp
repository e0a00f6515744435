// Filling, copying between layouts, and conversion between dtypes.
#include "../simd/math.h"
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

#if defined(__AVX512F__)
#define QUERN_INTERLEAVED_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define QUERN_INTERLEAVED_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif defined(__AVX2__)
#define QUERN_INTERLEAVED_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define QUERN_INTERLEAVED_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define QUERN_INTERLEAVED_LOW 0, 4, 1, 5
#define QUERN_INTERLEAVED_HIGH 2, 6, 3, 7
#endif

// One perfect shuffle of W·W elements; log2 W of them make a transposition (Stone 1971).
template <int step = 1>
QUERN_INLINE void transpose_registers(vf (&row)[W]) {
  if constexpr (step < W) {
    vf next[W];
    QUERN_UNROLL
    for (int i = 0; i < W / 2; i++) {
      next[2 * i] = __builtin_shufflevector(row[i], row[i + W / 2], QUERN_INTERLEAVED_LOW);
      next[2 * i + 1] = __builtin_shufflevector(row[i], row[i + W / 2], QUERN_INTERLEAVED_HIGH);
    }
    QUERN_UNROLL
    for (int i = 0; i < W; i++) row[i] = next[i];
    transpose_registers<2 * step>(row);
  }
}

// out(columns,rows) = x(rows,columns)ᵀ for a tile of at most W·W
QUERN_INLINE void transpose_tile(float* out, i64 out_stride, const float* x, i64 x_stride, i64 rows, i64 columns) {
  vf row[W];
  QUERN_UNROLL
  for (int i = 0; i < W; i++) row[i] = load(x + min<i64>(i, rows - 1) * x_stride);
  transpose_registers(row);
  if (rows == W && columns == W) {
    QUERN_UNROLL
    for (int i = 0; i < W; i++) store(out + i * out_stride, row[i]);
  } else {
    for (i64 i = 0; i < columns; i++) store_first(out + i * out_stride, row[i], static_cast<int>(rows));
  }
}

void copy_rows(float* out, const float* x, const Nest<2>& nest, Context& context) {
  const i64 so = nest.inner_stride(0), sx = nest.inner_stride(1);
  for_rows(context, nest, [&](const i64* at, i64 n) {
    float* o = out + at[0];
    const float* p = x + at[1];
    if (so == 1 && sx == 1)
      __builtin_memcpy(o, p, n * sizeof(float));
    else
      for (i64 i = 0; i < n; i++) o[i * so] = p[i * sx];
  });
}

// The innermost dim is contiguous in out, dim d in x: tiles of these two are transposed in registers.
void copy_transposed(float* out, const float* x, const Nest<2>& nest, int d, Context& context) {
  const int last = nest.rank - 1;
  const i64 rows = nest.shape[last], x_stride = nest.stride[1][last];
  const i64 columns = nest.shape[d], out_stride = nest.stride[0][d];
  Nest<2> outer;
  for (int k = 0; k < last; k++) {
    if (k == d) continue;
    outer.shape[outer.rank] = nest.shape[k];
    for (int j = 0; j < 2; j++) outer.stride[j][outer.rank] = nest.stride[j][k];
    outer.rank++;
  }
  constexpr i64 band = 64, stretch = 256;  // columns and rows of one task: 64 KB of each operand
  const i64 bands = ceil_div(columns, band), stretches = ceil_div(rows, stretch);
  const i64 tasks = nest.size / (rows * columns) * bands * stretches;
  parallel_if(context, nest.size, tasks, [&](i64 task, int) {
    const Walk<2> walk(outer, outer.rank, task / (bands * stretches));
    const i64 c0 = task / stretches % bands * band, r0 = task % stretches * stretch;
    for (i64 r = r0; r < min(rows, r0 + stretch); r += W)
      for (i64 c = c0; c < min(columns, c0 + band); c += W)
        transpose_tile(out + walk.offset[0] + c * out_stride + r, out_stride, x + walk.offset[1] + r * x_stride + c,
                       x_stride, min<i64>(W, rows - r), min<i64>(W, columns - c));
  });
}

template <class From>
void convert(float* out, const From* x, i64 n, Context& context) {
  for_chunks(context, n, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i++) out[i] = static_cast<float>(x[i]);
  });
}

// f(i, n): lanes of element i and on, n of them wanted
template <class F>
void for_vectors(Context& context, i64 n, const F& f) {
  for_chunks(context, n, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i += W) f(i, static_cast<int>(min<i64>(W, end - i)));
  });
}

}  // namespace

void fill(const args::fill<float>& a, Context& context) {
  const vf value = set1(static_cast<float>(a.value));
  for_vectors(context, a.n, [&](i64 i, int n) {
    if (n == W)
      store(a.out + i, value);
    else
      store_first(a.out + i, value, n);
  });
}

void copy(const args::copy<float>& a, Context& context) {
  const Nest<2> nest = make_nest<2>(a.layout, a.rank);
  if (nest.size == 0) return;
  if (nest.inner_stride(0) == 1 && nest.inner_stride(1) != 1)
    for (int d = 0; d < nest.rank - 1; d++)
      if (nest.stride[1][d] == 1 && nest.shape[d] >= 4) return copy_transposed(a.out, a.x, nest, d, context);
  copy_rows(a.out, a.x, nest, context);
}

void to_float(const args::to_float<float>& a, Context& context) {
  const void* x = a.x;
  switch (static_cast<DType>(a.from)) {
    case DType::float32:
      return convert(a.out, static_cast<const float*>(x), a.n, context);
    case DType::float64:
      return convert(a.out, static_cast<const double*>(x), a.n, context);
    case DType::int32:
      return convert(a.out, static_cast<const i32*>(x), a.n, context);
    case DType::uint8:
      return convert(a.out, a.x, a.n, context);
    case DType::boolean:
      return for_chunks(context, a.n, [&](i64 begin, i64 end) {
        for (i64 i = begin; i < end; i++) a.out[i] = a.x[i] ? 1.f : 0.f;
      });
  }
}

void to_int32(const args::to_int32<float>& a, Context& context) {
  for_vectors(context, a.n, [&](i64 i, int n) {
    const vf x = load(a.x + i);
    vi v = __builtin_convertvector(x, vi);  // outside the range each machine has its own answer
    v = x >= 0x1p31f ? set1(INT32_MAX) : v;
    v = x > -0x1p31f ? v : set1(INT32_MIN);
    if (n == W)
      store(a.out + i, v);
    else
      for (int k = 0; k < n; k++) a.out[i + k] = v[k];
  });
}

void to_uint8(const args::to_uint8<float>& a, Context& context) {
  for_vectors(context, a.n, [&](i64 i, int n) {
    const vf x = min_or_b(max_or_b(load(a.x + i), vf{}), set1(255.f));
    store_bytes(a.out + i, __builtin_convertvector(x, vi), n);
  });
}

void to_bool(const args::to_bool<float>& a, Context& context) {
  for_vectors(context, a.n, [&](i64 i, int n) { store_bytes(a.out + i, (load(a.x + i) != 0.f) & 1, n); });
}

}  // namespace quern::QUERN_ISA
