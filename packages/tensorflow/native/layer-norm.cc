#include "layer-norm.h"

#include <algorithm>
#include <cmath>

#include "op-kernel.h"
#include "row-loops.h"
#include "thread-pool.h"

namespace controlnet {
namespace {

// Floats of one chunk of rows.
constexpr int64_t kChunk = 1 << 14;
// Rows whose float32 sums are still exact enough.
constexpr int64_t kMostRows = 1 << 10;
// Floats that one thread has done before another one has woken up.
constexpr int64_t kAlone = 1 << 15;

// How [..., features] is cut into rows, and these into chunks: by shape alone, so that the same sums are made on any
// number of threads.
struct Plan {
  int64_t rows = 1, features, rows_in_chunk, chunks;
  Dims statistics;

  Plan(const Dims& x, const OwnedTensor& scale) : statistics(x) {
    if (x.empty() || DimsOf(scale) != Dims{x.back()})
      throw KernelFailure{kInvalidArgument, "expected a scale and a bias for each feature; got an input of shape " +
                                                Text(x) + " and a scale of shape " + Text(DimsOf(scale))};
    features = x.back();
    statistics.back() = 1;
    for (int64_t dim : statistics) rows *= dim;
    rows_in_chunk = std::clamp<int64_t>(kChunk / std::max<int64_t>(features, 1), 1, kMostRows);
    chunks = (rows + rows_in_chunk - 1) / rows_in_chunk;
  }

  // Calls `run(chunk, first row, last row + 1)` for each chunk.
  template <typename Run>
  void ForEachChunk(Run run) const {
    auto task = [&](int64_t chunk) {
      const int64_t first = chunk * rows_in_chunk;
      run(chunk, first, std::min(rows, first + rows_in_chunk));
    };
    ParallelFor(chunks, rows * features < kAlone, task);
  }
};

class LayerNorm {
 public:
  explicit LayerNorm(KernelAttributes& attributes) : epsilon_(attributes.Float("epsilon")) {}

  void Compute(KernelContext& context) const {
    const OwnedTensor scale = context.Input(1), bias = context.Input(2);
    const Dims dims = DimsOf(context.Input(0));
    const Plan plan(dims, scale);
    if (DimsOf(bias) != DimsOf(scale)) throw KernelFailure{kInvalidArgument, "the bias has the shape " + Text(DimsOf(bias))};
    const OwnedTensor output = context.OutputOver({0}, 0, dims);
    const OwnedTensor input = context.Input(0);
    const OwnedTensor mean = context.Output(1, plan.statistics), inverse = context.Output(2, plan.statistics);
    const int64_t n = plan.features;
    plan.ForEachChunk([&](int64_t, int64_t first, int64_t end) {
      for (int64_t row = first; row < end; row++) {
        const float* x = FloatsOf(input) + row * n;
        // The second sums are around the first mean, so that numbers far from zero keep their digits.
        const float near = Sum(x, n) / static_cast<float>(n);
        float sum, squares;
        SumShifted(x, n, near, &sum, &squares);
        const double rest = static_cast<double>(sum) / static_cast<double>(n);
        const double variance = static_cast<double>(squares) / static_cast<double>(n) - rest * rest;
        const float average = static_cast<float>(near + rest);
        const float by = static_cast<float>(1 / std::sqrt((variance < 0 ? 0 : variance) + epsilon_));
        FloatsOf(mean)[row] = average;
        FloatsOf(inverse)[row] = by;
        NormaliseRow(x, n, average, by, FloatsOf(scale), FloatsOf(bias), FloatsOf(output) + row * n);
      }
    });
  }

 private:
  float epsilon_;
};

class LayerNormGradient {
 public:
  explicit LayerNormGradient(KernelAttributes&) {}

  void Compute(KernelContext& context) const {
    const OwnedTensor scale = context.Input(2), mean = context.Input(3), inverse = context.Input(4);
    const Dims dims = DimsOf(context.Input(0));
    const Plan plan(dims, scale);
    if (DimsOf(context.Input(1)) != dims || DimsOf(mean) != plan.statistics || DimsOf(inverse) != plan.statistics)
      throw KernelFailure{kInvalidArgument, "the gradient or the statistics don't fit an input of shape " + Text(dims)};
    const OwnedTensor output = context.OutputOver({1, 0}, 0, dims);
    const OwnedTensor input = context.Input(0), upstream = context.Input(1);
    const OwnedTensor scale_gradient = context.Output(1, {plan.features});
    const OwnedTensor bias_gradient = context.Output(2, {plan.features});
    const int64_t n = plan.features;
    std::vector<float> sums(2 * plan.chunks * n);
    plan.ForEachChunk([&](int64_t chunk, int64_t first, int64_t end) {
      float *of_scale = sums.data() + 2 * chunk * n, *of_bias = of_scale + n;
      for (int64_t row = first; row < end; row++) {
        const float *x = FloatsOf(input) + row * n, *dy = FloatsOf(upstream) + row * n;
        const float average = FloatsOf(mean)[row], by = FloatsOf(inverse)[row];
        float total, product;
        AddRowProducts(x, dy, n, average, by, FloatsOf(scale), &total, &product, of_scale, of_bias);
        // dx = inverse * (dy * scale - mean of it - normalised x * mean of (dy * scale * normalised x))
        NormaliseRowGradient(x, dy, n, average, by, FloatsOf(scale), total / static_cast<float>(n),
                             product / static_cast<float>(n), FloatsOf(output) + row * n);
      }
    });
    std::vector<double> totals(2 * n);
    for (int64_t chunk = 0; chunk < plan.chunks; chunk++)
      for (int64_t i = 0; i < 2 * n; i++) totals[i] += sums[2 * chunk * n + i];
    for (int64_t i = 0; i < n; i++) {
      FloatsOf(scale_gradient)[i] = static_cast<float>(totals[i]);
      FloatsOf(bias_gradient)[i] = static_cast<float>(totals[n + i]);
    }
  }
};

}  // namespace

void RegisterLayerNorm() {
  RegisterOp<LayerNorm>({"ControlNetLayerNorm",
                         {"x: float", "scale: float", "bias: float"},
                         {"y: float", "mean: float", "inverse: float"},
                         {"epsilon: float"}});
  RegisterOp<LayerNormGradient>({"ControlNetLayerNormGrad",
                                 {"x: float", "dy: float", "scale: float", "mean: float", "inverse: float"},
                                 {"dx: float", "scale_gradient: float", "bias_gradient: float"},
                                 {}});
}

}  // namespace controlnet
