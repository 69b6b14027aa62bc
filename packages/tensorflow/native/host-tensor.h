// JavaScript values to TF_Tensor and back.
#pragma once

#include "owned.h"

namespace controlnet {

// A tensor holding a copy of `values`: a typed array or Buffer of exactly the right byte length, or, for strings,
// an array of strings and byte arrays.
OwnedTensor TensorFromValues(Napi::Env env, const std::vector<int64_t>& shape, TF_DataType dtype,
                             const Napi::Value& values);

// A tensor whose numbers are not set yet.
OwnedTensor EmptyTensor(Napi::Env env, const std::vector<int64_t>& shape, TF_DataType dtype);

// A tensor filled straight from a byte range of a file, without passing through JavaScript memory.
OwnedTensor TensorFromFile(Napi::Env env, const std::vector<int64_t>& shape, TF_DataType dtype,
                           const std::string& path, int64_t offset);

// A typed array of the kind that fits the dtype; 16-bit floats come as Uint16Array of their bits.
Napi::Value ValuesFromTensor(Napi::Env env, const TF_Tensor* tensor);

}  // namespace controlnet
