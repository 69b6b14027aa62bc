// SiLU, GELU, CLIP's GELU and GEGLU, each as one op and its gradient as another: ControlNetSiLU, ControlNetSiLUGrad ...
#pragma once

namespace controlnet {

void RegisterActivations();

}  // namespace controlnet
