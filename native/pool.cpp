#include "pool.h"

#if defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__)

namespace quern::pool {
int cores() { return 1; }
void retain() {}
void grow(int) {}
void release() {}
void run(int, i64 tasks, void (*fn)(void*, i64, int), void* closure) {
  for (i64 task = 0; task < tasks; task++) fn(closure, task, 0);
}
}  // namespace quern::pool

#else

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>
#ifdef __linux__
#include <sched.h>
#endif

namespace quern::pool {
namespace {

struct Job {
  void (*fn)(void*, i64, int);
  void* closure;
  i64 first;  // task
  int shares;
};

// What is left of a worker's tasks, [begin, end) in one word: its owner takes the first, thieves take the last.
struct alignas(64) Share {
  std::atomic<u64> left{0};

  void set(u64 begin, u64 end) { left.store(begin | end << 32, std::memory_order_relaxed); }
  i64 take(bool first) {
    u64 was = left.load(std::memory_order_relaxed);
    for (;;) {
      const u64 begin = was & ~u32(0), end = was >> 32;
      if (begin >= end) return -1;
      const u64 now = first ? was + 1 : was - (u64(1) << 32);
      if (left.compare_exchange_weak(was, now, std::memory_order_relaxed)) return i64(first ? begin : end - 1);
    }
  }
};

// About what it costs to wake a thread, so never much worse than going to sleep at once; and short enough not to starve
// the event loop.
constexpr auto spin = std::chrono::microseconds(100);

// Never destroyed: a process may exit while workers run, and their threads must outlive every destructor.
template <class T>
T& immortal() {
  static T* const object = new T;
  return *object;
}
struct Parking {
  std::mutex mutex;
  std::condition_variable work, done;
};

std::mutex ownership;  // held by the engine that runs a job, or changes the workers
std::mutex& parking = immortal<Parking>().mutex;
std::condition_variable& work = immortal<Parking>().work;
std::condition_variable& done = immortal<Parking>().done;
std::vector<std::thread>& workers = immortal<std::vector<std::thread> >();  // changed by the owner only
std::atomic<int> count{0};                                                  // of workers
Job job;
std::unique_ptr<Share[]>& shares = immortal<std::unique_ptr<Share[]> >();  // of each worker, the owner's first
std::atomic<u32> epoch{0};                                                 // counts jobs
// How many workers are inside the job, and whether it is closed to those that come late: nobody waits for them.
constexpr u32 closed = 1u << 31;
std::atomic<u32> gate{closed};
std::atomic<int> parked{0};
std::atomic<bool> ending{false};
int users = 0;
thread_local bool inside = false;

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Ready>
bool spin_until(const Ready& ready) {
  if (count.load(std::memory_order_relaxed) >= cores())
    return ready();  // more threads than cores: spinning would only be in the way
  auto end = std::chrono::steady_clock::now() + spin;
  do {
    for (int i = 0; i < 64; i++) {
      if (ready()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// The worker's own tasks in their order, then what others have not begun: one that has lost its core, or was woken
// late, holds up nobody.
void work_on(const Job& j, int worker) {
  for (int i = 0; i < j.shares; i++) {
    Share& share = shares[size_t(worker + i) % size_t(j.shares)];
    for (i64 task; (task = share.take(i == 0)) >= 0;) j.fn(j.closure, j.first + task, worker);
  }
}

bool enter() {
  u32 state = gate.load();
  while (!(state & closed))
    if (gate.compare_exchange_weak(state, state + 1)) return true;
  return false;
}

void leave() {
  if (gate.fetch_sub(1) != (closed | 1)) return;
  std::lock_guard<std::mutex> lock(parking);
  done.notify_one();
}

void serve(int worker, u32 seen) {
  inside = true;
  for (;;) {
    auto called = [&] { return epoch.load() != seen || ending.load(); };
    if (!spin_until(called)) {
      std::unique_lock<std::mutex> lock(parking);
      parked.fetch_add(1);
      work.wait(lock, called);
      parked.fetch_sub(1);
    }
    if (ending.load()) return;
    seen = epoch.load();
    if (!enter()) continue;
    if (worker < job.shares) work_on(job, worker);
    leave();
  }
}

}  // namespace

int cores() {
  static const int n = [] {
    int count = int(std::thread::hardware_concurrency());
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
    double quota = -1, period = -1;  // cgroup v2 writes "max 100000" or "150000 100000"
    if (FILE* f = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
      if (std::fscanf(f, "%lf %lf", &quota, &period) != 2) quota = -1;
      std::fclose(f);
    }
    if (quota > 0 && period > 0 && int(quota / period + 0.5) < count) count = int(quota / period + 0.5);
#endif
    return count < 1 ? 1 : count;
  }();
  return n;
}

void retain() {
  std::lock_guard<std::mutex> own(ownership);
  users++;
}

void grow(int threads) {
  std::lock_guard<std::mutex> own(ownership);
  if (int(workers.size()) < threads - 1) shares.reset(new Share[size_t(threads)]);
  while (int(workers.size()) < threads - 1) {
    int id = int(workers.size()) + 1;
    workers.emplace_back(serve, id, epoch.load());
    count.store(id);
  }
}

void release() {
  std::lock_guard<std::mutex> own(ownership);
  if (--users > 0) return;
  {
    std::lock_guard<std::mutex> lock(parking);
    ending.store(true);
  }
  work.notify_all();
  for (auto& w : workers) w.join();
  workers.clear();
  count.store(0);
  ending.store(false);
}

// One job of at most so many tasks as a share can count.
static void run_job(const Job& next, i64 tasks) {
  for (int w = 0; w < next.shares; w++)
    shares[size_t(w)].set(u64(tasks * w / next.shares), u64(tasks * (w + 1) / next.shares));
  job = next;
  gate.store(0);
  epoch.fetch_add(1);
  if (parked.load() > 0) {
    { std::lock_guard<std::mutex> lock(parking); }
    work.notify_all();
  }
  inside = true;
  work_on(job, 0);
  inside = false;
  gate.fetch_or(closed);
  auto finished = [] { return gate.load() == closed; };
  if (!spin_until(finished)) {
    std::unique_lock<std::mutex> lock(parking);
    done.wait(lock, finished);
  }
}

void run(int threads, i64 tasks, void (*fn)(void*, i64, int), void* closure) {
  const int sharing = i64(threads) < tasks ? threads : int(tasks);
  std::unique_lock<std::mutex> own(ownership, std::defer_lock);
  if (sharing <= 1 || inside || !own.try_lock()) {
    for (i64 task = 0; task < tasks; task++) fn(closure, task, 0);
    return;
  }
  constexpr i64 most = i64(1) << 31;
  for (i64 first = 0; first < tasks; first += most)
    run_job({fn, closure, first, sharing}, tasks - first < most ? tasks - first : most);
}

}  // namespace quern::pool

#endif
