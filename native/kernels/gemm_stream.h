// Matrix product with a few rows of a: every element of b is met once or twice, so b is read in the order of memory and
// the sums wait in L1.
#pragma once
#include "pack.h"

namespace quern::QUERN_ISA {

constexpr int stream_rows = 4;          // of a, at most
constexpr i64 stream_columns = 4096;    // of b in one task: their sums fit in L1
constexpr i64 stream_depth = 128;       // of k in one task, at least
constexpr i64 most_stream_slices = 16;  // of k
constexpr int stream_together = 8;      // rows of b

// sums(M,pitch) = or, if not first, += a(M,T) · b(T,columns)
template <int M, int T>
QUERN_INLINE void add_products(const args::matmul<float>& p, float* sums, i64 pitch, i64 columns, const float* a,
                               const float* b, bool first) {
  vf x[M][T];
  QUERN_UNROLL
  for (int i = 0; i < M * T; i++) x[i / T][i % T] = set1(a[i / T * p.a_row_stride + i % T * p.a_col_stride]);
  for (i64 c = 0; c < columns; c += W) {
    vf acc[M];
    QUERN_UNROLL
    for (int m = 0; m < M; m++) acc[m] = first ? vf{} : load(sums + m * pitch + c);
    QUERN_UNROLL
    for (int t = 0; t < T; t++) {
      const vf y = load(b + t * p.b_row_stride + c);
      QUERN_UNROLL
      for (int m = 0; m < M; m++) acc[m] += x[m][t] * y;
    }
    QUERN_UNROLL
    for (int m = 0; m < M; m++) store(sums + m * pitch + c, acc[m]);
  }
}

// sums(M,pitch) = a(M,depth) · b(depth,columns)
template <int M>
void stream_block(const args::matmul<float>& p, float* sums, i64 pitch, i64 columns, const float* a, const float* b,
                  i64 depth) {
  i64 k = 0;
  for (; k + stream_together <= depth; k += stream_together)
    add_products<M, stream_together>(p, sums, pitch, columns, a + k * p.a_col_stride, b + k * p.b_row_stride, k == 0);
  for (; k < depth; k++)
    add_products<M, 1>(p, sums, pitch, columns, a + k * p.a_col_stride, b + k * p.b_row_stride, k == 0);
}

// For m <= stream_rows, k > 0 and b contiguous along its rows.
inline void stream_matmul(const args::matmul<float>& p, Context& context, i64 work) {
  constexpr void (*blocks[])(const args::matmul<float>&, float*, i64, i64, const float*, const float*, i64) = {
      stream_block<1>, stream_block<2>, stream_block<3>, stream_block<4>};
  const i64 chunks = ceil_div(p.n, stream_columns), pitch = round_up(p.n, W);
  // Slices are for tasks, and each holds sums of its own: many products have tasks enough.
  const bool enough = p.batch * chunks >= 8 * i64(context.threads);
  const i64 slices = enough ? 1 : max<i64>(1, min(p.k / stream_depth, most_stream_slices));
  float* sums = scratch<float>(context, p.batch * slices * p.m * pitch);
  if (!sums) return;
  for_tasks(context, work, p.batch * chunks * slices, [&](i64 i, int) {
    const i64 slice = i % slices, chunk = i / slices % chunks, batch = i / slices / chunks;
    const i64 k0 = p.k * slice / slices, k1 = p.k * (slice + 1) / slices, n0 = chunk * stream_columns;
    blocks[p.m - 1](p, sums + (batch * slices + slice) * p.m * pitch + n0, pitch, min(stream_columns, p.n - n0),
                    p.a + batch * p.a_batch_stride + k0 * p.a_col_stride,
                    p.b + batch * p.b_batch_stride + k0 * p.b_row_stride + n0, k1 - k0);
  });
  for_tasks(context, p.batch * slices * p.m * pitch, p.batch * p.m, [&](i64 i, int) {
    const i64 batch = i / p.m, m = i % p.m;
    const float* from = sums + (batch * slices * p.m + m) * pitch;
    float* out = p.out + batch * p.out_batch_stride + m * p.n;
    for (i64 c = 0; c < p.n; c += W) {
      vf y = p.bias ? load(p.bias + c) : vf{};
      for (i64 slice = 0; slice < slices; slice++) y += load(from + slice * p.m * pitch + c);
      store_lanes(out + c, p.relu ? max_or_b(vf{}, y) : y, p.n - c);
    }
  });
}

}  // namespace quern::QUERN_ISA
