// Inner loops over rows of channels, one row after the other in memory, compiled for several instruction sets. What
// has one value a channel is an array of `channels` floats.
#pragma once

#include <cstdint>

namespace controlnet {

// Adds x - shift to `sums` and its square to `squares`.
void AddShifted(const float* x, int64_t rows, int64_t channels, const float* shift, float* sums, float* squares);

// Adds dy to `sums` and dy * (x - mean) to `products`.
void AddProducts(const float* x, const float* dy, int64_t rows, int64_t channels, const float* mean, float* sums,
                 float* products);

// y = (x - mean) * factor + offset; y may be x.
void Normalise(const float* x, int64_t rows, int64_t channels, const float* mean, const float* factor,
               const float* offset, float* y);

// dx = dy * dy_factor + (x - mean) * x_factor + offset; dx may be x or dy.
void NormaliseGradient(const float* x, const float* dy, int64_t rows, int64_t channels, const float* mean,
                       const float* dy_factor, const float* x_factor, const float* offset, float* dx);

}  // namespace controlnet
