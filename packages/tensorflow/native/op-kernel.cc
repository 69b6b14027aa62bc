#include "op-kernel.h"

namespace controlnet {

void KernelContext::Check() {
  if (TF_GetCode(status_) != 0) throw KernelFailure{TF_GetCode(status_), TF_Message(status_)};
}

OwnedTensor KernelContext::Input(int index) {
  TF_Tensor* tensor = nullptr;
  TF_GetInput(context_, index, &tensor, status_);
  Check();
  return OwnedTensor(tensor);
}

OwnedTensor KernelContext::Output(int index, const Dims& dims) {
  size_t bytes = sizeof(float);
  for (int64_t dim : dims) bytes *= static_cast<size_t>(dim);
  OwnedTensor tensor(TF_AllocateOutput(context_, index, TF_FLOAT, dims.data(), static_cast<int>(dims.size()), bytes,
                                       status_));
  Check();
  return tensor;
}

OwnedTensor KernelContext::OutputOver(std::initializer_list<int> inputs, int index, const Dims& dims) {
  int forwarded = -1;
  OwnedTensor tensor(TF_ForwardInputOrAllocateOutput(context_, inputs.begin(), static_cast<int>(inputs.size()), index,
                                                     dims.data(), static_cast<int>(dims.size()), &forwarded, status_));
  Check();
  return tensor;
}

void KernelContext::Fail(const KernelFailure& failure) {
  TF_SetStatus(status_, failure.code, failure.message.c_str());
  TF_OpKernelContext_Failure(context_, status_);
}

KernelAttributes::KernelAttributes(TF_OpKernelConstruction* construction)
    : construction_(construction), status_(TF_NewStatus()) {}

KernelAttributes::~KernelAttributes() {
  if (TF_GetCode(status_) != 0) TF_OpKernelConstruction_Failure(construction_, status_);
  TF_DeleteStatus(status_);
}

int64_t KernelAttributes::Int(const char* name) {
  int64_t value = 0;
  if (TF_GetCode(status_) == 0) TF_OpKernelConstruction_GetAttrInt64(construction_, name, &value, status_);
  return value;
}

float KernelAttributes::Float(const char* name) {
  float value = 0;
  if (TF_GetCode(status_) == 0) TF_OpKernelConstruction_GetAttrFloat(construction_, name, &value, status_);
  return value;
}

std::string Text(const Dims& dims) {
  std::string text;
  for (int64_t dim : dims) text += (text.empty() ? "" : ", ") + std::to_string(dim);
  return "[" + text + "]";
}

namespace {

// TensorFlow ends the process where a name is registered twice.
bool IsRegistered(const char* name, TF_Status* status) {
  OwnedGraph graph(TF_NewGraph());
  OwnedBuffer definition(TF_NewBuffer());
  TF_GraphGetOpDef(graph.get(), name, definition.get(), status);
  return TF_GetCode(status) == 0;
}

}  // namespace

void UnknownShapes(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

void FirstOutputAsFirstInput(TF_ShapeInferenceContext* context, TF_Status* status) {
  UnknownShapes(context, status);
  if (TF_GetCode(status) != 0) return;
  OwnedShape shape(TF_NewShapeHandle());
  TF_ShapeInferenceContextGetInput(context, 0, shape.get(), status);
  if (TF_GetCode(status) == 0) TF_ShapeInferenceContextSetOutput(context, 0, shape.get(), status);
}

void RegisterOp(const OpSpec& spec, void* (*create)(TF_OpKernelConstruction*),
                void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*)) {
  const std::unique_ptr<TF_Status, Deleter<TF_Status, TF_DeleteStatus>> owned(TF_NewStatus());
  TF_Status* status = owned.get();
  if (IsRegistered(spec.name, status)) return;
  TF_OpDefinitionBuilder* definition = TF_NewOpDefinitionBuilder(spec.name);
  for (const char* attribute : spec.attributes) TF_OpDefinitionBuilderAddAttr(definition, attribute);
  for (const char* input : spec.inputs) TF_OpDefinitionBuilderAddInput(definition, input);
  for (const char* output : spec.outputs) TF_OpDefinitionBuilderAddOutput(definition, output);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(definition, spec.shapes);
  TF_RegisterOpDefinition(definition, status);
  if (TF_GetCode(status) != 0) throw KernelFailure{TF_GetCode(status), TF_Message(status)};
  TF_KernelBuilder* kernel = TF_NewKernelBuilder(spec.name, "CPU", create, compute, destroy);
  TF_RegisterKernelBuilder(spec.name, kernel, status);
  if (TF_GetCode(status) != 0) throw KernelFailure{TF_GetCode(status), TF_Message(status)};
}

}  // namespace controlnet
