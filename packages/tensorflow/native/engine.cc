#include "engine.h"

namespace controlnet {

Engine::Engine(Napi::Env env, Napi::Object exports) {
  DefineAddon(exports, {
      InstanceMethod("preload", &Engine::Preload),
      InstanceMethod("open", &Engine::Open),
      InstanceMethod("registerOps", &Engine::RegisterOps),
      InstanceMethod("listDevices", &Engine::ListDevices),
      InstanceMethod("createTensor", &Engine::CreateTensor),
      InstanceMethod("createTensorFromFile", &Engine::CreateTensorFromFile),
      InstanceMethod("loadWeights", &Engine::LoadWeights),
      InstanceMethod("deleteTensor", &Engine::DeleteTensor),
      InstanceMethod("tensorData", &Engine::TensorData),
      InstanceMethod("tensorInfo", &Engine::TensorInfo),
      InstanceMethod("numberOfTensors", &Engine::NumberOfTensors),
      InstanceMethod("deviceMemory", &Engine::DeviceMemory),
      InstanceMethod("executeOp", &Engine::ExecuteOp),
      InstanceMethod("executeOpAsync", &Engine::ExecuteOpAsync),
      InstanceMethod("enableCollectives", &Engine::EnableCollectives),
      InstanceMethod("abortCollectives", &Engine::AbortCollectives),
      InstanceMethod("checkPeer", &Engine::CheckPeer),
      InstanceMethod("keepToLoopback", &Engine::KeepToLoopback),
      InstanceMethod("mpiJoin", &Engine::MpiJoin),
      InstanceMethod("mpiSum", &Engine::MpiSum),
      InstanceMethod("mpiBroadcast", &Engine::MpiBroadcast),
      InstanceMethod("mpiBarrier", &Engine::MpiBarrier),
      InstanceMethod("mpiAbandon", &Engine::MpiAbandon),
      InstanceMethod("mpiLeave", &Engine::MpiLeave),
      InstanceMethod("startHeartbeat", &Engine::StartHeartbeat),
      InstanceMethod("newGraph", &Engine::NewGraph),
      InstanceMethod("deleteGraph", &Engine::DeleteGraph),
      InstanceMethod("addNode", &Engine::AddNode),
      InstanceMethod("setShape", &Engine::SetShape),
      InstanceMethod("opDef", &Engine::OpDef),
      InstanceMethod("addFunction", &Engine::AddFunction),
      InstanceMethod("functionToBytes", &Engine::FunctionToBytes),
      InstanceMethod("removeFunction", &Engine::RemoveFunction),
      InstanceValue("version", Napi::String::New(env, TF_Version())),
  });
}

}  // namespace controlnet

using ControlNetEngine = controlnet::Engine;
NODE_API_ADDON(ControlNetEngine)
