// The part of the TensorFlow C API (2.x) that the addon calls. Declared here so that a build needs the two
// shared libraries and no TensorFlow headers. Names, types and enum values follow tensorflow/c/c_api.h,
// tensorflow/c/eager/c_api.h, ops.h, kernels.h and their experimental companions (Apache-2.0).
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

// Status and buffers
struct TF_Status;
TF_Status* TF_NewStatus();
void TF_DeleteStatus(TF_Status*);
void TF_SetStatus(TF_Status*, int code, const char* message);
int TF_GetCode(const TF_Status*);
const char* TF_Message(const TF_Status*);

struct TF_Buffer {
  const void* data;
  size_t length;
  void (*data_deallocator)(void* data, size_t length);
};
TF_Buffer* TF_NewBuffer();
TF_Buffer* TF_NewBufferFromString(const void* proto, size_t proto_len);
void TF_DeleteBuffer(TF_Buffer*);
const char* TF_Version();

// Tensors
typedef int TF_DataType;
enum : int {
  TF_FLOAT = 1, TF_DOUBLE = 2, TF_INT32 = 3, TF_UINT8 = 4, TF_INT16 = 5, TF_INT8 = 6, TF_STRING = 7,
  TF_COMPLEX64 = 8, TF_INT64 = 9, TF_BOOL = 10, TF_BFLOAT16 = 14, TF_UINT16 = 17, TF_COMPLEX128 = 18,
  TF_HALF = 19, TF_RESOURCE = 20, TF_VARIANT = 21, TF_UINT32 = 22, TF_UINT64 = 23,
  TF_FLOAT8_E5M2 = 24, TF_FLOAT8_E4M3FN = 25,
};
size_t TF_DataTypeSize(TF_DataType);
struct TF_Tensor;
TF_Tensor* TF_NewTensor(TF_DataType, const int64_t* dims, int num_dims, void* data, size_t len,
                        void (*deallocator)(void* data, size_t len, void* arg), void* deallocator_arg);
TF_Tensor* TF_AllocateTensor(TF_DataType, const int64_t* dims, int num_dims, size_t len);
void TF_DeleteTensor(TF_Tensor*);
TF_DataType TF_TensorType(const TF_Tensor*);
int TF_NumDims(const TF_Tensor*);
int64_t TF_Dim(const TF_Tensor*, int index);
size_t TF_TensorByteSize(const TF_Tensor*);
void* TF_TensorData(const TF_Tensor*);
int64_t TF_TensorElementCount(const TF_Tensor*);

struct alignas(8) TF_TString {
  unsigned char bytes[24];
};
void TF_StringInit(TF_TString*);
void TF_StringCopy(TF_TString* dst, const char* src, size_t size);
const char* TF_StringGetDataPointer(const TF_TString*);
size_t TF_StringGetSize(const TF_TString*);

// Eager context, tensor handles and ops
typedef int TF_AttrType;
enum : int {
  TF_ATTR_STRING = 0, TF_ATTR_INT = 1, TF_ATTR_FLOAT = 2, TF_ATTR_BOOL = 3, TF_ATTR_TYPE = 4, TF_ATTR_SHAPE = 5,
  TF_ATTR_TENSOR = 6, TF_ATTR_PLACEHOLDER = 7, TF_ATTR_FUNC = 8,
};
struct TF_DeviceList;
void TF_DeleteDeviceList(TF_DeviceList*);
int TF_DeviceListCount(const TF_DeviceList*);
const char* TF_DeviceListName(const TF_DeviceList*, int index, TF_Status*);
const char* TF_DeviceListType(const TF_DeviceList*, int index, TF_Status*);
int64_t TF_DeviceListMemoryBytes(const TF_DeviceList*, int index, TF_Status*);

struct TFE_ContextOptions;
TFE_ContextOptions* TFE_NewContextOptions();
void TFE_ContextOptionsSetConfig(TFE_ContextOptions*, const void* proto, size_t length, TF_Status*);
void TFE_ContextOptionsSetAsync(TFE_ContextOptions*, unsigned char enable);
void TFE_ContextOptionsSetDevicePlacementPolicy(TFE_ContextOptions*, int policy);
void TFE_DeleteContextOptions(TFE_ContextOptions*);

struct TFE_Context;
TFE_Context* TFE_NewContext(const TFE_ContextOptions*, TF_Status*);
void TFE_DeleteContext(TFE_Context*);
TF_DeviceList* TFE_ContextListDevices(TFE_Context*, TF_Status*);
void TFE_ContextAsyncWait(TFE_Context*, TF_Status*);
void TFE_EnableCollectiveOps(TFE_Context*, const void* proto, size_t length, TF_Status*);
void TFE_AbortCollectiveOps(TFE_Context*, TF_Status*);
void TFE_CollectiveOpsCheckPeerHealth(TFE_Context*, const char* task, int64_t timeout_ms, TF_Status*);

