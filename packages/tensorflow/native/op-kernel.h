// Ops of our own in TensorFlow's registry, with kernels for the CPU: what every one of them needs.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "owned.h"

namespace controlnet {

using Dims = std::vector<int64_t>;

// What goes wrong inside a kernel. It never leaves the kernel: TensorFlow gets it as a status.
struct KernelFailure {
  int code;
  std::string message;
};

// The tensors of one run of a kernel.
class KernelContext {
 public:
  explicit KernelContext(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus()) {}
  ~KernelContext() { TF_DeleteStatus(status_); }
  KernelContext(const KernelContext&) = delete;
  KernelContext& operator=(const KernelContext&) = delete;

  OwnedTensor Input(int index);
  OwnedTensor Output(int index, const Dims& dims);
  // The memory of the first of `inputs` that nobody else holds, or new memory. No tensor of these inputs may be held
  // while this is called; afterwards one of them may be what the output is.
  OwnedTensor OutputOver(std::initializer_list<int> inputs, int index, const Dims& dims);
  void Fail(const KernelFailure& failure);

 private:
  void Check();

  TF_OpKernelContext* context_;
  TF_Status* status_;
};

// The attributes of a kernel that is being made.
class KernelAttributes {
 public:
  explicit KernelAttributes(TF_OpKernelConstruction* construction);
  ~KernelAttributes();
  KernelAttributes(const KernelAttributes&) = delete;
  KernelAttributes& operator=(const KernelAttributes&) = delete;

  int64_t Int(const char* name);
  float Float(const char* name);

 private:
  TF_OpKernelConstruction* construction_;
  TF_Status* status_;
};

inline Dims DimsOf(const OwnedTensor& tensor) {
  Dims dims(TF_NumDims(tensor.get()));
  for (size_t i = 0; i < dims.size(); i++) dims[i] = TF_Dim(tensor.get(), static_cast<int>(i));
  return dims;
}

inline float* FloatsOf(const OwnedTensor& tensor) { return static_cast<float*>(TF_TensorData(tensor.get())); }

// "[2, 3]", for messages
std::string Text(const Dims& dims);

// What TensorFlow calls: nothing thrown passes this border.
template <typename Kernel>
struct KernelFunctions {
  static void* Create(TF_OpKernelConstruction* construction) {
    KernelAttributes attributes(construction);
    return new Kernel(attributes);
  }
  static void Compute(void* kernel, TF_OpKernelContext* raw) {
    KernelContext context(raw);
    try {
      static_cast<const Kernel*>(kernel)->Compute(context);
    } catch (const KernelFailure& failure) {
      context.Fail(failure);
    } catch (const std::exception& error) {
      context.Fail({kResourceExhausted, error.what()});
    }
  }
  static void Delete(void* kernel) { delete static_cast<Kernel*>(kernel); }
};

// What TensorFlow's shape inference knows of an op's outputs. It takes a shape for the first output only (its C API
// refuses the index of any other), so who adds a node says the rest.
using OwnedShape = std::unique_ptr<TF_ShapeHandle, Deleter<TF_ShapeHandle, TF_DeleteShapeHandle>>;
using ShapeFunction = void(TF_ShapeInferenceContext*, TF_Status*);
ShapeFunction UnknownShapes;
ShapeFunction FirstOutputAsFirstInput;

struct OpSpec {
  const char* name;
  std::initializer_list<const char*> inputs;
  std::initializer_list<const char*> outputs;
  std::initializer_list<const char*> attributes;
  ShapeFunction* shapes = FirstOutputAsFirstInput;
};

void RegisterOp(const OpSpec& spec, void* (*create)(TF_OpKernelConstruction*),
                void (*compute)(void*, TF_OpKernelContext*), void (*destroy)(void*));

// Registers an op; nothing happens where another addon of this process has registered it.
template <typename Kernel>
void RegisterOp(const OpSpec& spec) {
  using Functions = KernelFunctions<Kernel>;
  RegisterOp(spec, Functions::Create, Functions::Compute, Functions::Delete);
}

}  // namespace controlnet
