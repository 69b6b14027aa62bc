// MPI operations as promises: they run on the MPI thread and settle on the JavaScript thread.
#pragma once

#include <napi.h>

#include "mpi-library.h"
#include "mpi-thread.h"

namespace controlnet {

class MpiGroup {
 public:
  using Work = std::function<void(MpiLibrary&)>;
  using Result = std::function<Napi::Value(Napi::Env)>;

  // Opens the library; no other process is asked yet. Throws MpiError.
  MpiGroup(Napi::Env env, const std::vector<std::string>& names);
  ~MpiGroup();

  MpiLibrary& library() { return *library_; }

  // A promise of what `result` makes on the JavaScript thread once `work` has run; rejected with MPI's own message.
  Napi::Promise Run(Napi::Env env, Work work, Result result);

  // Lets the process end although operations are still waiting; their promises stay open.
  void Abandon(Napi::Env env);

  // MPI_Finalize; false where the others don't come within the limit.
  bool Leave(std::chrono::milliseconds limit);

 private:
  struct Call;

  // Shared with the MPI thread, which may outlive this group.
  std::shared_ptr<MpiLibrary> library_;
  MpiThread thread_;
  Napi::ThreadSafeFunction settle_;
  int pending_ = 0;
  bool abandoned_ = false;
};

}  // namespace controlnet
