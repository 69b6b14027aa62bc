#include "row-loops.h"

#include <cstring>

#include "vector-math.h"

namespace controlnet {
namespace {

// Sums along a row are made in sixteen parts, on every processor alike.
constexpr int64_t kLanes = 16;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));

// A macro rather than a function, so that no vector is passed between code for different processors.
#define CONTROLNET_LOAD(lanes, from) \
  Lanes lanes;                       \
  std::memcpy(&lanes, from, sizeof lanes)

}  // namespace

CONTROLNET_FOR_EACH_CPU
void AddShifted(const float* x, int64_t rows, int64_t channels, const float* __restrict shift, float* __restrict sums,
                float* __restrict squares) {
  int64_t row = 0;
  for (; row + 4 <= rows; row += 4, x += 4 * channels) {
    const float *x1 = x + channels, *x2 = x1 + channels, *x3 = x2 + channels;
    for (int64_t c = 0; c < channels; c++) {
      const float a = x[c] - shift[c], b = x1[c] - shift[c], d = x2[c] - shift[c], e = x3[c] - shift[c];
      sums[c] += (a + b) + (d + e);
      squares[c] += (a * a + b * b) + (d * d + e * e);
    }
  }
  for (; row < rows; row++, x += channels)
    for (int64_t c = 0; c < channels; c++) {
      const float a = x[c] - shift[c];
      sums[c] += a;
      squares[c] += a * a;
    }
}

CONTROLNET_FOR_EACH_CPU
void AddProducts(const float* x, const float* dy, int64_t rows, int64_t channels, const float* __restrict mean,
                 float* __restrict sums, float* __restrict products) {
  int64_t row = 0;
  for (; row + 2 <= rows; row += 2, x += 2 * channels, dy += 2 * channels) {
    const float *x1 = x + channels, *dy1 = dy + channels;
    for (int64_t c = 0; c < channels; c++) {
      sums[c] += dy[c] + dy1[c];
      products[c] += dy[c] * (x[c] - mean[c]) + dy1[c] * (x1[c] - mean[c]);
    }
  }
  for (; row < rows; row++, x += channels, dy += channels)
    for (int64_t c = 0; c < channels; c++) {
      sums[c] += dy[c];
      products[c] += dy[c] * (x[c] - mean[c]);
    }
}

CONTROLNET_FOR_EACH_CPU
void Normalise(const float* x, int64_t rows, int64_t channels, const float* __restrict mean,
               const float* __restrict factor, const float* __restrict offset, float* y) {
  for (int64_t row = 0; row < rows; row++, x += channels, y += channels) {
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; c++) y[c] = (x[c] - mean[c]) * factor[c] + offset[c];
  }
}

CONTROLNET_FOR_EACH_CPU
void NormaliseGradient(const float* x, const float* dy, int64_t rows, int64_t channels, const float* __restrict mean,
                       const float* __restrict dy_factor, const float* __restrict x_factor,
                       const float* __restrict offset, float* dx) {
  for (int64_t row = 0; row < rows; row++, x += channels, dy += channels, dx += channels) {
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; c++)
      dx[c] = dy[c] * dy_factor[c] + (x[c] - mean[c]) * x_factor[c] + offset[c];
  }
}

CONTROLNET_FOR_EACH_CPU
float Sum(const float* x, int64_t n) {
  Lanes sums{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    CONTROLNET_LOAD(a, x + i);
    sums += a;
  }
  float sum = 0;
  for (int64_t lane = 0; lane < kLanes; lane++) sum += sums[lane];
  for (; i < n; i++) sum += x[i];
  return sum;
}

CONTROLNET_FOR_EACH_CPU
void SumShifted(const float* x, int64_t n, float shift, float* sum, float* squares) {
  Lanes sums{}, products{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    CONTROLNET_LOAD(a, x + i);
    a -= shift;
    sums += a;
    products += a * a;
  }
  *sum = *squares = 0;
  for (int64_t lane = 0; lane < kLanes; lane++) {
    *sum += sums[lane];
    *squares += products[lane];
  }
  for (; i < n; i++) {
    *sum += x[i] - shift;
    *squares += (x[i] - shift) * (x[i] - shift);
  }
}

CONTROLNET_FOR_EACH_CPU
void NormaliseRow(const float* x, int64_t n, float mean, float inverse, const float* __restrict scale,
                  const float* __restrict bias, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) y[i] = (x[i] - mean) * inverse * scale[i] + bias[i];
}

CONTROLNET_FOR_EACH_CPU
void AddRowProducts(const float* x, const float* dy, int64_t n, float mean, float inverse,
                    const float* __restrict scale, float* sum, float* product, float* __restrict of_scale,
                    float* __restrict of_bias) {
  Lanes sums{}, products{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    CONTROLNET_LOAD(z, x + i);
    CONTROLNET_LOAD(d, dy + i);
    CONTROLNET_LOAD(s, scale + i);
    CONTROLNET_LOAD(a, of_scale + i);
    CONTROLNET_LOAD(b, of_bias + i);
    z = (z - mean) * inverse;
    a += d * z;
    b += d;
    std::memcpy(of_scale + i, &a, sizeof a);
    std::memcpy(of_bias + i, &b, sizeof b);
    d *= s;
    sums += d;
    products += d * z;
  }
  *sum = *product = 0;
  for (int64_t lane = 0; lane < kLanes; lane++) {
    *sum += sums[lane];
    *product += products[lane];
  }
  for (; i < n; i++) {
    const float z = (x[i] - mean) * inverse;
    of_scale[i] += dy[i] * z;
    of_bias[i] += dy[i];
    *sum += dy[i] * scale[i];
    *product += dy[i] * scale[i] * z;
  }
}

CONTROLNET_FOR_EACH_CPU
void NormaliseRowGradient(const float* x, const float* dy, int64_t n, float mean, float inverse,
                          const float* __restrict scale, float first, float second, float* dx) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++)
    dx[i] = inverse * (dy[i] * scale[i] - first - (x[i] - mean) * inverse * second);
}

}  // namespace controlnet
