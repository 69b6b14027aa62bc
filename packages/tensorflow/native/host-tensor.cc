#include "host-tensor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace controlnet {
namespace {

int64_t CountElements(Napi::Env env, const std::vector<int64_t>& shape) {
  // Leaves room for the widest dtype, 16 bytes, and for sums of such sizes.
  constexpr int64_t kMost = int64_t{1} << 56;
  int64_t count = 1;
  for (int64_t size : shape) {
    if (size < 0) Throw(env, kInvalidArgument, "a shape has no negative sizes, got " + std::to_string(size));
    if (size > 0 && count > kMost / size) Throw(env, kInvalidArgument, "the shape is too large to be addressed");
    count *= size;
  }
  return count;
}

size_t CountBytes(Napi::Env env, const std::vector<int64_t>& shape, TF_DataType dtype) {
  const size_t width = TF_DataTypeSize(dtype);
  if (width == 0) Throw(env, kInvalidArgument, "dtype " + std::to_string(dtype) + " has no host form");
  return static_cast<size_t>(CountElements(env, shape)) * width;
}

OwnedTensor Allocate(Napi::Env env, const std::vector<int64_t>& shape, TF_DataType dtype, size_t bytes) {
  OwnedTensor tensor(TF_AllocateTensor(dtype, shape.data(), static_cast<int>(shape.size()), bytes));
  if (!tensor || (bytes > 0 && TF_TensorData(tensor.get()) == nullptr))
    Throw(env, kResourceExhausted, "could not allocate " + std::to_string(bytes) + " bytes");
  return tensor;
}

OwnedTensor StringTensor(Napi::Env env, const std::vector<int64_t>& shape, const Napi::Value& values) {
  if (!values.IsArray()) Throw(env, kInvalidArgument, "a string tensor is made from an array");
  Napi::Array array = values.As<Napi::Array>();
  const int64_t count = CountElements(env, shape);
  if (array.Length() != count)
    Throw(env, kInvalidArgument, "expected " + std::to_string(count) + " strings, got " + std::to_string(array.Length()));
  OwnedTensor tensor = Allocate(env, shape, TF_STRING, count * sizeof(TF_TString));
  auto* strings = static_cast<TF_TString*>(TF_TensorData(tensor.get()));
  for (uint32_t i = 0; i < array.Length(); i++) TF_StringInit(&strings[i]);
  for (uint32_t i = 0; i < array.Length(); i++) {
    Napi::Value value = array.Get(i);
    if (value.IsTypedArray()) {
      Napi::TypedArray bytes = value.As<Napi::TypedArray>();
      TF_StringCopy(&strings[i], static_cast<char*>(bytes.ArrayBuffer().Data()) + bytes.ByteOffset(), bytes.ByteLength());
    } else {
      std::string text = value.ToString();
      TF_StringCopy(&strings[i], text.data(), text.size());
    }
  }
  return tensor;
}

template <typename ArrayType>
Napi::Value Wrap(Napi::Env env, Napi::ArrayBuffer buffer, size_t element_size) {
  return ArrayType::New(env, buffer.ByteLength() / element_size, buffer, 0);
}

Napi::Value StringsFromTensor(Napi::Env env, const TF_Tensor* tensor) {
  const auto* strings = static_cast<const TF_TString*>(TF_TensorData(tensor));
  const int64_t count = TF_TensorElementCount(tensor);
  Napi::Array array = Napi::Array::New(env, count);
  for (uint32_t i = 0; i < count; i++) {
    array.Set(i, Napi::Buffer<char>::Copy(env, TF_StringGetDataPointer(&strings[i]), TF_StringGetSize(&strings[i])));
  }
  return array;
}

}  // namespace

OwnedTensor TensorFromValues(Napi::Env env, const std::vector<int64_t>& shape, TF_DataType dtype,
                             const Napi::Value& values) {
  if (dtype == TF_STRING) return StringTensor(env, shape, values);
  if (!values.IsTypedArray()) Throw(env, kInvalidArgument, "values must be a typed array");
  Napi::TypedArray array = values.As<Napi::TypedArray>();
  const size_t bytes = CountBytes(env, shape, dtype);
  if (array.ByteLength() != bytes)
    Throw(env, kInvalidArgument,
          "the shape needs " + std::to_string(bytes) + " bytes, got " + std::to_string(array.ByteLength()));
  OwnedTensor tensor = Allocate(env, shape, dtype, bytes);
  if (bytes > 0)
    std::memcpy(TF_TensorData(tensor.get()), static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset(), bytes);
  return tensor;
}

OwnedTensor EmptyTensor(Napi::Env env, const std::vector<int64_t>& shape, TF_DataType dtype) {
  return Allocate(env, shape, dtype, CountBytes(env, shape, dtype));
}

OwnedTensor TensorFromFile(Napi::Env env, const std::vector<int64_t>& shape, TF_DataType dtype,
                           const std::string& path, int64_t offset) {
  const size_t bytes = CountBytes(env, shape, dtype);
  OwnedTensor tensor = Allocate(env, shape, dtype, bytes);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) Throw(env, kNotFound, path + ": " + std::strerror(errno));
  auto* data = static_cast<char*>(TF_TensorData(tensor.get()));
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got = pread(file, data + done, bytes - done, offset + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const std::string reason = got < 0 ? std::strerror(errno) : "the file ends inside the tensor";
      close(file);
      Throw(env, kOutOfRange, path + ": " + reason);
    }
    done += static_cast<size_t>(got);
  }
  close(file);
  return tensor;
}

Napi::Value ValuesFromTensor(Napi::Env env, const TF_Tensor* tensor) {
  const TF_DataType dtype = TF_TensorType(tensor);
  if (dtype == TF_STRING) return StringsFromTensor(env, tensor);
  if (TF_DataTypeSize(dtype) == 0)
    Throw(env, kInvalidArgument, "a tensor of dtype " + std::to_string(dtype) + " has no values to read");
  const size_t bytes = TF_TensorByteSize(tensor);
  Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) std::memcpy(buffer.Data(), TF_TensorData(tensor), bytes);
  switch (dtype) {
    case TF_FLOAT: case TF_COMPLEX64: return Wrap<Napi::Float32Array>(env, buffer, 4);
    case TF_DOUBLE: case TF_COMPLEX128: return Wrap<Napi::Float64Array>(env, buffer, 8);
    case TF_INT32: return Wrap<Napi::Int32Array>(env, buffer, 4);
    case TF_UINT32: return Wrap<Napi::Uint32Array>(env, buffer, 4);
    case TF_INT64: return Wrap<Napi::BigInt64Array>(env, buffer, 8);
    case TF_UINT64: return Wrap<Napi::BigUint64Array>(env, buffer, 8);
    case TF_INT16: return Wrap<Napi::Int16Array>(env, buffer, 2);
    case TF_UINT16: case TF_HALF: case TF_BFLOAT16: return Wrap<Napi::Uint16Array>(env, buffer, 2);
    case TF_INT8: return Wrap<Napi::Int8Array>(env, buffer, 1);
    default: return Wrap<Napi::Uint8Array>(env, buffer, 1);
  }
}

}  // namespace controlnet
