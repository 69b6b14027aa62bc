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

// What follows works on one row of n floats.
float Sum(const float* x, int64_t n);

// The sums of x - shift and of its square.
void SumShifted(const float* x, int64_t n, float shift, float* sum, float* squares);

// y = (x - mean) * inverse * scale + bias; y may be x.
void NormaliseRow(const float* x, int64_t n, float mean, float inverse, const float* scale, const float* bias, float* y);

// With z = (x - mean) * inverse: the sums of dy * scale and of dy * scale * z; and dy * z and dy are added to
// `of_scale` and `of_bias`.
void AddRowProducts(const float* x, const float* dy, int64_t n, float mean, float inverse, const float* scale,
                    float* sum, float* product, float* of_scale, float* of_bias);

// dx = inverse * (dy * scale - first - z * second); dx may be x or dy.
void NormaliseRowGradient(const float* x, const float* dy, int64_t n, float mean, float inverse, const float* scale,
                          float first, float second, float* dx);

}  // namespace controlnet
