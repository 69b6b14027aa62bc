// Group normalisation as two ops: ControlNetGroupNorm and ControlNetGroupNormGrad.
#pragma once

namespace controlnet {

void RegisterGroupNorm();

}  // namespace controlnet
