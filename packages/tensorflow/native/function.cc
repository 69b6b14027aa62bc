// Turning a graph into a function of the context, callable as an op.
#include "engine.h"

namespace controlnet {
namespace {

std::vector<TF_Output> Outputs(const Graph& graph, const Napi::Value& ids) {
  std::vector<TF_Output> outputs;
  for (int64_t id : ToInts(ids)) outputs.push_back(graph.outputs.at(id));
  return outputs;
}

}  // namespace

// addFunction(graph, name, inputs, outputs, controlNodes)
void Engine::AddFunction(Info info) {
  Napi::Env env = info.Env();
  const Graph& graph = FindGraph(env, info[0]);
  const std::string name = info[1].ToString();
  const std::vector<TF_Output> inputs = Outputs(graph, info[2]);
  const std::vector<TF_Output> outputs = Outputs(graph, info[3]);
  std::vector<const TF_Operation*> control;
  for (int64_t node : ToInts(info[4])) control.push_back(graph.nodes.at(node));
  Status status(env);
  OwnedFunction function(TF_GraphToFunctionWithControlOutputs(
      graph.graph.get(), name.c_str(), 0, -1, nullptr, static_cast<int>(inputs.size()), inputs.data(),
      static_cast<int>(outputs.size()), outputs.data(), nullptr, static_cast<int>(control.size()), control.data(),
      nullptr, nullptr, nullptr, status.get()));
  status.Check();
  TFE_ContextAddFunction(Context(env), function.get(), status.get());
  status.Check();
}

// functionToBytes(name): serialized tensorflow.FunctionDef
Napi::Value Engine::FunctionToBytes(Info info) {
  Napi::Env env = info.Env();
  Status status(env);
  OwnedBuffer buffer(TF_NewBuffer());
  const std::string name = info[0].ToString();
  TFE_ContextGetFunctionDef(Context(env), name.c_str(), buffer.get(), status.get());
  status.Check();
  return CopyBuffer(env, buffer.get());
}

void Engine::RemoveFunction(Info info) {
  Status status(info.Env());
  const std::string name = info[0].ToString();
  TFE_ContextRemoveFunction(Context(info.Env()), name.c_str(), status.get());
  status.Check();
}

}  // namespace controlnet
