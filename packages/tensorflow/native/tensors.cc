// The table of live tensors. JavaScript names a tensor by number.
#include <map>

#include "engine.h"
#include "host-tensor.h"

namespace controlnet {

TFE_TensorHandle* Engine::Handle(Napi::Env env, const Napi::Value& id) const {
  const auto found = tensors_.find(id.ToNumber().Int64Value());
  if (found == tensors_.end())
    Throw(env, kNotFound, "no live tensor has id " + std::string(id.ToString()) + "; it was disposed");
  return found->second.get();
}

Napi::Object Engine::Adopt(Napi::Env env, OwnedHandle handle) {
  Status status(env);
  const int rank = TFE_TensorHandleNumDims(handle.get(), status.get());
  status.Check();
  std::vector<int64_t> shape(rank > 0 ? rank : 0);
  for (int i = 0; i < rank; i++) shape[i] = TFE_TensorHandleDim(handle.get(), i, status.get());
  status.Check();
  const int64_t id = next_id_++;
  Napi::Object metadata = Napi::Object::New(env);
  metadata.Set("id", Napi::Number::New(env, static_cast<double>(id)));
  metadata.Set("shape", ToArray(env, shape));
  metadata.Set("dtype", Napi::Number::New(env, TFE_TensorHandleDataType(handle.get())));
  tensors_.emplace(id, std::move(handle));
  return metadata;
}

// createTensor(shape, dtype, values): id
Napi::Value Engine::CreateTensor(Info info) {
  Napi::Env env = info.Env();
  OwnedTensor tensor = TensorFromValues(env, ToInts(info[0]), info[1].ToNumber().Int32Value(), info[2]);
  Status status(env);
  OwnedHandle handle(TFE_NewTensorHandle(tensor.get(), status.get()));
  status.Check();
  return Adopt(env, std::move(handle)).Get("id");
}

// createTensorFromFile(shape, dtype, path, byteOffset): id
Napi::Value Engine::CreateTensorFromFile(Info info) {
  Napi::Env env = info.Env();
  OwnedTensor tensor = TensorFromFile(env, ToInts(info[0]), info[1].ToNumber().Int32Value(), info[2].ToString(),
                                      info[3].ToNumber().Int64Value());
  Status status(env);
  OwnedHandle handle(TFE_NewTensorHandle(tensor.get(), status.get()));
  status.Check();
  return Adopt(env, std::move(handle)).Get("id");
}

// tensorData(id): typed array
Napi::Value Engine::TensorData(Info info) {
  Napi::Env env = info.Env();
  Status status(env);
  OwnedTensor tensor(TFE_TensorHandleResolve(Handle(env, info[0]), status.get()));
  status.Check();
  return ValuesFromTensor(env, tensor.get());
}

// tensorInfo(id): {shape, dtype, device}
Napi::Value Engine::TensorInfo(Info info) {
  Napi::Env env = info.Env();
  TFE_TensorHandle* handle = Handle(env, info[0]);
  Status status(env);
  const int rank = TFE_TensorHandleNumDims(handle, status.get());
  status.Check();
  std::vector<int64_t> shape(rank > 0 ? rank : 0);
  for (int i = 0; i < rank; i++) shape[i] = TFE_TensorHandleDim(handle, i, status.get());
  const char* device = TFE_TensorHandleDeviceName(handle, status.get());
  status.Check();
  Napi::Object result = Napi::Object::New(env);
  result.Set("shape", ToArray(env, shape));
  result.Set("dtype", Napi::Number::New(env, TFE_TensorHandleDataType(handle)));
  result.Set("device", device);
  return result;
}

// deviceMemory(): {device: {tensors, bytes}} of the live tensors. Tensors that share memory count each; the handle of a
// variable counts as a tensor without bytes.
Napi::Value Engine::DeviceMemory(Info info) {
  struct Held {
    double tensors = 0, bytes = 0;
  };
  std::map<std::string, Held> devices;
  for (const auto& [id, handle] : tensors_) {
    Status status(info.Env());
    const char* device = TFE_TensorHandleBackingDeviceName(handle.get(), status.get());
    status.Check();
    Held& held = devices[device];
    held.tensors++;
    if (TFE_TensorHandleDataType(handle.get()) == TF_RESOURCE) continue;
    const size_t bytes = TFE_TensorHandleDeviceMemorySize(handle.get(), status.get());
    if (status.ok()) held.bytes += static_cast<double>(bytes);
  }
  Napi::Object result = Napi::Object::New(info.Env());
  for (const auto& [device, held] : devices) {
    Napi::Object entry = Napi::Object::New(info.Env());
    entry.Set("tensors", held.tensors);
    entry.Set("bytes", held.bytes);
    result.Set(device, entry);
  }
  return result;
}

Napi::Value Engine::NumberOfTensors(Info info) {
  return Napi::Number::New(info.Env(), static_cast<double>(tensors_.size()));
}

void Engine::DeleteTensor(Info info) {
  if (tensors_.erase(info[0].ToNumber().Int64Value()) == 0)
    Throw(info.Env(), kNotFound, "no live tensor has id " + std::string(info[0].ToString()));
}

}  // namespace controlnet
