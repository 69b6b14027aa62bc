// The one thread that speaks MPI. It is detached and owns what it uses: a process may end while the thread still waits
// for a peer that will never answer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace controlnet {

class MpiThread {
 public:
  MpiThread();
  MpiThread(const MpiThread&) = delete;
  MpiThread& operator=(const MpiThread&) = delete;

  // Runs `work`, which must not throw, after all that was posted before.
  void Post(std::function<void()> work);

  // Runs `last` after all that was posted before and waits for its end; false where that takes longer than `limit`.
  bool Finish(std::function<void()> last, std::chrono::milliseconds limit);

 private:
  struct Queue {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::function<void()>> work;
    bool finished = false;
  };
  static void Run(const std::shared_ptr<Queue>& queue);

  std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
};

}  // namespace controlnet
