// Building a graph node by node, with TensorFlow's own shape inference.
#include "attributes.h"
#include "engine.h"

namespace controlnet {

Graph& Engine::FindGraph(Napi::Env env, const Napi::Value& id) {
  const auto found = graphs_.find(id.ToNumber().Int64Value());
  if (found == graphs_.end()) Throw(env, kNotFound, "no graph has id " + std::string(id.ToString()));
  return found->second;
}

Napi::Value Engine::NewGraph(Info info) {
  const int64_t id = next_id_++;
  graphs_[id].graph.reset(TF_NewGraph());
  return Napi::Number::New(info.Env(), static_cast<double>(id));
}

void Engine::DeleteGraph(Info info) { graphs_.erase(info[0].ToNumber().Int64Value()); }

namespace {

TF_Output FindOutput(Napi::Env env, const Graph& graph, const Napi::Value& id) {
  const int64_t index = id.ToNumber().Int64Value();
  if (index < 0 || index >= static_cast<int64_t>(graph.outputs.size()))
    Throw(env, kNotFound, "the graph has no output " + std::to_string(index));
  return graph.outputs[index];
}

void AddInputs(Napi::Env env, const Graph& graph, TF_OperationDescription* node, Napi::Array inputs) {
  for (uint32_t i = 0; i < inputs.Length(); i++) {
    Napi::Value input = inputs.Get(i);
    if (!input.IsArray()) {
      TF_AddInput(node, FindOutput(env, graph, input));
      continue;
    }
    Napi::Array list = input.As<Napi::Array>();
    std::vector<TF_Output> outputs;
    for (uint32_t j = 0; j < list.Length(); j++) outputs.push_back(FindOutput(env, graph, list.Get(j)));
    TF_AddInputList(node, outputs.data(), static_cast<int>(outputs.size()));
  }
}

// null where inference cannot tell the rank; -1 for an unknown size
Napi::Value InferredShape(Napi::Env env, const Graph& graph, TF_Output output) {
  Status status(env);
  const int rank = TF_GraphGetTensorNumDims(graph.graph.get(), output, status.get());
  status.Check();
  if (rank < 0) return env.Null();
  std::vector<int64_t> shape(rank);
  TF_GraphGetTensorShape(graph.graph.get(), output, shape.data(), rank, status.get());
  status.Check();
  return ToArray(env, shape);
}

}  // namespace

// addNode(graph, op, name, attributes, inputs, controlInputs): {node, outputs: [{id, shape, dtype}]}
// An input is an output id, or an array of them where the op takes a list.
Napi::Value Engine::AddNode(Info info) {
  Napi::Env env = info.Env();
  Graph& graph = FindGraph(env, info[0]);
  const std::string op = info[1].ToString();
  const std::string name = info[2].ToString();
  Status status(env);
  TF_OperationDescription* node = TF_NewOperation(graph.graph.get(), op.c_str(), name.c_str());
  // Only TF_FinishOperation frees a description, so a failure while filling it must still finish it.
  try {
    SetAttributes(env, node, info[3]);
    AddInputs(env, graph, node, info[4].As<Napi::Array>());
    Napi::Array control = info[5].As<Napi::Array>();
    for (uint32_t i = 0; i < control.Length(); i++)
      TF_AddControlInput(node, graph.nodes.at(control.Get(i).ToNumber().Int64Value()));
  } catch (...) {
    TF_FinishOperation(node, status.get());
    throw;
  }
  TF_Operation* operation = TF_FinishOperation(node, status.get());
  status.Check();
  const int count = TF_OperationNumOutputs(operation);
  Napi::Array outputs = Napi::Array::New(env, count);
  for (int i = 0; i < count; i++) {
    const TF_Output output{operation, i};
    Napi::Object metadata = Napi::Object::New(env);
    metadata.Set("id", Napi::Number::New(env, static_cast<double>(graph.outputs.size())));
    metadata.Set("shape", InferredShape(env, graph, output));
    metadata.Set("dtype", Napi::Number::New(env, TF_OperationOutputType(output)));
    graph.outputs.push_back(output);
    outputs.Set(static_cast<uint32_t>(i), metadata);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("node", Napi::Number::New(env, static_cast<double>(graph.nodes.size())));
  result.Set("outputs", outputs);
  graph.nodes.push_back(operation);
  return result;
}

// setShape(graph, output, shape): tells inference what it cannot know, e.g. the shape behind a resource
void Engine::SetShape(Info info) {
  Napi::Env env = info.Env();
  Graph& graph = FindGraph(env, info[0]);
  const std::vector<int64_t> dims = ToInts(info[2]);
  Status status(env);
  TF_GraphSetTensorShape(graph.graph.get(), FindOutput(env, graph, info[1]), dims.data(), static_cast<int>(dims.size()),
                         status.get());
  status.Check();
}

// opDef(graph, op): serialized tensorflow.OpDef
Napi::Value Engine::OpDef(Info info) {
  Napi::Env env = info.Env();
  Status status(env);
  OwnedBuffer buffer(TF_NewBuffer());
  const std::string op = info[1].ToString();
  TF_GraphGetOpDef(FindGraph(env, info[0]).graph.get(), op.c_str(), buffer.get(), status.get());
  status.Check();
  return CopyBuffer(env, buffer.get());
}

}  // namespace controlnet
