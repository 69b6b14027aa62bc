#include "activations.h"

#include <algorithm>

#include "op-kernel.h"
#include "thread-pool.h"
#include "vector-math.h"

namespace controlnet {
namespace {

// Floats of one task.
constexpr int64_t kChunk = 1 << 14;
// Floats that one thread has done before another one has woken up.
constexpr int64_t kAlone = 1 << 15;

using Value = void(const float* x, int64_t n, float* y);
using Gradient = void(const float* x, const float* dy, int64_t n, float* dx);

// y and dx may be x or dy in all of these.

CONTROLNET_FOR_EACH_CPU
void SiLU(const float* x, int64_t n, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * Sigmoid(x[i]);
}

CONTROLNET_FOR_EACH_CPU
void SiLUGradient(const float* x, const float* dy, int64_t n, float* dx) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) {
    const float s = Sigmoid(x[i]);
    dx[i] = dy[i] * (s * (1.0f + x[i] * (1.0f - s)));
  }
}

// CLIP's GELU: x * sigmoid(1.702 x).
CONTROLNET_FOR_EACH_CPU
void QuickGELU(const float* x, int64_t n, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * Sigmoid(1.702f * x[i]);
}

CONTROLNET_FOR_EACH_CPU
void QuickGELUGradient(const float* x, const float* dy, int64_t n, float* dx) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) {
    const float s = Sigmoid(1.702f * x[i]);
    dx[i] = dy[i] * (s * (1.0f + 1.702f * x[i] * (1.0f - s)));
  }
}

constexpr float kDensity = 0.3989422804f;  // 1 / sqrt(2 pi)

CONTROLNET_FOR_EACH_CPU
void GELU(const float* x, int64_t n, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) y[i] = x[i] * NormalAt(x[i]).cdf;
}

CONTROLNET_FOR_EACH_CPU
void GELUGradient(const float* x, const float* dy, int64_t n, float* dx) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) {
    const Normal at = NormalAt(x[i]);
    dx[i] = dy[i] * (at.cdf + x[i] * (kDensity * at.bell));
  }
}

// y = value * gelu(gate)
CONTROLNET_FOR_EACH_CPU
void GatedRow(const float* value, const float* gate, int64_t n, float* y) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) y[i] = value[i] * (gate[i] * NormalAt(gate[i]).cdf);
}

// d_value and d_gate may be value and gate.
CONTROLNET_FOR_EACH_CPU
void GatedRowGradient(const float* value, const float* gate, const float* dy, int64_t n, float* d_value,
                      float* d_gate) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) {
    const Normal at = NormalAt(gate[i]);
    const float slope = at.cdf + gate[i] * (kDensity * at.bell);
    const float of_gate = dy[i] * value[i] * slope;
    d_value[i] = dy[i] * (gate[i] * at.cdf);
    d_gate[i] = of_gate;
  }
}

