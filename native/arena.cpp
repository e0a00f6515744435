#include "arena.h"

#include <algorithm>
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
constexpr size_t huge_page = size_t(1) << 21;                            // segments are whole ones, and ask for them
constexpr size_t large = size_t(1) << 17;                                // from here on a block is part of a segment
constexpr size_t largest = size_t(1) << (sizeof(size_t) > 4 ? 46 : 31);  // so that sums of sizes do not overflow
constexpr size_t spare = size_t(64) << 20;                               // mapped beyond the need at any time

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
  int index;
  size_t size;
};

Class size_class(size_t bytes) {
  size_t need = bytes + read_slack + fence;
  if (need < 512) need = 512;
  int power = 8 * int(sizeof(unsigned long long)) - 1 - __builtin_clzll(need - 1);  // 2^power < need <= 2^(power+1)
  size_t step = size_t(1) << (power - 2);
  size_t quarter = (need - (size_t(1) << power) + step - 1) / step;  // 1..4
  Class c = {4 * power + int(quarter) - 1, (size_t(1) << power) + quarter * step};
  if (c.size >= large) c.size = round_up(need, page);
  return c;
}

void* system_take(size_t size) {
#ifdef _WIN32
  return _aligned_malloc(size, alignment);
#elif defined(__EMSCRIPTEN__)
  return std::aligned_alloc(alignment, size);
#else
  size_t align = size >= huge_page ? huge_page : alignment;
  void* block = std::aligned_alloc(align, round_up(size, align));
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

void* Arena::take(size_t bytes) {
  if (bytes > largest) return nullptr;
  auto [index, size] = size_class(bytes);
  void* block = size < large ? take_small(index, size) : take_large(size);
  if (!block) return nullptr;
  forbid(block, size);
  permit(block, bytes + read_slack);
  size_t live = live_.fetch_add(size, std::memory_order_relaxed) + size;
  if (live > peak()) peak_.store(live, std::memory_order_relaxed);
  return block;
}

void Arena::give(void* block, size_t bytes) {
  auto [index, size] = size_class(bytes);
  live_.fetch_sub(size, std::memory_order_relaxed);
  forbid(block, size);
  if (size < large)
    small_[index].push_back(block);
  else
    give_large(static_cast<char*>(block), size);
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
  remove(block, length);
  if (length > size) put(block + size, length - size);
  return block;
}

// Joined with what waits beside it in the same segment; a system's allocator may put two of them side by side.
void Arena::give_large(char* block, size_t size) {
  auto after = idle_.lower_bound(block);
  auto before = after == idle_.begin() ? idle_.end() : std::prev(after);
  if (after != idle_.end() && after->first == block + size && !segments_.count(block + size)) {
    auto [begin, length] = *after;
    remove(begin, length);
    size += length;
  }
  if (before != idle_.end() && before->first + before->second == block && !segments_.count(block)) {
    auto [begin, length] = *before;
    remove(begin, length);
    block = begin;
    size += length;
  }
  put(block, size);
}

void Arena::put(char* begin, size_t size) {
  idle_.emplace(begin, size);
  idle_by_size_.emplace(size, begin);
}

void Arena::remove(char* begin, size_t size) {
  idle_.erase(begin);
  idle_by_size_.erase({size, begin});
}

// A new segment for a block of `size`, longer than it by part of what there is, so that segments are few.
bool Arena::map(size_t size) {
  size_t least = round_up(size, huge_page), need = std::max(peak(), live() + least), limit = need + need / 2 + spare;
  if (mapped_ + least > limit) trim(limit - least);
  size_t length = std::max(least, round_up(std::min(mapped_ / 4, spare), huge_page));
  void* segment = system_take(length);
  if (!segment) {
    trim(0);
    segment = system_take(length = least);
  }
  if (!segment) return false;
  forbid(segment, length);
  segments_.emplace(static_cast<char*>(segment), length);
  put(static_cast<char*>(segment), length);
  mapped_ += length;
  reserved_.fetch_add(length, std::memory_order_relaxed);
  return true;
}

// Hands back segments in which nothing lives, shortest first, until at most `keep` bytes are mapped: the longest serve
// every size.
void Arena::trim(size_t keep) {
  for (auto next = idle_by_size_.begin(); next != idle_by_size_.end() && mapped_ > keep;) {
    auto [size, begin] = *next++;
    auto segment = segments_.find(begin);
    if (segment == segments_.end() || segment->second != size) continue;
    remove(begin, size);
    segments_.erase(segment);
    permit(begin, size);
    system_give(begin);
    mapped_ -= size;
    reserved_.fetch_sub(size, std::memory_order_relaxed);
  }
}

}  // namespace quern
