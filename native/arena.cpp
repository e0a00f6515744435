#include "arena.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#ifdef __linux__
#include <sys/mman.h>
#endif
#ifdef _WIN32
#include <malloc.h>
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include "kernels/kernels.h"

namespace quern {
namespace {

constexpr size_t alignment = 64;
constexpr size_t slab_bytes = size_t(1) << 20;
constexpr size_t page = size_t(1) << 12;
constexpr size_t huge_page = size_t(1) << 21;      // segments are whole ones, and ask for them
constexpr size_t largest_small = size_t(7) << 14;  // a size class; blocks beyond it are parts of segments
constexpr size_t largest = size_t(1) << (sizeof(size_t) > 4 ? 46 : 31);  // so that sums of two sizes do not overflow
constexpr size_t spare = size_t(64) << 20;                               // mapped beyond the need at any time
constexpr size_t longest_extra = size_t(64) << 20;                       // of a segment, beyond what it is mapped for

// AddressSanitizer is told which bytes belong to a tensor; a fence lies between it and the next one.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t fence = 64;
void forbid(void* block, size_t size) { __asan_poison_memory_region(block, size); }
void permit(void* block, size_t size) { __asan_unpoison_memory_region(block, size); }
#else
constexpr size_t fence = 0;
void forbid(void*, size_t) {}
void permit(void*, size_t) {}
#endif

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Small blocks have four classes per power of two, so at most a fifth of one is waste; large ones are whole pages.
struct Class {
  int index;  // -1: large
  size_t size;
};

Class size_class(size_t bytes) {
  size_t need = bytes + read_slack + fence;
  if (need > largest_small) return {-1, round_up(need, page)};
  if (need < 512) need = 512;
  int power = 8 * int(sizeof(unsigned long long)) - 1 - __builtin_clzll(need - 1);  // 2^power < need <= 2^(power+1)
  size_t step = size_t(1) << (power - 2);
  size_t quarter = (need - (size_t(1) << power) + step - 1) / step;  // 1..4
  return {4 * power + int(quarter) - 1, (size_t(1) << power) + quarter * step};
}

// A size of 2 MB and more is whole huge pages.
void* system_take(size_t size) {
#ifdef _WIN32
  return _aligned_malloc(size, alignment);
#elif defined(__EMSCRIPTEN__)
  return std::aligned_alloc(alignment, size);
#else
  size_t align = size >= huge_page ? huge_page : alignment;
  void* block = std::aligned_alloc(align, size);
#ifdef __linux__
  if (block && size >= huge_page) madvise(block, size, MADV_HUGEPAGE);
#endif
  return block;
#endif
}

void system_give(void* block) {
#ifdef _WIN32
  _aligned_free(block);
#else
  std::free(block);
#endif
}

}  // namespace

Arena::~Arena() {
  for (void* slab : slabs_) system_give(slab);
  for (auto [segment, size] : segments_) system_give(segment);
}

void* Arena::take(uint64_t bytes) {
  if (bytes > largest) return nullptr;
  auto [index, size] = size_class(size_t(bytes));
  void* block = index < 0 ? take_large(size) : take_small(index, size);
  if (!block) return nullptr;
  forbid(block, size);
  permit(block, size_t(bytes) + read_slack);
  size_t live = live_.fetch_add(size, std::memory_order_relaxed) + size;
  if (live > peak()) peak_.store(live, std::memory_order_relaxed);
  return block;
}

void Arena::give(void* block, size_t bytes) {
  auto [index, size] = size_class(bytes);
  live_.fetch_sub(size, std::memory_order_relaxed);
  forbid(block, size);
  if (index < 0)
    give_large(static_cast<char*>(block), size);
  else
    small_[index].push_back(block);
}

void* Arena::take_small(int size_class, size_t size) {
  auto& waiting = small_[size_class];
  if (!waiting.empty()) {
    void* block = waiting.back();
    waiting.pop_back();
    return block;
  }
  if (slab_left_ < size) {
    void* slab = system_take(slab_bytes);
    if (!slab) return nullptr;
    slabs_.push_back(slab);
    reserved_.fetch_add(slab_bytes, std::memory_order_relaxed);
    slab_ = static_cast<char*>(slab);
    slab_left_ = slab_bytes;
  }
  void* block = slab_;
  slab_ += size;
  slab_left_ -= size;
  return block;
}

// Best fit: the shortest stretch that is long enough, of those the first in memory; what is left of it goes on waiting.
void* Arena::take_large(size_t size) {
  auto fit = idle_by_size_.lower_bound({size, nullptr});
  if (fit == idle_by_size_.end()) {
    if (!map(size)) return nullptr;
    fit = idle_by_size_.lower_bound({size, nullptr});
  }
  auto [length, block] = *fit;
  remove_idle(block, length);
  if (length > size) add_idle(block + size, length - size);
  return block;
}

// Joined with what waits beside it in the same segment; a system's allocator may put two of them side by side.
void Arena::give_large(char* block, size_t size) {
  auto after = idle_.lower_bound(block);
  auto before = after == idle_.begin() ? idle_.end() : std::prev(after);
  if (after != idle_.end() && after->first == block + size && !segments_.count(block + size)) {
    auto [begin, length] = *after;
    remove_idle(begin, length);
    size += length;
  }
  if (before != idle_.end() && before->first + before->second == block && !segments_.count(block)) {
    auto [begin, length] = *before;
    remove_idle(begin, length);
    block = begin;
    size += length;
  }
  add_idle(block, size);
}

void Arena::add_idle(char* begin, size_t size) {
  idle_.emplace(begin, size);
  idle_by_size_.emplace(size, begin);
}

void Arena::remove_idle(char* begin, size_t size) {
  idle_.erase(begin);
  idle_by_size_.erase({size, begin});
}

// A new segment for a block of `size`, longer than it: so segments are few, and a block that grows finds room for a
// while. Half of what was ever needed at once may wait beside it, for best fit leaves gaps.
bool Arena::map(size_t size) {
  const size_t least = round_up(size, huge_page);
  const size_t extra = std::min(size / 8, longest_extra);
  size_t length = round_up(std::max(size + extra, std::min(mapped_ / 4, longest_extra)), huge_page);
  const uint64_t need = std::max<uint64_t>(peak(), uint64_t(live()) + size), limit = need + need / 2 + spare;
  if (mapped_ + uint64_t(length) > limit) trim(limit - length);
  void* segment = system_take(length);
  if (!segment) segment = system_take(length = least);
  if (!segment) {
    trim(0);
    segment = system_take(length);
  }
  if (!segment) return false;
  forbid(segment, length);
  segments_.emplace(static_cast<char*>(segment), length);
  add_idle(static_cast<char*>(segment), length);
  mapped_ += length;
  reserved_.fetch_add(length, std::memory_order_relaxed);
  return true;
}

// Hands back segments in which nothing lives, shortest first, until at most `keep` bytes are mapped: the longest serve
// every size.
void Arena::trim(uint64_t keep) {
  for (auto next = idle_by_size_.begin(); next != idle_by_size_.end() && mapped_ > keep;) {
    auto [size, begin] = *next++;
    auto segment = segments_.find(begin);
    if (segment == segments_.end() || segment->second != size) continue;
    remove_idle(begin, size);
    segments_.erase(segment);
    system_give(begin);
    mapped_ -= size;
    reserved_.fetch_sub(size, std::memory_order_relaxed);
  }
}

}  // namespace quern
