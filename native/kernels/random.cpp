// Philox 4x32-10 (Salmon et al., SC 2011), a block of four words per 64-bit lane: the same bits on every instruction
// set.
#include "../simd/math.h"
#include "strided.h"

namespace quern::QUERN_ISA {
namespace {

typedef u64 vl __attribute__((vector_size(W * 4)));
constexpr int lanes = W / 2;      // blocks per vector
constexpr i64 batch = 4 * lanes;  // elements per vector of blocks: two vectors of floats
constexpr u64 low_word = 0xffffffff;
constexpr i64 dropout_group = 64;  // words

// Products of the low words of each lane. A 64-bit multiplication would do, but few machines have one.
QUERN_INLINE vl multiply_low(vl a, u64 b) {
#if defined(__AVX512F__)
  return reinterpret_cast<vl>(_mm512_mul_epu32(reinterpret_cast<__m512i>(a), _mm512_set1_epi64(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<vl>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), _mm256_set1_epi64x(b)));
#elif defined(__SSE2__)
  return reinterpret_cast<vl>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), _mm_set1_epi64x(b)));
#elif defined(__ARM_NEON)
  return reinterpret_cast<vl>(vmull_n_u32(vmovn_u64(reinterpret_cast<uint64x2_t>(a)), static_cast<u32>(b)));
#else
  return (a & low_word) * b;
#endif
}

// The upper word of each lane in the place of the lower: a shuffle, as shifts would wait for the multiplier's port.
QUERN_INLINE vl upper_word(vl v) {
  const vi u = reinterpret_cast<vi>(v);
#if defined(__AVX512F__)
  return reinterpret_cast<vl>(__builtin_shufflevector(u, u, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15));
#elif defined(__AVX2__)
  return reinterpret_cast<vl>(__builtin_shufflevector(u, u, 1, 1, 3, 3, 5, 5, 7, 7));
#else
  return reinterpret_cast<vl>(__builtin_shufflevector(u, u, 1, 1, 3, 3));
#endif
}

// Words 0,1 | words 2,3 of each block in the lanes of two vectors. The upper halves of lanes are scrap until the end.
struct Blocks {
  vl words01, words23;
};
// Several vectors of blocks step by step together: each alone would wait for its own multiplications.
constexpr int side_by_side = W == 16 ? 6 : W == 8 ? 4 : 1;
QUERN_INLINE void philox(Blocks (&out)[side_by_side], const vl (&counter)[side_by_side], u32 key0, u32 key1) {
  vl c0[side_by_side], c1[side_by_side], c2[side_by_side], c3[side_by_side];
  QUERN_UNROLL
  for (int i = 0; i < side_by_side; i++) c0[i] = counter[i], c1[i] = counter[i] >> 32, c2[i] = c3[i] = vl{};
  QUERN_UNROLL
  for (int round = 0; round < 10; round++) {
    QUERN_UNROLL
    for (int i = 0; i < side_by_side; i++) {
      const vl a = multiply_low(c0[i], 0xD2511F53), b = multiply_low(c2[i], 0xCD9E8D57);
      c0[i] = upper_word(b) ^ c1[i] ^ key0;
      c2[i] = upper_word(a) ^ c3[i] ^ key1;
      c1[i] = b;
      c3[i] = a;
    }
    key0 += 0x9E3779B9;
    key1 += 0xBB67AE85;
  }
  QUERN_UNROLL
  for (int i = 0; i < side_by_side; i++) out[i] = {(c0[i] & low_word) | c1[i] << 32, (c2[i] & low_word) | c3[i] << 32};
}

struct Key {
  u64 counter;
  u32 lo, hi;
};
template <class Random>
Key key_of(const Random& a) {
  return {static_cast<u64>(static_cast<u32>(a.counter_hi)) << 32 | static_cast<u32>(a.counter_lo),
          static_cast<u32>(a.seed_lo), static_cast<u32>(a.seed_hi)};
}

// The words of elements [begin, begin + side_by_side·batch), begin a multiple of 4, two vectors for each batch.
constexpr int drawn_vectors = 2 * side_by_side;
QUERN_INLINE void random_words(const Key& key, i64 begin, vi* words) {
  // Interleaving 64-bit lanes pairwise (unpack) keeps to 128-bit groups: blocks j and j + lanes/2 share a group.
  vl offset, counter[side_by_side];
  for (int i = 0; i < lanes; i++) offset[i] = i / 2 + i % 2 * (lanes / 2);
  for (int i = 0; i < side_by_side; i++) counter[i] = offset + (key.counter + static_cast<u64>(begin / 4 + i * lanes));
  Blocks blocks[side_by_side];
  philox(blocks, counter, key.lo, key.hi);
  QUERN_UNROLL
  for (int i = 0; i < side_by_side; i++) {
    const Blocks& b = blocks[i];
    vi &first = words[2 * i], &second = words[2 * i + 1];
#if defined(__AVX512F__)
    first = reinterpret_cast<vi>(__builtin_shufflevector(b.words01, b.words23, 0, 8, 2, 10, 4, 12, 6, 14));
    second = reinterpret_cast<vi>(__builtin_shufflevector(b.words01, b.words23, 1, 9, 3, 11, 5, 13, 7, 15));
#elif defined(__AVX2__)
    first = reinterpret_cast<vi>(__builtin_shufflevector(b.words01, b.words23, 0, 4, 2, 6));
    second = reinterpret_cast<vi>(__builtin_shufflevector(b.words01, b.words23, 1, 5, 3, 7));
#else
    first = reinterpret_cast<vi>(__builtin_shufflevector(b.words01, b.words23, 0, 2));
    second = reinterpret_cast<vi>(__builtin_shufflevector(b.words01, b.words23, 1, 3));
#endif
  }
}

