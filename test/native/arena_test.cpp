// The arena by itself: what it reserves for loops of falling and of growing sizes, and that blocks are apart.
#include "../../native/arena.h"

#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "check.h"

using namespace quern;
using namespace quern::test;

namespace {

constexpr size_t megabyte = size_t(1) << 20;

// Takes blocks of these sizes one after another, each before the one before it is given, as layers do in inference.
void pass(
    Arena& arena, const std::vector<size_t>& sizes, const std::function<void()>& taken = [] {}) {
  void* last = nullptr;
  for (size_t i = 0; i < sizes.size(); i++) {
    void* block = arena.take(sizes[i]);
    CHECK(block);
    taken();
    if (last) arena.give(last, sizes[i - 1]);
    last = block;
  }
  if (last) arena.give(last, sizes.back());
}

}  // namespace

TEST(arena_what_waits_serves_every_size) {
  Arena arena;
  pass(arena, {120 * megabyte});
  const size_t reserved = arena.reserved();
  for (int round = 0; round < 3; round++) {
    std::vector<void*> parts;
    for (int i = 0; i < 5; i++) parts.push_back(arena.take(23 * megabyte));
    for (int i : {1, 3, 2, 4, 0}) arena.give(parts[size_t(i)], 23 * megabyte);  // joined with either neighbour, or both
    pass(arena, {119 * megabyte});
  }
  CHECK(arena.reserved() == reserved);
  CHECK(arena.live() == 0);
}

TEST(arena_a_loop_takes_nothing_from_the_system_once_it_has_run) {
  Arena arena;
  std::vector<size_t> sizes;  // of layers whose images halve while their channels grow, as a convolutional network's
  for (size_t size = 48 * megabyte; size > megabyte / 4; size = size * 7 / 10)
    sizes.insert(sizes.end(), {size, size / 3, size});
  for (int round = 0; round < 3; round++) pass(arena, sizes);
  const size_t reserved = arena.reserved();
  for (int round = 0; round < 20; round++) pass(arena, sizes, [&] { CHECK(arena.reserved() == reserved); });
  CHECK(reserved < 2 * arena.peak());
}

TEST(arena_a_block_that_grows_is_seldom_mapped_anew) {
  Arena arena;
  size_t mapped = 0, last = 0;
  for (size_t i = 0; i < 50; i++) {
    pass(arena, {(200 + i) * megabyte});
    mapped += arena.reserved() != last;
    last = arena.reserved();
  }
  CHECK(mapped < 5);
}

TEST(arena_growing_sizes_hand_back_what_became_too_short) {
  Arena arena;
  for (size_t i = 1; i <= 60; i++) {
    pass(arena, {i * 4 * megabyte});
    CHECK(arena.reserved() <= arena.peak() + arena.peak() / 2 + 64 * megabyte);
  }
  CHECK(arena.peak() < 250 * megabyte);
}

TEST(arena_blocks_are_apart_aligned_and_as_long_as_asked) {
  Arena arena;
  struct Block {
    unsigned char* begin;
    size_t size;
    unsigned char mark;
  };
  std::vector<Block> blocks;
  std::mt19937 random(7);
  size_t live = 0;
  auto give = [&](size_t i) {
    auto [begin, size, mark] = blocks[i];
    CHECK(begin[0] == mark && std::memcmp(begin, begin + 1, size - 1) == 0);  // all of it
    arena.give(begin, size);
    live -= size;
    blocks.erase(blocks.begin() + long(i));
  };
  // Small ones, large ones, and many where the one becomes the other.
  const size_t least[] = {1, 1, 90'000}, most[] = {3000, 2 * megabyte, 140'000};
  for (int i = 0; i < 2000; i++) {
    const size_t kind = random() % 3, place = random();
    if (blocks.size() > 40 || (!blocks.empty() && place % 2)) {
      give(place / 2 % blocks.size());
    } else {
      const size_t size = least[kind] + random() % (most[kind] - least[kind]);
      auto* begin = static_cast<unsigned char*>(arena.take(size));
      CHECK(begin && reinterpret_cast<uintptr_t>(begin) % 64 == 0);
      std::memset(begin, i & 255, size);
      blocks.push_back({begin, size, static_cast<unsigned char>(i & 255)});
      live += size;
    }
    CHECK(arena.live() >= live);
  }
  while (!blocks.empty()) give(0);
  CHECK(arena.live() == 0);
  CHECK(arena.reserved() < 2 * arena.peak() + 66 * megabyte);
}

TEST(arena_more_than_can_be_addressed_is_refused_and_changes_nothing) {
  Arena arena;
  pass(arena, {megabyte});
  const size_t reserved = arena.reserved();
  for (uint64_t bytes : {~uint64_t(0), uint64_t(1) << 60 | 64})  // not cut short to 64 where addresses have 32 bits
    CHECK(!arena.take(bytes));
  CHECK(arena.live() == 0);
  CHECK(arena.reserved() == reserved);
}
