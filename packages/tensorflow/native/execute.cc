// Running one op, or one function by its name.
#include "attributes.h"
#include "engine.h"

namespace controlnet {

OwnedOp Engine::MakeOp(Info info) {
  Napi::Env env = info.Env();
  const std::string name = info[0].ToString();
  Status status(env);
  OwnedOp op(TFE_NewOp(Context(env), name.c_str(), status.get()));
  status.Check();
  SetAttributes(env, op.get(), info[1]);
  Napi::Array inputs = info[2].As<Napi::Array>();
  for (uint32_t i = 0; i < inputs.Length(); i++) {
    TFE_OpAddInput(op.get(), Handle(env, inputs.Get(i)), status.get());
    status.Check();
  }
  return op;
}

namespace {

// Runs `op` and owns what it gives; safe on any thread.
std::vector<OwnedHandle> Run(TFE_Op* op, int count, TF_Status* status) {
  std::vector<TFE_TensorHandle*> results(count > 0 ? count : 1, nullptr);
  TFE_Execute(op, results.data(), &count, status);
  std::vector<OwnedHandle> owned;
  if (TF_GetCode(status) == 0)
    for (int i = 0; i < count; i++) owned.emplace_back(results[i]);
  return owned;
}

}  // namespace

// executeOp(name, attributes, inputIds, numberOfOutputs): metadata[]
Napi::Value Engine::ExecuteOp(Info info) {
  Napi::Env env = info.Env();
  OwnedOp op = MakeOp(info);
  Status status(env);
  std::vector<OwnedHandle> results = Run(op.get(), info[3].ToNumber().Int32Value(), status.get());
  status.Check();
  Napi::Array metadata = Napi::Array::New(env, results.size());
  for (uint32_t i = 0; i < results.size(); i++) metadata.Set(i, Adopt(env, std::move(results[i])));
  return metadata;
}

// An op running on a worker thread. It holds its inputs, so these may be disposed meanwhile.
class PendingOp : public Napi::AsyncWorker {
 public:
  PendingOp(Napi::Env env, Engine* engine, OwnedOp op, int outputs)
      : Napi::AsyncWorker(env), promise_(Napi::Promise::Deferred::New(env)), engine_(engine), op_(std::move(op)),
        outputs_(outputs) {}

  Napi::Promise promise() { return promise_.Promise(); }

  void Execute() override {
    TF_Status* status = TF_NewStatus();
    results_ = Run(op_.get(), outputs_, status);
    code_ = TF_GetCode(status);
    message_ = TF_Message(status);
    TF_DeleteStatus(status);
  }

  void OnOK() override {
    Napi::Env env = Env();
    if (code_ != 0) {
      Napi::Error error = Napi::Error::New(env, message_);
      error.Set("tfCode", Napi::Number::New(env, code_));
      promise_.Reject(error.Value());
      return;
    }
    Napi::Array metadata = Napi::Array::New(env, results_.size());
    for (uint32_t i = 0; i < results_.size(); i++) metadata.Set(i, engine_->Adopt(env, std::move(results_[i])));
    promise_.Resolve(metadata);
  }

 private:
  Napi::Promise::Deferred promise_;
  Engine* engine_;
  OwnedOp op_;
  int outputs_;
  std::vector<OwnedHandle> results_;
  int code_ = 0;
  std::string message_;
};

// executeOpAsync(name, attributes, inputIds, numberOfOutputs): Promise<metadata[]>
Napi::Value Engine::ExecuteOpAsync(Info info) {
  auto* pending = new PendingOp(info.Env(), this, MakeOp(info), info[3].ToNumber().Int32Value());
  Napi::Promise promise = pending->promise();
  pending->Queue();
  return promise;
}

}  // namespace controlnet
