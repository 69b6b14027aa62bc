#include "mpi-group.h"

namespace controlnet {

struct MpiGroup::Call {
  Napi::Promise::Deferred promise;
  Result result;
  std::string failure;
};

MpiGroup::MpiGroup(Napi::Env env, const std::vector<std::string>& names)
    : library_(MpiLibrary::Open(names)),
      settle_(Napi::ThreadSafeFunction::New(env, Napi::Function(), "mpi", /*maxQueueSize=*/0, /*threads=*/1)) {
  settle_.Unref(env);
}

MpiGroup::~MpiGroup() { settle_.Abort(); }

Napi::Promise MpiGroup::Run(Napi::Env env, Work work, Result result) {
  auto call = std::make_shared<Call>(Call{Napi::Promise::Deferred::New(env), std::move(result), {}});
  // An operation that is on its way keeps the process alive.
  if (pending_++ == 0 && !abandoned_) settle_.Ref(env);
  const auto settled = [this, call](Napi::Env on, Napi::Function) {
    if (--pending_ == 0 && !abandoned_) settle_.Unref(on);
    if (!call->failure.empty()) return call->promise.Reject(Napi::Error::New(on, call->failure).Value());
    try {
      call->promise.Resolve(call->result(on));
    } catch (const Napi::Error& error) {
      call->promise.Reject(error.Value());
    }
  };
  thread_.Post([library = library_, settle = settle_, call, work = std::move(work), settled]() {
    try {
      work(*library);
    } catch (const std::exception& error) {
      call->failure = error.what();
    }
    settle.BlockingCall(settled);
  });
  return call->promise.Promise();
}

void MpiGroup::Abandon(Napi::Env env) {
  if (!abandoned_ && pending_ > 0) settle_.Unref(env);
  abandoned_ = true;
}

bool MpiGroup::Leave(std::chrono::milliseconds limit) {
  return thread_.Finish(
      [library = library_] {
        try {
          library->Finalize();
        } catch (const MpiError&) {
          // The process ends; there is nobody left to tell.
        }
      },
      limit);
}

}  // namespace controlnet
