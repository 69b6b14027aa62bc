// One TensorFlow eager context with its live tensors, graphs and functions, exposed as the addon's exports.
#pragma once

#include <unordered_map>

#include "mpi-group.h"
#include "owned.h"

namespace controlnet {

// A graph under construction. Nodes and node outputs are named by their index.
struct Graph {
  OwnedGraph graph;
  std::vector<TF_Operation*> nodes;
  std::vector<TF_Output> outputs;
};

class Engine : public Napi::Addon<Engine> {
 public:
  Engine(Napi::Env env, Napi::Object exports);

 private:
  friend class PendingOp;
  using Info = const Napi::CallbackInfo&;

  // context.cc
  void Preload(Info info);
  void Open(Info info);
  Napi::Value ListDevices(Info info);
  TFE_Context* Context(Napi::Env env) const;

  // tensors.cc
  Napi::Value CreateTensor(Info info);
  Napi::Value CreateTensorFromFile(Info info);
  Napi::Value TensorData(Info info);
  Napi::Value TensorInfo(Info info);
  Napi::Value NumberOfTensors(Info info);
  Napi::Value DeviceMemory(Info info);
  void DeleteTensor(Info info);
  TFE_TensorHandle* Handle(Napi::Env env, const Napi::Value& id) const;
  Napi::Object Adopt(Napi::Env env, OwnedHandle handle);

  // weights.cc
  Napi::Value LoadWeights(Info info);

  // execute.cc
  Napi::Value ExecuteOp(Info info);
  Napi::Value ExecuteOpAsync(Info info);
  OwnedOp MakeOp(Info info);

  // collectives.cc
  void EnableCollectives(Info info);
  void AbortCollectives(Info info);
  Napi::Value CheckPeer(Info info);

  // mpi.cc
  Napi::Value MpiJoin(Info info);
  Napi::Value MpiSum(Info info);
  Napi::Value MpiBroadcast(Info info);
  Napi::Value MpiBarrier(Info info);
  Napi::Value MpiLeave(Info info);
  void MpiAbandon(Info info);
  MpiGroup& Mpi(Napi::Env env);
  std::shared_ptr<TF_Tensor> HostTensor(Napi::Env env, const Napi::Value& id);
  Napi::Value AdoptHost(Napi::Env env, const TF_Tensor* tensor);

  // own-ops.cc
  void RegisterOps(Info info);

  // listeners.cc
  Napi::Value KeepToLoopback(Info info);

  // heartbeat.cc
  Napi::Value StartHeartbeat(Info info);

  // graph.cc
  Napi::Value NewGraph(Info info);
  void DeleteGraph(Info info);
  Napi::Value AddNode(Info info);
  void SetShape(Info info);
  Napi::Value OpDef(Info info);
  Graph& FindGraph(Napi::Env env, const Napi::Value& id);

  // function.cc
  void AddFunction(Info info);
  Napi::Value FunctionToBytes(Info info);
  void RemoveFunction(Info info);

  OwnedContext context_;
  std::unordered_map<int64_t, OwnedHandle> tensors_;
  std::unordered_map<int64_t, Graph> graphs_;
  std::unique_ptr<MpiGroup> mpi_;
  int64_t next_id_ = 1;
};

}  // namespace controlnet
