// The one process-wide thread pool, shared by every engine; it exists while one does.
#pragma once
#include "kernels/kernels.h"

namespace quern::pool {

// Usable cores: affinity and the cgroup's quota, at least 1.
int cores();

void retain();
void release();  // the last one ends the workers

void grow(int threads);  // makes sure that threads - 1 workers exist

// fn(closure, task, worker) for each task; worker w begins with the w-th of `threads` contiguous shares and then helps
// the others, the caller is worker 0. A caller that finds the pool busy, or is itself a worker, does all of it alone.
void run(int threads, i64 tasks, void (*fn)(void*, i64, int), void* closure);

}  // namespace quern::pool
