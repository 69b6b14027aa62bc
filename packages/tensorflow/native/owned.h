// Owning pointers for the C API's objects, and the status that turns a failure into a JavaScript exception.
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "tensorflow-c-api.h"

namespace controlnet {

template <typename T, void (*Delete)(T*)>
struct Deleter {
  void operator()(T* pointer) const { Delete(pointer); }
};

using OwnedTensor = std::unique_ptr<TF_Tensor, Deleter<TF_Tensor, TF_DeleteTensor>>;
using OwnedHandle = std::unique_ptr<TFE_TensorHandle, Deleter<TFE_TensorHandle, TFE_DeleteTensorHandle>>;
using OwnedOp = std::unique_ptr<TFE_Op, Deleter<TFE_Op, TFE_DeleteOp>>;
using OwnedContext = std::unique_ptr<TFE_Context, Deleter<TFE_Context, TFE_DeleteContext>>;
using OwnedContextOptions =
    std::unique_ptr<TFE_ContextOptions, Deleter<TFE_ContextOptions, TFE_DeleteContextOptions>>;
using OwnedDeviceList = std::unique_ptr<TF_DeviceList, Deleter<TF_DeviceList, TF_DeleteDeviceList>>;
using OwnedBuffer = std::unique_ptr<TF_Buffer, Deleter<TF_Buffer, TF_DeleteBuffer>>;
using OwnedGraph = std::unique_ptr<TF_Graph, Deleter<TF_Graph, TF_DeleteGraph>>;
using OwnedFunction = std::unique_ptr<TF_Function, Deleter<TF_Function, TF_DeleteFunction>>;

// Throws a JavaScript Error whose `tfCode` is TensorFlow's status code.
[[noreturn]] inline void Throw(Napi::Env env, int code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("tfCode", Napi::Number::New(env, code));
  throw error;
}

// TensorFlow's status codes, as in absl::StatusCode.
constexpr int kInvalidArgument = 3;
constexpr int kNotFound = 5;
constexpr int kResourceExhausted = 8;
constexpr int kFailedPrecondition = 9;
constexpr int kAborted = 10;
constexpr int kOutOfRange = 11;
constexpr int kUnimplemented = 12;
constexpr int kUnavailable = 14;

class Status {
 public:
  explicit Status(Napi::Env env) : env_(env), status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  TF_Status* get() { return status_; }
  bool ok() const { return TF_GetCode(status_) == 0; }
  void Check() const {
    if (!ok()) Throw(env_, TF_GetCode(status_), TF_Message(status_));
  }

 private:
  Napi::Env env_;
  TF_Status* status_;
};

inline std::vector<int64_t> ToInts(const Napi::Value& value) {
  Napi::Array array = value.As<Napi::Array>();
  std::vector<int64_t> result(array.Length());
  for (uint32_t i = 0; i < result.size(); i++) result[i] = array.Get(i).ToNumber().Int64Value();
  return result;
}

inline Napi::Array ToArray(Napi::Env env, const std::vector<int64_t>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (uint32_t i = 0; i < values.size(); i++) array.Set(i, Napi::Number::New(env, static_cast<double>(values[i])));
  return array;
}

inline Napi::Value CopyBuffer(Napi::Env env, const TF_Buffer* buffer) {
  return Napi::Buffer<uint8_t>::Copy(env, static_cast<const uint8_t*>(buffer->data), buffer->length);
}

}  // namespace controlnet
