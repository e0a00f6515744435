// Strided operands of any rank, walked as rows of their innermost dim; and the parallel loops of bandwidth-bound
// kernels.
#pragma once
#include "isa.h"

namespace quern::QUERN_ISA {

constexpr int max_rank = 16;
constexpr i64 grain = 32768;  // elements: below, waking workers costs more than they save
constexpr i64 chunk = 16384;  // elements of one task

// f(task, worker), in parallel if there is enough work (in elements).
template <class F>
inline void parallel_if(Context& context, i64 work, i64 tasks, const F& f) {
  // One copy of f's code for both ways: it is called through this pointer.
  void (*const call)(void*, i64, int) = [](void* closure, i64 task, int worker) {
    (*static_cast<const F*>(closure))(task, worker);
  };
  void* const closure = const_cast<F*>(&f);
  if (work >= grain && tasks > 1) return context.run(context, tasks, call, closure);
  for (i64 task = 0; task < tasks; task++) call(closure, task, 0);
}

// f(begin, end) over chunks of [0,n)
template <class F>
inline void for_chunks(Context& context, i64 n, const F& f) {
  parallel_if(context, n, ceil_div(n, chunk), [&](i64 task, int) { f(task * chunk, min(n, (task + 1) * chunk)); });
}

// A shape with the strides of N operands: dims of size 1 dropped, in falling order of the first operand's strides,
// those merged that all operands walk alike. So what is dense, in whatever order, has rank 1.
template <int N>
struct Nest {
  int rank = 0;
  i64 size = 1;
  i64 shape[max_rank];
  i64 stride[N][max_rank];

  i64 inner() const { return shape[rank - 1]; }
  i64 inner_stride(int k) const { return stride[k][rank - 1]; }
};

template <int N>
inline Nest<N> make_nest(const i32* shape, const i32* const (&strides)[N], i32 rank) {
  const auto magnitude = [](i64 s) { return s < 0 ? -s : s; };
  int order[max_rank], used = 0;
  Nest<N> nest;
  for (int d = 0; d < rank; d++) {
    nest.size *= shape[d];
    if (shape[d] == 1) continue;
    int at = used++;
    for (; at > 0 && magnitude(strides[0][order[at - 1]]) < magnitude(strides[0][d]); at--) order[at] = order[at - 1];
    order[at] = d;
  }
  for (int i = 0; i < used; i++) {
    const int d = order[i], last = nest.rank - 1;
    bool merges = last >= 0;
    for (int k = 0; k < N && merges; k++) merges = nest.stride[k][last] == i64{strides[k][d]} * shape[d];
    const int to = merges ? last : nest.rank++;
    nest.shape[to] = merges ? nest.shape[to] * shape[d] : shape[d];
    for (int k = 0; k < N; k++) nest.stride[k][to] = strides[k][d];
  }
  if (nest.rank == 0) {  // one element: a dense row of length 1
    nest.rank = 1;
    nest.shape[0] = 1;
    for (int k = 0; k < N; k++) nest.stride[k][0] = 1;
  }
  return nest;
}

// The nest of a LIST: shape[rank], then strides[rank] of each operand, out first.
template <int N>
inline Nest<N> make_nest(const i32* layout, i32 rank) {
  const i32* strides[N];
  for (int k = 0; k < N; k++) strides[k] = layout + (k + 1) * rank;
  return make_nest<N>(layout, strides, rank);
}

// The offsets of one index after another, over the first `rank` dims of a nest.
template <int N>
struct Walk {
  const Nest<N>& nest;
  int rank;
  i64 index[max_rank];
  i64 offset[N] = {};