struct TFE_TensorHandle;
TFE_TensorHandle* TFE_NewTensorHandle(const TF_Tensor*, TF_Status*);
void TFE_DeleteTensorHandle(TFE_TensorHandle*);
TF_DataType TFE_TensorHandleDataType(TFE_TensorHandle*);
int TFE_TensorHandleNumDims(TFE_TensorHandle*, TF_Status*);
int64_t TFE_TensorHandleDim(TFE_TensorHandle*, int index, TF_Status*);
const char* TFE_TensorHandleDeviceName(TFE_TensorHandle*, TF_Status*);
const char* TFE_TensorHandleBackingDeviceName(TFE_TensorHandle*, TF_Status*);
size_t TFE_TensorHandleDeviceMemorySize(TFE_TensorHandle*, TF_Status*);
TF_Tensor* TFE_TensorHandleResolve(TFE_TensorHandle*, TF_Status*);

struct TFE_Op;
TFE_Op* TFE_NewOp(TFE_Context*, const char* name, TF_Status*);
void TFE_DeleteOp(TFE_Op*);
void TFE_OpAddInput(TFE_Op*, TFE_TensorHandle*, TF_Status*);
TF_AttrType TFE_OpGetAttrType(TFE_Op*, const char* name, unsigned char* is_list, TF_Status*);
void TFE_OpSetAttrString(TFE_Op*, const char* name, const void* value, size_t length);
void TFE_OpSetAttrInt(TFE_Op*, const char* name, int64_t value);
void TFE_OpSetAttrFloat(TFE_Op*, const char* name, float value);
void TFE_OpSetAttrBool(TFE_Op*, const char* name, unsigned char value);
void TFE_OpSetAttrType(TFE_Op*, const char* name, TF_DataType value);
void TFE_OpSetAttrShape(TFE_Op*, const char* name, const int64_t* dims, int num_dims, TF_Status*);
void TFE_OpSetAttrFunctionName(TFE_Op*, const char* name, const char* data, size_t length);
void TFE_OpSetAttrTensor(TFE_Op*, const char* name, TF_Tensor*, TF_Status*);
void TFE_OpSetAttrStringList(TFE_Op*, const char* name, const void* const* values, const size_t* lengths, int count);
void TFE_OpSetAttrIntList(TFE_Op*, const char* name, const int64_t* values, int count);
void TFE_OpSetAttrFloatList(TFE_Op*, const char* name, const float* values, int count);
void TFE_OpSetAttrBoolList(TFE_Op*, const char* name, const unsigned char* values, int count);
void TFE_OpSetAttrTypeList(TFE_Op*, const char* name, const TF_DataType* values, int count);
void TFE_OpSetAttrShapeList(TFE_Op*, const char* name, const int64_t** dims, const int* num_dims, int count, TF_Status*);
void TFE_Execute(TFE_Op*, TFE_TensorHandle** retvals, int* num_retvals, TF_Status*);

// Graphs and functions
struct TF_Graph;
struct TF_Operation;
struct TF_OperationDescription;
struct TF_Function;
struct TF_FunctionOptions;
struct TF_Output {
  TF_Operation* oper;
  int index;
};
TF_Graph* TF_NewGraph();
void TF_DeleteGraph(TF_Graph*);
void TF_GraphSetTensorShape(TF_Graph*, TF_Output, const int64_t* dims, int num_dims, TF_Status*);
int TF_GraphGetTensorNumDims(TF_Graph*, TF_Output, TF_Status*);
void TF_GraphGetTensorShape(TF_Graph*, TF_Output, int64_t* dims, int num_dims, TF_Status*);
void TF_GraphGetOpDef(TF_Graph*, const char* op_name, TF_Buffer* output, TF_Status*);
TF_OperationDescription* TF_NewOperation(TF_Graph*, const char* type, const char* name);
TF_Operation* TF_FinishOperation(TF_OperationDescription*, TF_Status*);
void TF_AddInput(TF_OperationDescription*, TF_Output);
void TF_AddInputList(TF_OperationDescription*, const TF_Output* inputs, int count);
void TF_AddControlInput(TF_OperationDescription*, TF_Operation*);
void TF_SetAttrString(TF_OperationDescription*, const char* name, const void* value, size_t length);
void TF_SetAttrStringList(TF_OperationDescription*, const char* name, const void* const* values, const size_t* lengths, int count);
void TF_SetAttrInt(TF_OperationDescription*, const char* name, int64_t value);
void TF_SetAttrIntList(TF_OperationDescription*, const char* name, const int64_t* values, int count);
void TF_SetAttrFloat(TF_OperationDescription*, const char* name, float value);
void TF_SetAttrFloatList(TF_OperationDescription*, const char* name, const float* values, int count);
void TF_SetAttrBool(TF_OperationDescription*, const char* name, unsigned char value);
void TF_SetAttrBoolList(TF_OperationDescription*, const char* name, const unsigned char* values, int count);
void TF_SetAttrType(TF_OperationDescription*, const char* name, TF_DataType value);
void TF_SetAttrTypeList(TF_OperationDescription*, const char* name, const TF_DataType* values, int count);
void TF_SetAttrFuncName(TF_OperationDescription*, const char* name, const char* value, size_t length);
void TF_SetAttrShape(TF_OperationDescription*, const char* name, const int64_t* dims, int num_dims);
void TF_SetAttrShapeList(TF_OperationDescription*, const char* name, const int64_t* const* dims, const int* num_dims, int count);
void TF_SetAttrTensor(TF_OperationDescription*, const char* name, TF_Tensor*, TF_Status*);
const char* TF_OperationName(TF_Operation*);
int TF_OperationNumOutputs(TF_Operation*);
TF_DataType TF_OperationOutputType(TF_Output);
TF_Function* TF_GraphToFunctionWithControlOutputs(
    const TF_Graph*, const char* name, unsigned char append_hash, int num_opers, const TF_Operation* const* opers,
    int num_inputs, const TF_Output* inputs, int num_outputs, const TF_Output* outputs,
    const char* const* output_names, int num_control, const TF_Operation* const* control,
    const char* const* control_names, const TF_FunctionOptions*, const char* description, TF_Status*);
