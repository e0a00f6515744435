// References of the random ops: Philox 4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC
// 2011).
#pragma once
#include <array>
#include <cmath>

#include "reference.h"

namespace quern::reference {

using Block = std::array<u32, 4>;

// The four words of a block: ten rounds over the counter (low, high, 0, 0) with the key (seed_lo, seed_hi).
inline Block philox(u64 counter, u32 seed_lo, u32 seed_hi) {
  Block c{static_cast<u32>(counter), static_cast<u32>(counter >> 32), 0, 0};
  for (int round = 0; round < 10; round++) {
    const u64 a = 0xD2511F53ull * c[0], b = 0xCD9E8D57ull * c[2];
    c = {static_cast<u32>(b >> 32) ^ c[1] ^ seed_lo, static_cast<u32>(b), static_cast<u32>(a >> 32) ^ c[3] ^ seed_hi,
         static_cast<u32>(a)};
    seed_lo += 0x9E3779B9;
    seed_hi += 0xBB67AE85;
  }
  return c;
}

template <class Random>
u64 counter_of(const Random& a) {
  return static_cast<u64>(static_cast<u32>(a.counter_hi)) << 32 | static_cast<u32>(a.counter_lo);
}

// f(i, block, word) for each element i: it has word i%4 of block counter + i/4.
template <class Random, class F>
void for_each_word(const Random& a, const F& f) {
  const u64 counter = counter_of(a);
  Block block{};
  for (i64 i = 0; i < a.n; i++) {
    if (i % 4 == 0) block = philox(counter + i / 4, a.seed_lo, a.seed_hi);
    f(i, block, i % 4);
  }
}

// [0,1) in steps of 2^-24, for double too: both dtypes see the same numbers.
inline double unit(u32 word) { return (word >> 8) * 0x1p-24; }

template <class T>
void uniform(const args::uniform<T>& a, Context&) {
  // In double and from operands of T, where the product is exact: the same bits with FMA and without.
  const double low = static_cast<T>(a.low), range = static_cast<T>(a.high - a.low);
  for_each_word(
      a, [&](i64 i, const Block& block, int word) { a.out[i] = static_cast<T>(low + unit(block[word]) * range); });
}

// Box-Muller: words (0,1) and (2,3) give a radius and an angle each, hence two elements.
template <class T>
void normal(const args::normal<T>& a, Context&) {
  const double tau = 6.283185307179586;
  for_each_word(a, [&](i64 i, const Block& block, int word) {
    const double radius = std::sqrt(-2 * std::log((block[word & 2] + 1.0) * 0x1p-32));  // of (0,1]: never infinite
    const double angle = tau * (block[word | 1] * 0x1p-32);
    a.out[i] = static_cast<T>(a.mean + a.std * radius * (word & 1 ? std::sin(angle) : std::cos(angle)));
  });
}

// Half a word for each element, as a signed integer: of every 64 words the first 64 elements have the lower halves, the
// next the upper ones.
template <class T>
void dropout(const args::dropout<T>& a, Context&) {
  const T scale = static_cast<T>(a.p < 1 ? 1 / (1 - a.p) : 0);
  const u64 counter = counter_of(a);
  Block block{};
  for (i64 i = 0; i < a.n; i++) {
    if (i % 4 == 0) block = philox(counter + (i / 128 * 64 + i % 64) / 4, a.seed_lo, a.seed_hi);
    const u32 bits = block[i % 4];
    const auto half = static_cast<std::int16_t>(i % 128 < 64 ? bits : bits >> 16);
    a.out[i] = half * 0x1p-16 + 0.5 >= a.p ? a.x[i] * scale : T(0);
  }
}

}  // namespace quern::reference