  Walk(const Nest<N>& nest_, int rank_, i64 position) : nest(nest_), rank(rank_) {
    for (int d = rank - 1; d >= 0; d--) {
      index[d] = position % nest.shape[d];
      position /= nest.shape[d];
      for (int k = 0; k < N; k++) offset[k] += index[d] * nest.stride[k][d];
    }
  }
  void next() {
    for (int d = rank - 1; d >= 0; d--) {
      for (int k = 0; k < N; k++) offset[k] += nest.stride[k][d];
      if (++index[d] < nest.shape[d]) return;
      for (int k = 0; k < N; k++) offset[k] -= nest.shape[d] * nest.stride[k][d];
      index[d] = 0;
    }
  }
};

// f(offsets, n) for every row, or part of a row, of n elements along the innermost dim.
template <int N>
void for_rows(Context& context, const Nest<N>& nest, void (*f)(const void*, const i64*, i64), const void* closure) {
  if (nest.size == 0) return;
  const i64 inner = nest.inner(), rows = nest.size / inner;
  const i64 part = min(inner, chunk), parts = ceil_div(inner, part), rows_per_task = max(i64{1}, chunk / inner);
  parallel_if(context, nest.size, ceil_div(rows, rows_per_task) * parts, [&](i64 task, int) {
    const i64 row = task / parts * rows_per_task, begin = task % parts * part, n = min(part, inner - begin);
    Walk<N> walk(nest, nest.rank - 1, row);
    for (int k = 0; k < N; k++) walk.offset[k] += begin * nest.inner_stride(k);
    for (i64 r = row; r < min(rows, row + rows_per_task); r++, walk.next()) f(closure, walk.offset, n);
  });
}
template <int N, class F>
inline void for_rows(Context& context, const Nest<N>& nest, const F& f) {
  for_rows<N>(
      context, nest, [](const void* closure, const i64* at, i64 n) { (*static_cast<const F*>(closure))(at, n); }, &f);
}

// The first n lanes from and to memory with a stride: the slow path of everything, so never worth inlining.
inline __attribute__((noinline)) vf gather(const float* p, i64 stride, int n) {
  float lane[W] = {};
  for (int i = 0; i < n; i++) lane[i] = p[i * stride];
  return load(lane);
}
inline __attribute__((noinline)) void scatter(float* p, i64 stride, vf v, int n) {
  float lane[W];
  store(lane, v);
  for (int i = 0; i < n; i++) p[i * stride] = lane[i];
}

// W bytes as integers, and the lowest bytes of W integers. GCC 12 converts lane by lane without help.
QUERN_INLINE vi load_bytes(const u8* p) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return reinterpret_cast<vi>(_mm512_maskz_cvtepu8_epi32(0xffff, bytes));
#elif defined(__AVX2__)
  return reinterpret_cast<vi>(_mm256_cvtepu8_epi32(_mm_loadu_si64(p)));
#elif defined(__SSE2__)
  const __m128i words = _mm_unpacklo_epi8(_mm_loadu_si32(p), __m128i{});
  return reinterpret_cast<vi>(_mm_unpacklo_epi16(words, __m128i{}));
#else
  typedef u8 bytes __attribute__((vector_size(W), aligned(1), may_alias));
  return __builtin_convertvector(*reinterpret_cast<const bytes*>(p), vi);
#endif
}
QUERN_INLINE void store_bytes(u8* p, vi v, int n = W) {
  u8 bytes[W];
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(v)));
#elif defined(__AVX2__)
  const __m256i order = _mm256_set1_epi32(0x0c080400);  // in each 128-bit half
  const __m256i packed = _mm256_shuffle_epi8(reinterpret_cast<__m256i>(v), order);
  _mm_storeu_si64(bytes, _mm_unpacklo_epi32(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1)));
#elif defined(__SSE2__)
  const __m128i words = _mm_packs_epi32(reinterpret_cast<__m128i>(v & 255), __m128i{});
  _mm_storeu_si32(bytes, _mm_packus_epi16(words, words));
#else
  typedef u8 vb __attribute__((vector_size(W)));
  const vb packed = __builtin_convertvector(v, vb);
  __builtin_memcpy(bytes, &packed, W);
#endif
  if (n == W)
    __builtin_memcpy(p, bytes, W);
  else
    __builtin_memcpy(p, bytes, n);
}

}  // namespace quern::QUERN_ISA
