// Products of small matrices for kernels that keep what they work on in the processor's caches: what attention needs,
// not a library. Row-major float32, no threads.
#pragma once

#include <cstdint>

namespace controlnet {

// Columns of a right-hand matrix are kept in panels of this many, one panel after the other, each [rows, kPanel] and
// filled up with zeros: `rows * Padded(columns)` floats in all.
constexpr int64_t kPanel = 16;

inline int64_t Padded(int64_t columns) { return (columns + kPanel - 1) / kPanel * kPanel; }

// A matrix and how far apart its rows and its columns are, in floats.
struct Strided {
  const float* data;
  int64_t row, column;
};

// Packs `from` [rows, columns] as a right-hand matrix.
void Pack(Strided from, int64_t rows, int64_t columns, float* panels);

// c [rows, Padded(columns)] with rows `stride` apart = or += (`add`) a [rows, inner] times the packed matrix
// [inner, columns].
void Multiply(int64_t rows, int64_t columns, int64_t inner, Strided a, const float* panels, float* c, int64_t stride,
              bool add);

}  // namespace controlnet