void TFE_ContextGetFunctionDef(TFE_Context*, const char* name, TF_Buffer* output, TF_Status*);
void TF_DeleteFunction(TF_Function*);
void TFE_ContextAddFunction(TFE_Context*, TF_Function*, TF_Status*);
void TFE_ContextRemoveFunction(TFE_Context*, const char* name, TF_Status*);

// Ops and kernels of one's own
struct TF_OpDefinitionBuilder;
struct TF_ShapeHandle;
struct TF_ShapeInferenceContext;
TF_OpDefinitionBuilder* TF_NewOpDefinitionBuilder(const char* op_name);
void TF_OpDefinitionBuilderAddAttr(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderAddInput(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderAddOutput(TF_OpDefinitionBuilder*, const char* spec);
void TF_OpDefinitionBuilderSetShapeInferenceFunction(TF_OpDefinitionBuilder*,
                                                     void (*infer)(TF_ShapeInferenceContext*, TF_Status*));
void TF_RegisterOpDefinition(TF_OpDefinitionBuilder*, TF_Status*);
TF_ShapeHandle* TF_NewShapeHandle();
void TF_DeleteShapeHandle(TF_ShapeHandle*);
void TF_ShapeInferenceContextGetInput(TF_ShapeInferenceContext*, int index, TF_ShapeHandle*, TF_Status*);
void TF_ShapeInferenceContextSetOutput(TF_ShapeInferenceContext*, int index, TF_ShapeHandle*, TF_Status*);
void TF_ShapeInferenceContextSetUnknownShape(TF_ShapeInferenceContext*, TF_Status*);
void TF_ShapeInferenceContextSubshape(TF_ShapeInferenceContext*, TF_ShapeHandle*, int64_t start, int64_t end,
                                      TF_ShapeHandle* result, TF_Status*);
void TF_ShapeInferenceContextConcatenateShapes(TF_ShapeInferenceContext*, TF_ShapeHandle* first, TF_ShapeHandle* second,
                                               TF_ShapeHandle* result, TF_Status*);

struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
TF_KernelBuilder* TF_NewKernelBuilder(const char* op_name, const char* device_name,
                                      void* (*create)(TF_OpKernelConstruction*),
                                      void (*compute)(void* kernel, TF_OpKernelContext*),
                                      void (*destroy)(void* kernel));
void TF_RegisterKernelBuilder(const char* kernel_name, TF_KernelBuilder*, TF_Status*);
void TF_OpKernelConstruction_GetAttrInt64(TF_OpKernelConstruction*, const char* name, int64_t* value, TF_Status*);
void TF_OpKernelConstruction_GetAttrFloat(TF_OpKernelConstruction*, const char* name, float* value, TF_Status*);
void TF_OpKernelConstruction_Failure(TF_OpKernelConstruction*, TF_Status*);
void TF_GetInput(TF_OpKernelContext*, int index, TF_Tensor** tensor, TF_Status*);
TF_Tensor* TF_AllocateOutput(TF_OpKernelContext*, int index, TF_DataType, const int64_t* dims, int num_dims, size_t len,
                             TF_Status*);
TF_Tensor* TF_ForwardInputOrAllocateOutput(TF_OpKernelContext*, const int* candidate_input_indices, int num_candidates,
                                           int output_index, const int64_t* dims, int num_dims, int* forwarded_input,
                                           TF_Status*);
void TF_OpKernelContext_Failure(TF_OpKernelContext*, TF_Status*);

}  // extern "C"
