#include "thread-pool.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#ifdef __SSE__
#include <xmmintrin.h>
#endif

namespace controlnet {
namespace {

// TensorFlow's own threads flush denormal numbers to zero. Done on every thread that works on a kernel, results do not
// depend on which one it was.
class FlushDenormals {
 public:
#ifdef __SSE__
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" : : "r"(before_ | (uint64_t{1} << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  uint64_t before_;
#endif
};

struct Job {
  int64_t tasks;
  void (*run)(void*, int64_t);
  void* argument;
  std::atomic<int64_t> next{0};
  int helpers = 0;  // threads of the pool that work on it; guarded by the pool's mutex

  void Work() {
    const FlushDenormals flush;
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) run(argument, i);
  }
};

class Pool {
 public:
  void SetThreads(int threads) {
    const std::lock_guard<std::mutex> lock(mutex_);
    wanted_ = threads;
  }

  void Run(Job& job) {
    const int64_t helpers = std::min<int64_t>(job.tasks - 1, Helpers());
    if (helpers > 0) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        jobs_.push_back(&job);
      }
      for (int64_t i = 0; i < helpers; i++) work_.notify_one();
    }
    job.Work();
    if (helpers <= 0) return;
    std::unique_lock<std::mutex> lock(mutex_);
    Remove(job);
    done_.wait(lock, [&job] { return job.helpers == 0; });
  }

 private:
  int Helpers() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (started_ < 0) {
      const int threads = wanted_ > 0 ? wanted_ : static_cast<int>(std::thread::hardware_concurrency());
      started_ = 0;
      try {
        for (; started_ < threads - 1; started_++) std::thread([this] { Help(); }).detach();
      } catch (const std::system_error&) {
        // No more threads to be had: those that started do.
      }
    }
    return started_;
  }

  void Help() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      work_.wait(lock, [this] { return !jobs_.empty(); });
      Job& job = *jobs_.front();
      job.helpers++;
      lock.unlock();
      job.Work();
      lock.lock();
      Remove(job);
      if (--job.helpers == 0) done_.notify_all();
    }
  }

  void Remove(const Job& job) {
    const auto found = std::find(jobs_.begin(), jobs_.end(), &job);
    if (found != jobs_.end()) jobs_.erase(found);
  }

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  std::deque<Job*> jobs_;  // those with tasks that nobody has begun
  int wanted_ = 0;
  int started_ = -1;
};

// Never destroyed: its threads wait in it until the process ends.
Pool& ThePool() {
  static Pool* pool = new Pool;
  return *pool;
}

}  // namespace

void SetKernelThreads(int threads) { ThePool().SetThreads(threads); }

void RunTasks(int64_t tasks, bool alone, void (*run)(void*, int64_t), void* argument) {
  Job job{tasks, run, argument};
  if (tasks > 1 && !alone) return ThePool().Run(job);
  job.Work();
}

}  // namespace controlnet