int64_t CountOf(const Dims& dims) {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

// Calls `run(first, end)` for all of [0, count) in pieces of `each`.
template <typename Run>
void ForEachPiece(int64_t count, int64_t each, bool alone, Run run) {
  auto task = [&](int64_t i) { run(i * each, std::min(count, (i + 1) * each)); };
  ParallelFor((count + each - 1) / each, alone, task);
}

template <Value* Loop>
class Elementwise {
 public:
  explicit Elementwise(KernelAttributes&) {}
  void Compute(KernelContext& context) const {
    const Dims dims = DimsOf(context.Input(0));
    const OwnedTensor output = context.OutputOver({0}, 0, dims);
    const OwnedTensor input = context.Input(0);
    const float* x = FloatsOf(input);
    float* y = FloatsOf(output);
    const int64_t count = CountOf(dims);
    ForEachPiece(count, kChunk, count < kAlone, [&](int64_t i, int64_t end) { Loop(x + i, end - i, y + i); });
  }
};

template <Gradient* Loop>
class ElementwiseGradient {
 public:
  explicit ElementwiseGradient(KernelAttributes&) {}
  void Compute(KernelContext& context) const {
    const Dims dims = DimsOf(context.Input(0));
    if (DimsOf(context.Input(1)) != dims)
      throw KernelFailure{kInvalidArgument, "the gradient does not fit an input of shape " + Text(dims)};
    const OwnedTensor output = context.OutputOver({1, 0}, 0, dims);
    const OwnedTensor input = context.Input(0), upstream = context.Input(1);
    const float *x = FloatsOf(input), *dy = FloatsOf(upstream);
    float* dx = FloatsOf(output);
    const int64_t count = CountOf(dims);
    ForEachPiece(count, kChunk, count < kAlone,
                 [&](int64_t i, int64_t end) { Loop(x + i, dy + i, end - i, dx + i); });
  }
};

// Rows of 2 n floats, a value and a gate of n each.
struct GatedRows {
  int64_t n, rows, each;
  Dims output;

  explicit GatedRows(const Dims& x) : output(x) {
    if (x.empty() || x.back() % 2 != 0)
      throw KernelFailure{kInvalidArgument, "expected an even number of features, got an input of shape " + Text(x)};
    n = output.back() = x.back() / 2;
    rows = n == 0 ? 0 : CountOf(output) / n;
    each = std::max<int64_t>(1, kChunk / std::max<int64_t>(1, n));
  }
  bool Alone() const { return rows * n < kAlone; }
};

class GEGLU {
 public:
  explicit GEGLU(KernelAttributes&) {}
  void Compute(KernelContext& context) const {
    const OwnedTensor input = context.Input(0);
    const GatedRows plan(DimsOf(input));
    const OwnedTensor output = context.Output(0, plan.output);
    const float* x = FloatsOf(input);
    float* y = FloatsOf(output);
    const int64_t n = plan.n;
    ForEachPiece(plan.rows, plan.each, plan.Alone(), [&](int64_t row, int64_t end) {
      for (; row < end; row++) GatedRow(x + row * 2 * n, x + row * 2 * n + n, n, y + row * n);
    });
  }
};

class GEGLUGradient {
 public:
  explicit GEGLUGradient(KernelAttributes&) {}
  void Compute(KernelContext& context) const {
    const Dims dims = DimsOf(context.Input(0));
    const GatedRows plan(dims);
    const OwnedTensor upstream = context.Input(1);
    if (DimsOf(upstream) != plan.output)
      throw KernelFailure{kInvalidArgument, "the gradient does not fit an input of shape " + Text(dims)};
    const OwnedTensor output = context.OutputOver({0}, 0, dims);
    const OwnedTensor input = context.Input(0);
    const float *x = FloatsOf(input), *dy = FloatsOf(upstream);
    float* dx = FloatsOf(output);
    const int64_t n = plan.n;
    ForEachPiece(plan.rows, plan.each, plan.Alone(), [&](int64_t row, int64_t end) {
      for (; row < end; row++) {
        const int64_t at = row * 2 * n;
        GatedRowGradient(x + at, x + at + n, dy + row * n, n, dx + at, dx + at + n);
      }
    });
  }
};

template <Value* Forward, Gradient* Backward>
void RegisterElementwise(const char* name, const char* gradient) {
  RegisterOp<Elementwise<Forward>>({name, {"x: float"}, {"y: float"}, {}});
  RegisterOp<ElementwiseGradient<Backward>>({gradient, {"x: float", "dy: float"}, {"dx: float"}, {}});
}

}  // namespace

void RegisterActivations() {
  RegisterElementwise<SiLU, SiLUGradient>("ControlNetSiLU", "ControlNetSiLUGrad");
  RegisterElementwise<GELU, GELUGradient>("ControlNetGELU", "ControlNetGELUGrad");
  RegisterElementwise<QuickGELU, QuickGELUGradient>("ControlNetQuickGELU", "ControlNetQuickGELUGrad");
  // Half the features of the input: the shape is for the caller to say.
  RegisterOp<GEGLU>({"ControlNetGEGLU", {"x: float"}, {"y: float"}, {}, UnknownShapes});
  RegisterOp<GEGLUGradient>({"ControlNetGEGLUGrad", {"x: float", "dy: float"}, {"dx: float"}, {}});
}

}  // namespace controlnet
