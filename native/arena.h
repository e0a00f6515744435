// Memory for tensors and scratch: aligned blocks, small ones in size classes and large ones as parts of segments; what
// is given is taken again at once, and segments are handed back where they outgrow what was ever needed.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

namespace quern {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  ~Arena();

  // Null when the system has no more, or cannot address as much. Every block may be read `read_slack` bytes past its
  // end.
  void* take(uint64_t bytes);
  void give(void* block, size_t bytes);  // bytes as they were taken

  size_t live() const { return live_.load(std::memory_order_relaxed); }
  size_t peak() const { return peak_.load(std::memory_order_relaxed); }
  size_t reserved() const { return reserved_.load(std::memory_order_relaxed); }

 private:
  void* take_small(int size_class, size_t size);
  void* take_large(size_t size);
  void give_large(char* block, size_t size);
  bool map(size_t size);
  void trim(uint64_t keep);
  void add_idle(char* begin, size_t size);
  void remove_idle(char* begin, size_t size);

  static constexpr int classes = 4 * 17;
  std::vector<void*> small_[classes];  // blocks that wait, by size class
  std::vector<void*> slabs_;           // that small blocks are carved from
  char* slab_ = nullptr;
  size_t slab_left_ = 0;

  std::map<char*, size_t> segments_;                 // that large blocks are parts of, by address
  std::map<char*, size_t> idle_;                     // what of them waits, by address; neighbours are joined
  std::set<std::pair<size_t, char*>> idle_by_size_;  // the same
  size_t mapped_ = 0;                                // bytes of all segments
  std::atomic<size_t> live_{0}, peak_{0}, reserved_{0};
};

}  // namespace quern
