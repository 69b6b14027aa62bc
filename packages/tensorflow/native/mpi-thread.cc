#include "mpi-thread.h"

#include <thread>

namespace controlnet {

MpiThread::MpiThread() {
  std::thread([queue = queue_] { Run(queue); }).detach();
}

void MpiThread::Run(const std::shared_ptr<Queue>& queue) {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock<std::mutex> lock(queue->mutex);
      queue->changed.wait(lock, [&] { return !queue->work.empty(); });
      work = std::move(queue->work.front());
      queue->work.pop_front();
    }
    work();
  }
}

void MpiThread::Post(std::function<void()> work) {
  {
    const std::lock_guard<std::mutex> lock(queue_->mutex);
    queue_->work.push_back(std::move(work));
  }
  queue_->changed.notify_all();
}

bool MpiThread::Finish(std::function<void()> last, std::chrono::milliseconds limit) {
  Post([queue = queue_, last = std::move(last)] {
    last();
    {
      const std::lock_guard<std::mutex> lock(queue->mutex);
      queue->finished = true;
    }
    queue->changed.notify_all();
  });
  std::unique_lock<std::mutex> lock(queue_->mutex);
  return queue_->changed.wait_for(lock, limit, [&] { return queue_->finished; });
}

}  // namespace controlnet
