// Scaled dot-product attention as two ops: ControlNetAttention and ControlNetAttentionGrad.
#pragma once

namespace controlnet {

void RegisterAttention();

}  // namespace controlnet
