// Layer normalisation as two ops: ControlNetLayerNorm and ControlNetLayerNormGrad.
#pragma once

namespace controlnet {

void RegisterLayerNorm();

}  // namespace controlnet
