// Threads for the kernels of our own ops: TensorFlow's pool is out of the C API's reach.
#pragma once

#include <cstdint>

namespace controlnet {

// How many threads work on one kernel, the caller's among them; 0 for one a core. Later calls change nothing for
// threads that have started.
void SetKernelThreads(int threads);

void RunTasks(int64_t tasks, bool alone, void (*run)(void* argument, int64_t task), void* argument);

// Calls `task(i)` for each i below `tasks`, on the caller's thread and on those of the pool, and returns when all are
// done. Tasks are begun in order, so one may wait for tasks of a lower number. Any thread may call this at any time.
// Nothing may be thrown in a task. `alone`: on the caller's thread only, for work that is done before a thread wakes up.
template <typename Task>
void ParallelFor(int64_t tasks, bool alone, Task& task) {
  RunTasks(tasks, alone, [](void* argument, int64_t i) { (*static_cast<Task*>(argument))(i); }, &task);
}

}  // namespace controlnet
