#include "row-loops.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) && \
    !defined(__SANITIZE_ADDRESS__)
#define CONTROLNET_FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CONTROLNET_FOR_EACH_CPU
#endif

namespace controlnet {

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

}  // namespace controlnet
