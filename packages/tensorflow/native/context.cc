// Opening the context and listing its devices.
#include <dlfcn.h>

#include "engine.h"

namespace controlnet {

// preload(paths): opens shared libraries so that TensorFlow, which asks for them by name only, finds them. One that
// does not open is left to TensorFlow, which then reports the device as missing.
void Engine::Preload(Info info) {
  Napi::Array paths = info[0].As<Napi::Array>();
  for (uint32_t i = 0; i < paths.Length(); i++)
    dlopen(std::string(paths.Get(i).ToString()).c_str(), RTLD_NOW | RTLD_GLOBAL);
}

// open(config: Uint8Array): config is a serialized tensorflow.ConfigProto.
void Engine::Open(Info info) {
  Napi::Env env = info.Env();
  if (context_) Throw(env, kInvalidArgument, "the engine is already open");
  Napi::Uint8Array config = info[0].As<Napi::Uint8Array>();
  Status status(env);
  OwnedContextOptions options(TFE_NewContextOptions());
  TFE_ContextOptionsSetConfig(options.get(), config.Data(), config.ByteLength(), status.get());
  status.Check();
  TFE_ContextOptionsSetDevicePlacementPolicy(options.get(), /*TFE_DEVICE_PLACEMENT_SILENT*/ 2);
  context_.reset(TFE_NewContext(options.get(), status.get()));
  status.Check();
}

TFE_Context* Engine::Context(Napi::Env env) const {
  if (!context_) Throw(env, kFailedPrecondition, "the engine is not open");
  return context_.get();
}

Napi::Value Engine::ListDevices(Info info) {
  Napi::Env env = info.Env();
  Status status(env);
  OwnedDeviceList devices(TFE_ContextListDevices(Context(env), status.get()));
  status.Check();
  const int count = TF_DeviceListCount(devices.get());
  Napi::Array list = Napi::Array::New(env);
  for (int i = 0; i < count; i++) {
    Napi::Object device = Napi::Object::New(env);
    device.Set("name", TF_DeviceListName(devices.get(), i, status.get()));
    device.Set("type", TF_DeviceListType(devices.get(), i, status.get()));
    device.Set("memoryBytes", static_cast<double>(TF_DeviceListMemoryBytes(devices.get(), i, status.get())));
    list.Set(static_cast<uint32_t>(i), device);
  }
  return list;
}

}  // namespace controlnet
