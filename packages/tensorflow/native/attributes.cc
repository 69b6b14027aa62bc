#include "attributes.h"

#include "host-tensor.h"

namespace controlnet {
namespace {

// The two C APIs for attributes differ in name only; the overloads below make them one.
struct EagerTarget {
  Napi::Env env;
  TFE_Op* op;
  void String(const char* n, const std::string& v) { TFE_OpSetAttrString(op, n, v.data(), v.size()); }
  void Int(const char* n, int64_t v) { TFE_OpSetAttrInt(op, n, v); }
  void Float(const char* n, float v) { TFE_OpSetAttrFloat(op, n, v); }
  void Bool(const char* n, bool v) { TFE_OpSetAttrBool(op, n, v); }
  void Type(const char* n, TF_DataType v) { TFE_OpSetAttrType(op, n, v); }
  void Function(const char* n, const std::string& v) { TFE_OpSetAttrFunctionName(op, n, v.data(), v.size()); }
  void Shape(const char* n, const int64_t* dims, int rank) {
    Status status(env);
    TFE_OpSetAttrShape(op, n, dims, rank, status.get());
    status.Check();
  }
  void Tensor(const char* n, TF_Tensor* tensor) {
    Status status(env);
    TFE_OpSetAttrTensor(op, n, tensor, status.get());
    status.Check();
  }
  void Strings(const char* n, const void* const* v, const size_t* l, int c) { TFE_OpSetAttrStringList(op, n, v, l, c); }
  void Ints(const char* n, const int64_t* v, int c) { TFE_OpSetAttrIntList(op, n, v, c); }
  void Floats(const char* n, const float* v, int c) { TFE_OpSetAttrFloatList(op, n, v, c); }
  void Bools(const char* n, const unsigned char* v, int c) { TFE_OpSetAttrBoolList(op, n, v, c); }
  void Types(const char* n, const TF_DataType* v, int c) { TFE_OpSetAttrTypeList(op, n, v, c); }
  void Shapes(const char* n, const int64_t** dims, const int* ranks, int c) {
    Status status(env);
    TFE_OpSetAttrShapeList(op, n, dims, ranks, c, status.get());
    status.Check();
  }
};

struct GraphTarget {
  Napi::Env env;
  TF_OperationDescription* op;
  void String(const char* n, const std::string& v) { TF_SetAttrString(op, n, v.data(), v.size()); }
  void Int(const char* n, int64_t v) { TF_SetAttrInt(op, n, v); }
  void Float(const char* n, float v) { TF_SetAttrFloat(op, n, v); }
  void Bool(const char* n, bool v) { TF_SetAttrBool(op, n, v); }
  void Type(const char* n, TF_DataType v) { TF_SetAttrType(op, n, v); }
  void Function(const char* n, const std::string& v) { TF_SetAttrFuncName(op, n, v.data(), v.size()); }
  void Shape(const char* n, const int64_t* dims, int rank) { TF_SetAttrShape(op, n, dims, rank); }
  void Tensor(const char* n, TF_Tensor* tensor) {
    Status status(env);
    TF_SetAttrTensor(op, n, tensor, status.get());
    status.Check();
  }
  void Strings(const char* n, const void* const* v, const size_t* l, int c) { TF_SetAttrStringList(op, n, v, l, c); }
  void Ints(const char* n, const int64_t* v, int c) { TF_SetAttrIntList(op, n, v, c); }
  void Floats(const char* n, const float* v, int c) { TF_SetAttrFloatList(op, n, v, c); }
  void Bools(const char* n, const unsigned char* v, int c) { TF_SetAttrBoolList(op, n, v, c); }
  void Types(const char* n, const TF_DataType* v, int c) { TF_SetAttrTypeList(op, n, v, c); }
  void Shapes(const char* n, const int64_t** dims, const int* ranks, int c) { TF_SetAttrShapeList(op, n, dims, ranks, c); }
};

std::string ToBytes(const Napi::Value& value) {
  if (!value.IsTypedArray()) return value.ToString();
  Napi::TypedArray bytes = value.As<Napi::TypedArray>();
  return {static_cast<char*>(bytes.ArrayBuffer().Data()) + bytes.ByteOffset(), bytes.ByteLength()};
}

template <typename Target>
void SetStringList(Target& target, const char* name, Napi::Array list) {
  std::vector<std::string> strings;
  for (uint32_t i = 0; i < list.Length(); i++) strings.push_back(ToBytes(list.Get(i)));
  std::vector<const void*> values;
  std::vector<size_t> lengths;
  for (const std::string& text : strings) {
    values.push_back(text.data());
    lengths.push_back(text.size());
  }
  target.Strings(name, values.data(), lengths.data(), static_cast<int>(values.size()));
}

template <typename Target>
void SetShapes(Target& target, const char* name, Napi::Array value) {
  const bool is_list = value.Length() > 0 && value.Get(uint32_t{0}).IsArray();
  if (!is_list) {
    const std::vector<int64_t> dims = ToInts(value);
    target.Shape(name, dims.data(), static_cast<int>(dims.size()));
    return;
  }
  std::vector<std::vector<int64_t>> shapes;
  for (uint32_t i = 0; i < value.Length(); i++) shapes.push_back(ToInts(value.Get(i)));
  std::vector<const int64_t*> dims;
  std::vector<int> ranks;
  for (const auto& shape : shapes) {
    dims.push_back(shape.data());
    ranks.push_back(static_cast<int>(shape.size()));
  }
  target.Shapes(name, dims.data(), ranks.data(), static_cast<int>(dims.size()));
}

template <typename Target>
void SetList(Napi::Env env, Target& target, const char* name, int type, Napi::Array list) {
  const int count = static_cast<int>(list.Length());
  const std::vector<int64_t> ints = type == TF_ATTR_STRING || type == TF_ATTR_FLOAT ? std::vector<int64_t>() : ToInts(list);
  switch (type) {
    case TF_ATTR_STRING: return SetStringList(target, name, list);
    case TF_ATTR_INT: return target.Ints(name, ints.data(), count);
    case TF_ATTR_FLOAT: {
      std::vector<float> floats;
      for (int i = 0; i < count; i++) floats.push_back(list.Get(i).ToNumber().FloatValue());
      return target.Floats(name, floats.data(), count);
    }
    case TF_ATTR_BOOL: return target.Bools(name, std::vector<unsigned char>(ints.begin(), ints.end()).data(), count);
    case TF_ATTR_TYPE: return target.Types(name, std::vector<TF_DataType>(ints.begin(), ints.end()).data(), count);
    default: Throw(env, kInvalidArgument, std::string("attribute ") + name + ": no list of kind " + std::to_string(type));
  }
}

template <typename Target>
void SetOne(Napi::Env env, Target& target, const char* name, int type, const Napi::Value& value) {
  if (type == TF_ATTR_SHAPE) return SetShapes(target, name, value.As<Napi::Array>());
  if (value.IsArray()) return SetList(env, target, name, type, value.As<Napi::Array>());
  switch (type) {
    case TF_ATTR_STRING: return target.String(name, ToBytes(value));
    case TF_ATTR_INT: return target.Int(name, value.ToNumber().Int64Value());
    case TF_ATTR_FLOAT: return target.Float(name, value.ToNumber().FloatValue());
    case TF_ATTR_BOOL: return target.Bool(name, value.ToBoolean());
    case TF_ATTR_TYPE: return target.Type(name, value.ToNumber().Int32Value());
    case TF_ATTR_FUNC: return target.Function(name, value.ToString());
    case TF_ATTR_TENSOR: {
      Napi::Object tensor = value.As<Napi::Object>();
      OwnedTensor host = TensorFromValues(env, ToInts(tensor.Get("shape")), tensor.Get("dtype").ToNumber().Int32Value(),
                                          tensor.Get("values"));
      return target.Tensor(name, host.get());
    }
    default: Throw(env, kInvalidArgument, std::string("attribute ") + name + ": unknown kind " + std::to_string(type));
  }
}

template <typename Target>
void SetAll(Napi::Env env, Target target, const Napi::Value& attributes) {
  Napi::Array list = attributes.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    Napi::Object attribute = list.Get(i).As<Napi::Object>();
    const std::string name = attribute.Get("name").ToString();
    SetOne(env, target, name.c_str(), attribute.Get("type").ToNumber().Int32Value(), attribute.Get("value"));
  }
}

}  // namespace

void SetAttributes(Napi::Env env, TFE_Op* op, const Napi::Value& attributes) {
  SetAll(env, EagerTarget{env, op}, attributes);
}

void SetAttributes(Napi::Env env, TF_OperationDescription* node, const Napi::Value& attributes) {
  SetAll(env, GraphTarget{env, node}, attributes);
}

}  // namespace controlnet
