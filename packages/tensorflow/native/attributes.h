// Op attributes given as [{name, type, value}], set on an eager op or on a graph node.
#pragma once

#include "owned.h"

namespace controlnet {

void SetAttributes(Napi::Env env, TFE_Op* op, const Napi::Value& attributes);
void SetAttributes(Napi::Env env, TF_OperationDescription* node, const Napi::Value& attributes);

}  // namespace controlnet
