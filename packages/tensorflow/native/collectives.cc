// TensorFlow's collective runtime: joining a cluster, aborting, asking whether a peer is alive.
#include "engine.h"

namespace controlnet {

// enableCollectives(serverDef: Uint8Array)
void Engine::EnableCollectives(Info info) {
  Napi::Uint8Array server = info[0].As<Napi::Uint8Array>();
  Status status(info.Env());
  TFE_EnableCollectiveOps(Context(info.Env()), server.Data(), server.ByteLength(), status.get());
  status.Check();
}

// abortCollectives(reason): unblocks every collective that is waiting, with that reason
void Engine::AbortCollectives(Info info) {
  const std::string reason = info[0].ToString();
  Status status(info.Env());
  TF_SetStatus(status.get(), kAborted, reason.c_str());
  TFE_AbortCollectiveOps(Context(info.Env()), status.get());
}

namespace {

class PeerCheck : public Napi::AsyncWorker {
 public:
  PeerCheck(Napi::Env env, TFE_Context* context, std::string task, int64_t milliseconds)
      : Napi::AsyncWorker(env), promise_(Napi::Promise::Deferred::New(env)), context_(context),
        task_(std::move(task)), milliseconds_(milliseconds) {}

  Napi::Promise promise() { return promise_.Promise(); }

  void Execute() override {
    TF_Status* status = TF_NewStatus();
    TFE_CollectiveOpsCheckPeerHealth(context_, task_.c_str(), milliseconds_, status);
    code_ = TF_GetCode(status);
    TF_DeleteStatus(status);
  }

  void OnOK() override { promise_.Resolve(Napi::Number::New(Env(), code_)); }

 private:
  Napi::Promise::Deferred promise_;
  TFE_Context* context_;
  std::string task_;
  int64_t milliseconds_;
  int code_ = 0;
};

}  // namespace

// checkPeer(task, milliseconds): Promise of a status code, 0 for alive
Napi::Value Engine::CheckPeer(Info info) {
  auto* check = new PeerCheck(info.Env(), Context(info.Env()), info[0].ToString(), info[1].ToNumber().Int64Value());
  Napi::Promise promise = check->promise();
  check->Queue();
  return promise;
}

}  // namespace controlnet
