// Running one op, or one function by its name.
#include "attributes.h"
#include "engine.h"

namespace controlnet {

// executeOp(name, attributes, inputIds, numberOfOutputs, device?): metadata[]
Napi::Value Engine::ExecuteOp(Info info) {
  Napi::Env env = info.Env();
  const std::string name = info[0].ToString();
  Status status(env);
  OwnedOp op(TFE_NewOp(Context(env), name.c_str(), status.get()));
  status.Check();
  if (info[4].IsString()) {
    TFE_OpSetDevice(op.get(), std::string(info[4].ToString()).c_str(), status.get());
    status.Check();
  }
  SetAttributes(env, op.get(), info[1]);
  Napi::Array inputs = info[2].As<Napi::Array>();
  for (uint32_t i = 0; i < inputs.Length(); i++) {
    TFE_OpAddInput(op.get(), Handle(env, inputs.Get(i)), status.get());
    status.Check();
  }
  int count = info[3].ToNumber().Int32Value();
  std::vector<TFE_TensorHandle*> results(count > 0 ? count : 1, nullptr);
  TFE_Execute(op.get(), results.data(), &count, status.get());
  status.Check();
  std::vector<OwnedHandle> owned;
  for (int i = 0; i < count; i++) owned.emplace_back(results[i]);
  Napi::Array metadata = Napi::Array::New(env, count);
  for (int i = 0; i < count; i++) metadata.Set(static_cast<uint32_t>(i), Adopt(env, std::move(owned[i])));
  return metadata;
}

}  // namespace controlnet
