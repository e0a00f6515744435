// Memory for tensors and scratch: 64-byte aligned blocks in size classes, reused at once, handed back under pressure.
#pragma once
#include <atomic>
#include <cstddef>
#include <vector>

namespace quern {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  ~Arena();

  // Null when the system has no more. Every block may be read `read_slack` bytes past its end.
  void* take(size_t bytes);
  void give(void* block, size_t bytes);  // bytes as they were taken

  size_t live() const { return live_.load(std::memory_order_relaxed); }
  size_t peak() const { return peak_.load(std::memory_order_relaxed); }
  size_t reserved() const { return reserved_.load(std::memory_order_relaxed); }

 private:
  static constexpr int classes = 4 * 48;
  void* carve(size_t size);
  void* map(size_t size);
  void trim(size_t keep);

  std::vector<void*> free_[classes];
  std::vector<void*> slabs_;  // that small blocks are carved from
  char* slab_ = nullptr;
  size_t slab_left_ = 0;
  size_t idle_ = 0;  // bytes of large blocks that wait in free_
  std::atomic<size_t> live_{0}, peak_{0}, reserved_{0};
};

}  // namespace quern
