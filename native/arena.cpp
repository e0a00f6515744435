#include "arena.h"

#include <cstdlib>
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
constexpr size_t large = size_t(1) << 17;                                // from here on a block is its own mapping
constexpr size_t huge_page = size_t(1) << 21;                            // mappings this large ask for huge pages
constexpr size_t largest = size_t(1) << (sizeof(size_t) > 4 ? 46 : 31);  // what the size classes reach
constexpr size_t idle_floor = size_t(64) << 20;                          // idle bytes that are always kept

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

// Four classes per power of two, so at most a fifth of a block is waste. Class and size of a request:
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
  return {4 * power + int(quarter) - 1, (size_t(1) << power) + quarter * step};
}

void* system_take(size_t size) {
#ifdef _WIN32
  return _aligned_malloc(size, alignment);
#elif defined(__EMSCRIPTEN__)
  return std::aligned_alloc(alignment, size);
#else
  size_t align = size >= huge_page ? huge_page : alignment;
  size = (size + align - 1) / align * align;
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
  trim(0);
  for (void* slab : slabs_) system_give(slab);
}

void* Arena::take(size_t bytes) {
  if (bytes > largest) return nullptr;
  Class c = size_class(bytes);
  void* block = nullptr;
  if (!free_[c.index].empty()) {
    block = free_[c.index].back();
    free_[c.index].pop_back();
    if (c.size >= large) idle_ -= c.size;
  } else {
    block = c.size >= large ? map(c.size) : carve(c.size);
  }
  if (!block) return nullptr;
  forbid(block, c.size);
  permit(block, bytes + read_slack);
  size_t live = live_.fetch_add(c.size, std::memory_order_relaxed) + c.size;
  if (live > peak()) peak_.store(live, std::memory_order_relaxed);
  return block;
}

void Arena::give(void* block, size_t bytes) {
  Class c = size_class(bytes);
  live_.fetch_sub(c.size, std::memory_order_relaxed);
  forbid(block, c.size);
  free_[c.index].push_back(block);
  if (c.size < large) return;
  idle_ += c.size;
  // A loop reuses its own sizes, which size classes round up to at most a quarter more than it ever needed; what lies
  // idle beyond that is from another time.
  if (live() + idle_ > peak() + peak() / 2 + idle_floor) trim(peak() / 2 > idle_floor ? peak() / 2 : idle_floor);
}

void* Arena::carve(size_t size) {
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

void* Arena::map(size_t size) {
  void* block = system_take(size);
  if (!block && idle_) {
    trim(0);
    block = system_take(size);
  }
  if (block) reserved_.fetch_add(size, std::memory_order_relaxed);
  return block;
}

// Hands idle large blocks back, largest first, until at most `keep` bytes wait.
void Arena::trim(size_t keep) {
  for (int i = classes - 1; i >= 0 && idle_ > keep; i--) {
    size_t power = size_t(i) / 4, size = (size_t(1) << power) + (size_t(i) % 4 + 1) * (size_t(1) << (power - 2));
    if (power < 8 || size < large) break;
    while (idle_ > keep && !free_[i].empty()) {
      system_give(free_[i].back());
      free_[i].pop_back();
      idle_ -= size;
      reserved_.fetch_sub(size, std::memory_order_relaxed);
    }
  }
}

}  // namespace quern
