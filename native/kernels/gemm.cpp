#include "gemm_dot.h"
#include "gemm_stream.h"
#include "pack.h"

namespace quern::QUERN_ISA {

namespace {

using Args = args::matmul<float>;

constexpr i64 k_block = 512;        // rows of a packed panel of B: 64 KB with AVX-512
constexpr i64 panels_together = 8;  // of B, packed at once: rows of B are read in longer pieces
constexpr i64 m_block = 266;        // rows of A that meet every panel in turn; with k_block they fill a good part of L2
// Floats of a B that tiles read as quickly where it lies: the more rows a tile has, the less often they do.
constexpr i64 small_b = i64(W < 16 ? 4 : 16) << 10;
// Multiply-adds from which on waiting for one packing of B is short, by measurement. A transposed A is then copied too,
// instead of read a piece of each of its lines at a time.
constexpr i64 large_work(bool transposed_a) { return i64(1) << (W < 16 || transposed_a ? 26 : 28); }
constexpr i64 most_shared = i64(16) << 20;  // floats of a packed B that all tasks share

// How one product is cut into tasks, and what is copied before use. Both depend on shapes and threads alone.
struct Plan {
  i64 m_blocks, n_chunks, k_blocks;
  i64 block_m, chunk_n, group_n, block_k;
  bool pack_b, share_b, pack_a;  // share_b: all of B is packed before the tasks begin, else each packs what it needs
  A kind;                        // where the tiles find A; a copy is always in steps
  float *memory, *shared;
  i64 b_floats, shared_floats, worker_floats;
};

i64 greatest_common_divisor(i64 a, i64 b) { return b == 0 ? a : greatest_common_divisor(b, a % b); }

// Tasks of equal size. Large products are cut into blocks of rows, which share one packing of B; small ones rather into
// chunks of columns, which need not wait for one.
void cut(Plan& plan, const Args& p, int threads) {
  const i64 panels = ceil_div(p.n, NR), blocks = ceil_div(p.m, m_block);
  const bool large = p.batch == 1 && i64(p.m) * p.n * p.k >= large_work(p.a_row_stride == 1) && p.m >= 4 * MR * threads;
  plan.m_blocks = large ? max(blocks, min<i64>(4 * threads, p.m / (8 * MR))) : blocks;
  if (large && plan.m_blocks > threads) plan.m_blocks = round_up(plan.m_blocks, threads);
  plan.n_chunks = 1;
  if (const i64 tasks = p.batch * plan.m_blocks; large && tasks < 2 * threads) {
    plan.n_chunks = max<i64>(1, min(panels / 4, ceil_div(4 * threads, tasks)));
  } else if (tasks < 4 * threads && !large) {
    const i64 rest = threads / greatest_common_divisor(panels, threads);
    if (panels >= 4 * threads)
      plan.n_chunks = min<i64>(4, panels / (2 * threads)) * threads;
    else if (rest > 1 && p.m >= 4 * MR * rest)
      plan.n_chunks = threads / rest, plan.m_blocks = round_up(plan.m_blocks, rest);
    else
      plan.n_chunks = min<i64>(panels, threads);
  }
  plan.block_m = ceil_div(ceil_div(p.m, MR), plan.m_blocks) * MR;
  plan.chunk_n = ceil_div(panels, plan.n_chunks) * NR;
  plan.share_b = large && plan.m_blocks > 1 && i64(p.k) * p.n <= most_shared;
}

Plan make_plan(const Args& p, int threads) {
  Plan plan{};
  plan.k_blocks = max<i64>(1, ceil_div(p.k, k_block));
  plan.block_k = ceil_div(p.k, plan.k_blocks);
  cut(plan, p, threads);

  // A copy of B pays once it serves a few tiles; a copy of A, once it serves a few panels.
  plan.pack_b = p.b_col_stride != 1 || (plan.block_m > 2 * MR && i64(p.k) * p.n > small_b);
  plan.share_b = plan.share_b && plan.pack_b;
  const bool rows = p.a_col_stride == 1, steps = p.a_row_stride == 1;
  const bool wide = plan.chunk_n > 4 * NR;
  // Rows that lie a multiple of 4 KB apart share one set of L1.
  const bool collide = p.a_row_stride % 1024 == 0 && plan.block_m > 4;
  plan.pack_a = copy_a ? !steps || wide : steps ? wide && p.m > 1 : !rows || (wide && collide);
  plan.kind = plan.pack_a || (steps && !rows) ? A::steps : A::rows;
  plan.group_n = min<i64>(panels_together, ceil_div(plan.chunk_n, NR)) * NR;
  plan.shared_floats = plan.share_b ? i64(p.k) * round_up(p.n, W) + NR : 0;
  plan.b_floats = plan.pack_b && !plan.share_b ? plan.block_k * plan.group_n : 0;
  plan.worker_floats = round_up(plan.b_floats + (plan.pack_a ? plan.block_m * plan.block_k : 0) + NR, 16);
  return plan;
}

// The copy of a(m,k), tile after tile in k-major order.
void copy_block(const Args& p, float* out, const float* a, i64 m, i64 k) {
  if (p.a_row_stride == 1) {
    // A few rows of memory at a time, while the next are fetched. A store's surplus lanes are written again by the next
    // steps'; after the last another tile may begin.
    constexpr i64 step = 8;
    for (i64 j = 0; j < k; j += step, a += step * p.a_col_stride) {
      const i64 end = min(step, k - j), next = j + step < k ? step * p.a_col_stride : 0;
      for_tiles(m, [&](i64 i, int rows) {
        for (i64 l = 0; l < end; l++)
          for (int v = 0; v < rows; v += W) {
            const float* from = a + l * p.a_col_stride + i + v;
            __builtin_prefetch(from + next);
            store_lanes(out + i * k + (j + l) * rows + v, load(from), (k - j - l) * rows - v);
          }
      });
    }
    return;
  }
  for_tiles(m, [&](i64 i, int rows) {
    float* tile = out + i * k;
    const float* from = a + i * p.a_row_stride;
    i64 offset[MR];
    for (int r = 0; r < rows; r++) offset[r] = r * p.a_row_stride;
    if (p.a_col_stride == 1) return pack_rows(tile, from, offset, rows, k);
    for (i64 j = 0; j < k; j++)
      for (int r = 0; r < rows; r++) tile[j * rows + r] = from[offset[r] + j * p.a_col_stride];
  });
}

// One panel of C: all tiles of m rows. `a` is the block of A, or its copy; `next` the full panel of a shared B to come,
// null if none: it comes from memory, so each tile fetches its part.
void run_panel(const Plan& plan, const Args& p, Tile t, const float* a, i64 m, const float* next) {
  float* c = t.c;
  t.ahead_step = ceil_div(NR, ceil_div(m, MR));
  for_tiles(m, [&](i64 i, int rows) {
    t.c = c + i * p.n;
    if (next) t.ahead = next + i * NR * t.run / m;
    if (plan.kind == A::rows) {
      t.a = a + i * p.a_row_stride;
      run_tile<A::rows>(rows, t);
    } else {
      t.a = plan.pack_a ? a + i * t.run : a + i;
      t.a_step = plan.pack_a ? rows : p.a_col_stride;
      run_tile<A::steps>(rows, t);
    }
  });
}

// Rows [m0, m0+m) and columns [n0, n0+n) of one product.
void run_block(const Plan& plan, const Args& p, float* out, const float* a, const float* b, i64 m0, i64 m, i64 n0,
               i64 n, float* memory) {
  float *b_copy = memory, *a_copy = memory + plan.b_floats;
  const i64 zero = 0;
  i64 a_offset[MR], c_offset[MR];
  for (int i = 0; i < MR; i++) a_offset[i] = i * p.a_row_stride, c_offset[i] = i64(i) * p.n;

  for (i64 block = 0; block < plan.k_blocks; block++) {
    const i64 k0 = block * plan.block_k, k = min<i64>(plan.block_k, p.k - k0);
    const float* a_block = a + m0 * p.a_row_stride + k0 * p.a_col_stride;
    if (plan.pack_a) copy_block(p, a_copy, a_block, m, k);
    for (i64 j = n0; j < n0 + n; j += NR) {
      const int columns = static_cast<int>(min<i64>(NR, n0 + n - j));
      const i64 width = columns > W ? NR : W, in_group = (j - n0) % plan.group_n;
      const float* b_block = b + k0 * p.b_row_stride + j * p.b_col_stride;
      if (plan.b_floats > 0 && in_group == 0)
        pack_panels(b_copy, b_block, p.b_row_stride, p.b_col_stride, k, min<i64>(plan.group_n, n0 + n - j));
      Tile t{};
      t.a_offset = a_offset, t.c_offset = c_offset, t.delta = &zero;
      t.taps = 1, t.run = k;
      t.b = plan.share_b ? plan.shared + k0 * round_up(p.n, W) + j * k : plan.pack_b ? b_copy + in_group * k : b_block;
      t.b_step = plan.pack_b ? width : p.b_row_stride;
      t.c = out + m0 * p.n + j;
      t.columns = columns;
      t.bias = p.bias && block == 0 ? p.bias + j : nullptr;
      t.accumulate = block > 0;
      t.relu = p.relu && block == plan.k_blocks - 1;
      const bool full_next = j + 2 * NR <= n0 + n;
      run_panel(plan, p, t, plan.pack_a ? a_copy : a_block, m, plan.share_b && full_next ? t.b + NR * k : nullptr);
    }
  }
}

// All of B, packed: block of k after block, panel after panel.
void pack_shared(const Plan& plan, const Args& p, Context& context, i64 work) {
  const i64 group = panels_together * NR, groups = ceil_div(p.n, group);
  for_tasks(context, work, plan.k_blocks * groups, [&](i64 i, int) {
    const i64 k0 = i / groups * plan.block_k, k = min<i64>(plan.block_k, p.k - k0), j = i % groups * group;
    float* out = plan.shared + k0 * round_up(p.n, W) + j * k;
    pack_panels(out, p.b + k0 * p.b_row_stride + j * p.b_col_stride, p.b_row_stride, p.b_col_stride, k,
                min<i64>(group, p.n - j));
  });
}

void blocked_matmul(const Args& p, Context& context, i64 work) {
  const int threads = work < serial_work ? 1 : context.threads;
  Plan plan = make_plan(p, threads);
  if (plan.share_b) {
    plan.shared = scratch<float>(context, plan.shared_floats);
    if (!plan.shared) return;
    pack_shared(plan, p, context, work);
  }
  if (plan.pack_a || plan.pack_b) {
    plan.memory = scratch<float>(context, plan.worker_floats * threads);
    if (!plan.memory) return;
  }
  const i64 per_product = plan.m_blocks * plan.n_chunks;
  // Cut between full tiles.
  const i64 tiles = ceil_div(p.m, MR), panels = ceil_div(p.n, NR);
  auto row = [&](i64 block) { return min<i64>(p.m, tiles * block / plan.m_blocks * MR); };
  auto column = [&](i64 chunk) { return min<i64>(p.n, panels * chunk / plan.n_chunks * NR); };
  auto task = [&](i64 i, int worker) {
    const i64 batch = i / per_product, block = i % per_product / plan.n_chunks, m0 = row(block);
    const i64 chunk = i % plan.n_chunks, n0 = column(chunk), m = row(block + 1) - m0, n = column(chunk + 1) - n0;
    if (m <= 0 || n <= 0) return;
    run_block(plan, p, p.out + batch * p.out_batch_stride, p.a + batch * p.a_batch_stride,
              p.b + batch * p.b_batch_stride, m0, m, n0, n, plan.memory + worker * plan.worker_floats);
  };
  for_tasks(context, work, p.batch * per_product, task);
}

// Cuts the longer side into tasks.
void dot_batches(const Args& p, Context& context, i64 work) {
  const bool rows = p.m > p.n;
  const i64 length = rows ? p.m : p.n, step = rows ? dot_rows : dot_columns, tiles = ceil_div(length, step);
  const i64 chunks = work < serial_work || p.batch >= 4 * context.threads ? 1 : min<i64>(tiles, 4 * context.threads);
  for_tasks(context, work, p.batch * chunks, [&](i64 i, int) {
    const i64 batch = i / chunks, chunk = i % chunks;
    const i64 begin = tiles * chunk / chunks * step, end = min(length, tiles * (chunk + 1) / chunks * step);
    dot_matmul(p, p.out + batch * p.out_batch_stride, p.a + batch * p.a_batch_stride, p.b + batch * p.b_batch_stride,
               rows ? begin : 0, rows ? end : p.m, rows ? 0 : begin, rows ? p.n : end);
  });
}

}  // namespace

// out(batch,m,n) = a(batch,m,k) · b(batch,k,n) + bias(n), ReLU if relu
void matmul(const Args& p, Context& context) {
  if (p.batch == 0 || p.m == 0 || p.n == 0) return;
  const i64 work = i64(p.batch) * p.m * p.n * p.k;
  const bool dot = p.a_col_stride == 1 && p.b_row_stride == 1 && (p.b_col_stride != 1 || p.n == 1);
  // Transposing b pays once enough rows of a, or few enough of k, meet it.
  if (dot && (p.n <= 4 || p.m <= 8 || (p.m <= 128 && p.k >= 1024)))
    dot_batches(p, context, work);
  else if (p.m <= stream_rows && p.n >= 4 * W && p.k > 0 && p.b_col_stride == 1)
    stream_matmul(p, context, work);
  else
    blocked_matmul(p, context, work);
}

}  // namespace quern::QUERN_ISA