QUERN_INLINE vi shift_right_logical(vi v, int n) { return reinterpret_cast<vi>(reinterpret_cast<vu>(v) >> n); }

// out[i] = value(i, words of the vector) for all i. value comes by copy: stores through out may change anything else.
template <class F>
void for_random(Context& context, const Key& key_, float* out_, i64 n, const F& value_) {
  for_chunks(context, n, [=](i64 begin, i64 end) {
    const F value = value_;
    const Key key = key_;
    float* const out = out_;
    for (i64 i = begin; i < end; i += side_by_side * batch) {
      vi words[drawn_vectors];
      random_words(key, i, words);
      QUERN_UNROLL
      for (int k = 0; k < drawn_vectors; k++) {
        const i64 at = i + k * W;
        if (at + W <= end)
          store(out + at, value(at, words[k]));
        else if (at < end)
          store_first(out + at, value(at, words[k]), static_cast<int>(end - at));
      }
    }
  });
}

}  // namespace

void uniform(const args::uniform<float>& a, Context& context) {
  // Kept as floats: of two doubles rounded to float side by side GCC 12 forgets the rounding.
  const float low = static_cast<float>(a.low), range = static_cast<float>(a.high - a.low);
  for_random(context, key_of(a), a.out, a.n, [=](i64, vi words) {
    const vf bits = __builtin_convertvector(shift_right_logical(words, 8), vf);
    // In double, where the product of two floats is exact: the same bits with FMA and without.
    const double step = double{range} * 0x1p-24, first = low;
    return join_float(low_double(bits) * step + first, high_double(bits) * step + first);
  });
}

// Box-Muller in double and by the C library, so that rounding to float hides what instruction sets do differently.
void normal(const args::normal<float>& a, Context& context) {
  const Key key = key_of(a);
  for_chunks(context, a.n, [&](i64 begin, i64 end) {
    for (i64 i = begin; i < end; i += side_by_side * batch) {
      vi words[drawn_vectors];
      random_words(key, i, words);
      u32 word[side_by_side * batch];
      __builtin_memcpy(word, words, sizeof words);
      for (i64 k = 0; k < min(side_by_side * batch, end - i); k += 2) {
        const double radius = __builtin_sqrt(-2 * __builtin_log((word[k] + 1.0) * 0x1p-32));
        const double angle = 6.283185307179586 * (word[k + 1] * 0x1p-32);
        a.out[i + k] = static_cast<float>(a.mean + a.std * radius * __builtin_cos(angle));
        if (i + k + 1 < end) a.out[i + k + 1] = static_cast<float>(a.mean + a.std * radius * __builtin_sin(angle));
      }
    }
  });
}

// Each element takes half a word, as a signed integer. Of a group's words the first elements have the lower halves, the
// others the upper.
void dropout(const args::dropout<float>& a, Context& context) {
  constexpr int group = dropout_group / W;                                // vectors of words
  constexpr int vectors = group > drawn_vectors ? group : drawn_vectors;  // drawn at once
  static_assert(vectors % group == 0 && vectors % drawn_vectors == 0);
  const float scale = a.p < 1 ? static_cast<float>(1 / (1 - a.p)) : 0.f;
  const i64 dropped = static_cast<i64>(__builtin_ceil(min(max(a.p, 0.0), 1.0) * 0x1p16));  // of 2^16 halves
  const i32 bound = static_cast<i32>((dropped - 0x8000) * 0x10000 - 1);  // as the upper half of a signed integer
  const Key key_ = key_of(a);
  const float* const x_ = a.x;
  float* const out_ = a.out;
  for_chunks(context, a.n, [=](i64 begin, i64 end) {
    if (dropped == 0) return static_cast<void>(__builtin_memmove(out_ + begin, x_ + begin, (end - begin) * 4));
    const Key key = key_;  // copies: stores through out may change anything else
    const float* const x = x_;
    float* const out = out_;
    for (i64 i = begin; i < end; i += 2 * vectors * W) {
      const bool whole = i + 2 * vectors * W <= end;
      const auto put = [=](i64 at, vi half) {
        if (!whole && at >= end) return;
        const vf y = select(half > bound, load(x + at) * scale, vf{});
        if (whole)
          store(out + at, y);
        else
          store_lanes(out + at, y, end - at);
      };
      vi words[vectors];
      for (int k = 0; k < vectors; k += drawn_vectors) random_words(key, i / 2 + k * W, words + k);
      prefetch(x + i + 2 * vectors * W, 2 * vectors * W);
      QUERN_UNROLL
      for (int k = 0; k < vectors; k++) {
        const i64 at = i + k / group * (2 * dropout_group) + k % group * W;
        put(at, as_signed(as_unsigned(words[k]) << 16));
        put(at + dropout_group, words[k]);
      }
    }
  });
}

}  // namespace quern::QUERN_ISA
