#include "matrix-tiles.h"

#include <algorithm>

#include "vector-math.h"

namespace controlnet {
namespace {

// Rows of the right-hand matrix that are used up at a time: of three panels they fit into the first cache.
constexpr int64_t kInner = 256;

// One product on its way: a [.., inner] times panels that are `panel` floats apart.
struct Product {
  Strided a;
  const float* panels;
  int64_t panel, inner;
  float* c;
  int64_t stride;
  bool add;
};

// A tile of c is kept in registers: `Rows` rows of `Panels` panels, a panel being one vector or several.
template <int Rows, int Panels, int Width>
CONTROLNET_INLINE void MultiplyTile(const Product& p, int64_t row) {
  typedef float Vector __attribute__((vector_size(Width * sizeof(float)), aligned(4), may_alias));
  constexpr int kEach = static_cast<int>(kPanel) / Width;
  constexpr int kVectors = Panels * kEach;
  const float* a = p.a.data + row * p.a.row;
  float* c = p.c + row * p.stride;
  Vector sums[Rows][kVectors];
  for (int i = 0; i < Rows; i++)
    for (int j = 0; j < kVectors; j++)
      sums[i][j] = p.add ? *reinterpret_cast<const Vector*>(c + i * p.stride + j * Width) : Vector{};
  for (int64_t k = 0; k < p.inner; k++) {
    Vector b[kVectors];
    for (int j = 0; j < kVectors; j++)
      b[j] = *reinterpret_cast<const Vector*>(p.panels + j / kEach * p.panel + k * kPanel + j % kEach * Width);
    for (int i = 0; i < Rows; i++) {
      const float left = a[i * p.a.row + k * p.a.column];
      for (int j = 0; j < kVectors; j++) sums[i][j] += left * b[j];
    }
  }
  for (int i = 0; i < Rows; i++)
    for (int j = 0; j < kVectors; j++) *reinterpret_cast<Vector*>(c + i * p.stride + j * Width) = sums[i][j];
}

// All rows of some panels: whole tiles, then what is left row by row.
template <int Rows, int Panels, int Width>
CONTROLNET_INLINE void MultiplyPanels(int64_t rows, Product& p, int64_t& left) {
  for (; left >= Panels; left -= Panels) {
    int64_t row = 0;
    for (; row + Rows <= rows; row += Rows) MultiplyTile<Rows, Panels, Width>(p, row);
    for (; row < rows; row++) MultiplyTile<1, Panels, Width>(p, row);
    p.panels += Panels * p.panel;
    p.c += Panels * kPanel;
  }
}

template <int Rows, int Panels, int Width>
CONTROLNET_INLINE void MultiplyAll(int64_t rows, int64_t columns, int64_t inner, Strided a, const float* panels,
                                   float* c, int64_t stride, bool add) {
  for (int64_t k = 0; k < inner; k += kInner) {
    Product p{{a.data + k * a.column, a.row, a.column}, panels + k * kPanel, inner * kPanel,
              std::min(kInner, inner - k), c, stride, add || k > 0};
    int64_t left = Padded(columns) / kPanel;
    MultiplyPanels<Rows, Panels, Width>(rows, p, left);
    if constexpr (Panels > 2) MultiplyPanels<Rows, 2, Width>(rows, p, left);
    MultiplyPanels<Rows, 1, Width>(rows, p, left);
  }
}

using MultiplyFunction = void(int64_t, int64_t, int64_t, Strided, const float*, float*, int64_t, bool);

#define CONTROLNET_MULTIPLY(name, rows_of_tile, panels_of_tile, width)                                            \
  void name(int64_t rows, int64_t columns, int64_t inner, Strided a, const float* panels, float* c, int64_t stride, \
            bool add) {                                                                                             \
    MultiplyAll<rows_of_tile, panels_of_tile, width>(rows, columns, inner, a, panels, c, stride, add);              \
  }

// The tile fills the registers: 32 of 16 floats, 16 of 8, or 16 to 32 of 4.
#if defined(__x86_64__) && defined(__GNUC__)
__attribute__((target("avx512f,fma"))) CONTROLNET_MULTIPLY(MultiplyAvx512, 8, 3, 16)
__attribute__((target("avx2,fma"))) CONTROLNET_MULTIPLY(MultiplyAvx2, 6, 1, 8)
#endif
CONTROLNET_MULTIPLY(MultiplyPlain, 3, 1, 4)

MultiplyFunction* ChooseMultiply() {
#if defined(__x86_64__) && defined(__GNUC__)
  if (__builtin_cpu_supports("avx512f")) return MultiplyAvx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return MultiplyAvx2;
#endif
  return MultiplyPlain;
}

}  // namespace

void Multiply(int64_t rows, int64_t columns, int64_t inner, Strided a, const float* panels, float* c, int64_t stride,
              bool add) {
  static MultiplyFunction* const best = ChooseMultiply();
  best(rows, columns, inner, a, panels, c, stride, add);
}

void Pack(Strided from, int64_t rows, int64_t columns, float* panels) {
  for (int64_t first = 0; first < columns; first += kPanel) {
    const int64_t width = std::min(kPanel, columns - first);
    for (int64_t row = 0; row < rows; row++, panels += kPanel) {
      const float* values = from.data + row * from.row + first * from.column;
      for (int64_t j = 0; j < width; j++) panels[j] = values[j * from.column];
      for (int64_t j = width; j < kPanel; j++) panels[j] = 0;
    }
  }
}

}  // namespace controlnet
