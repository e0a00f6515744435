// Indexing, running sums and selection along one dim of (outer,n,inner). Each element of an output has one task, which
// adds in the order of the indices.
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

constexpr i64 band = 256;  // columns of one task where rows add up

// f(o, begin, end) for bands of the columns [0,inner) of each of `outer` blocks
template <class F>
void for_bands(Context& context, i64 outer, i64 inner, i64 work, const F& f) {
  const i64 bands = ceil_div(inner, band);
  parallel_if(context, work, outer * bands, [&](i64 task, int) {
    const i64 begin = task % bands * band;
    f(task / bands, begin, min(inner, begin + band));
  });
}

bool inside(i64 index, i64 n) { return index >= 0 && index < n; }

// The order of x as unsigned numbers: NaN above all, both zeros alike.
u32 rank_of(float x) {
  if (x != x) return 0xffffffffu;
  x += 0.f;
  u32 bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits >> 31 ? ~bits : bits | 0x80000000u;
}

// Moves the key at `at` down a heap whose root is the least.
void sift_down(u64* heap, i64 size, i64 at) {
  const u64 key = heap[at];
  for (i64 child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && heap[child + 1] < heap[child]) child++;
    if (key <= heap[child]) break;
    heap[at] = heap[child];
  }
  heap[at] = key;
}

// The k greatest keys of a row, falling: a heap of those found so far, then heapsort.
void select_row(const args::topk<float>& s, const float* x, u64* heap, float* values, i32* indices) {
  const u32 flip = s.largest ? 0 : 0xffffffffu;
  for (i64 i = 0; i < s.n; i++) {
    const u64 key =
        static_cast<u64>(rank_of(x[i]) ^ flip) << 32 | static_cast<u32>(~i);  // the first of equals is the greatest
    if (i < s.k) {
      heap[i] = key;
      if (i == s.k - 1)
        for (i64 at = s.k / 2; at-- > 0;) sift_down(heap, s.k, at);
    } else if (key > heap[0]) {
      heap[0] = key;
      sift_down(heap, s.k, 0);
    }
  }
  for (i64 size = s.k; size-- > 0;) {
    indices[size] = static_cast<i32>(~static_cast<u32>(heap[0]));
    values[size] = x[indices[size]];
    heap[0] = heap[size];
    sift_down(heap, size, 0);
  }
}

}  // namespace

void index_select(const args::index_select<float>& s, Context& context) {
  const i64 rows = i64{s.outer} * s.m, per_task = max(i64{1}, chunk / max(i64{1}, i64{s.inner}));
  parallel_if(context, rows * s.inner, ceil_div(rows, per_task), [&](i64 task, int) {
    for (i64 row = task * per_task; row < min(rows, (task + 1) * per_task); row++) {
      const i64 t = s.index[row % s.m];
      float* out = s.out + row * s.inner;
      if (inside(t, s.n))
        __builtin_memcpy(out, s.x + (row / s.m * s.n + t) * s.inner, s.inner * sizeof(float));
      else
        for (i64 i = 0; i < s.inner; i++) out[i] = __builtin_nanf("");
    }
  });
}

void index_add(const args::index_add<float>& s, Context& context) {
  for_bands(context, s.outer, s.inner, i64{s.outer} * (s.n + i64{s.m}) * s.inner, [&](i64 o, i64 begin, i64 end) {
    float* out = s.out + o * s.n * s.inner;
    const float* source = s.source + o * s.m * s.inner;
    for (i64 t = 0; t < s.n; t++)
      for (i64 i = begin; i < end; i++) out[t * s.inner + i] = 0;
    for (i64 j = 0; j < s.m; j++) {
      const i64 t = s.index[j];
      if (!inside(t, s.n) || t == s.skip) continue;
      for (i64 i = begin; i < end; i++) out[t * s.inner + i] += source[j * s.inner + i];
    }
  });
}

void gather(const args::gather<float>& s, Context& context) {
  const i64 rows = i64{s.outer} * s.m, per_task = max(i64{1}, chunk / max(i64{1}, i64{s.inner}));
  parallel_if(context, rows * s.inner, ceil_div(rows, per_task), [&](i64 task, int) {
    for (i64 row = task * per_task; row < min(rows, (task + 1) * per_task); row++) {
      const float* x = s.x + row / s.m * s.n * s.inner;
      const i32* index = s.index + row * s.inner;
      for (i64 i = 0; i < s.inner; i++)
        s.out[row * s.inner + i] = inside(index[i], s.n) ? x[index[i] * i64{s.inner} + i] : __builtin_nanf("");
    }
  });
}

void scatter_add(const args::scatter_add<float>& s, Context& context) {
  for_bands(context, s.outer, s.inner, i64{s.outer} * (s.n + i64{s.m}) * s.inner, [&](i64 o, i64 begin, i64 end) {
    float* out = s.out + o * s.n * s.inner;
    const float* x = s.x ? s.x + o * s.n * s.inner : nullptr;
    for (i64 t = 0; t < s.n; t++)
      for (i64 i = begin; i < end; i++) out[t * s.inner + i] = x ? x[t * s.inner + i] : 0;
    for (i64 j = 0; j < s.m; j++)
      for (i64 i = begin; i < end; i++) {
        const i64 at = (o * s.m + j) * s.inner + i, t = s.index[at];
        if (inside(t, s.n)) out[t * s.inner + i] += s.source[at];
      }
  });
}

void cumsum(const args::cumsum<float>& s, Context& context) {
  const i64 step = s.reversed ? -i64{s.inner} : i64{s.inner};
  for_bands(context, s.outer, s.inner, i64{s.outer} * s.n * s.inner, [&](i64 o, i64 begin, i64 end) {
    double sum[band] = {};
    i64 at = (o * s.n + (s.reversed ? s.n - 1 : 0)) * s.inner + begin;
    for (i64 j = 0; j < s.n; j++, at += step)
      for (i64 i = 0; i < end - begin; i++) {
        sum[i] += s.x[at + i];
        s.out[at + i] = static_cast<float>(sum[i]);
      }
  });
}

void topk(const args::topk<float>& s, Context& context) {
  if (s.k == 0) return;
  u64* const heaps = scratch<u64>(context, i64{context.threads} * s.k);
  if (!heaps) return;
  parallel_if(context, i64{s.rows} * s.n, s.rows, [&](i64 r, int worker) {
    select_row(s, s.x + r * s.n, heaps + i64{worker} * s.k, s.values + r * s.k, s.indices + r * s.k);
  });
}

}  // namespace quern::QUERN_ISA
