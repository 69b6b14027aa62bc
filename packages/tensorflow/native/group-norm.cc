#include "group-norm.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>
#include <thread>

#include "op-kernel.h"
#include "row-loops.h"
#include "thread-pool.h"

namespace controlnet {
namespace {

// Floats of one chunk of rows: small enough to share out, large enough that what is done once a chunk costs little.
constexpr int64_t kChunk = 1 << 16;
// Rows whose float32 sums are still exact enough.
constexpr int64_t kMostRows = 1 << 10;
// Floats that one thread has done before another one has woken up.
constexpr int64_t kAlone = 1 << 16;
// Rows of a chunk whose mean is near enough to the chunk's to sum squares around it.
constexpr int64_t kShiftRows = 4;

// How images of [rows, channels] are cut up: by shape alone, so that the same sums are made on any number of threads.
struct Plan {
  int64_t batch, rows, channels, groups, rows_in_chunk, chunks;

  Plan(const Dims& x, int64_t groups, const OwnedTensor& scale) : groups(groups) {
    if (x.size() < 2 || groups < 1 || x.back() % groups != 0 || DimsOf(scale) != Dims{x.back()})
      throw KernelFailure{kInvalidArgument, "expected a scale and a bias for each channel, in " +
                                                std::to_string(groups) + " groups; got an input of shape " + Text(x) +
                                                " and a scale of shape " + Text(DimsOf(scale))};
    batch = x.front();
    channels = x.back();
    rows = 1;
    for (size_t i = 1; i + 1 < x.size(); i++) rows *= x[i];
    rows_in_chunk = std::clamp<int64_t>(kChunk / std::max<int64_t>(channels, 1), 1, kMostRows);
    chunks = (rows + rows_in_chunk - 1) / rows_in_chunk;
  }

  int64_t InGroup() const { return channels / groups; }
  int64_t FirstRow(int64_t chunk) const { return chunk * rows_in_chunk; }
  int64_t Rows(int64_t chunk) const { return std::min(rows_in_chunk, rows - FirstRow(chunk)); }
  int64_t Offset(int64_t image, int64_t chunk) const { return (image * rows + FirstRow(chunk)) * channels; }
  Dims StatisticsDims() const { return {batch, 1, channels}; }

  // For each image: `sum` for each chunk, `combine` once all of these are done, `apply` for each chunk.
  template <typename Sum, typename Combine, typename Apply>
  void Run(Sum sum, Combine combine, Apply apply) const {
    if (chunks == 0) return;
    const auto missing = std::make_unique<std::atomic<int64_t>[]>(batch);
    for (int64_t i = 0; i < batch; i++) missing[i] = chunks;
    // A chunk alone is normalised while it is in the cache; of several the last summed ones still are.
    const int64_t steps = chunks == 1 ? 1 : 2 * chunks;
    auto task = [&](int64_t i) {
      const int64_t image = i / steps;
      const int64_t step = i % steps;
      if (step < chunks) {
        sum(image, step);
        if (missing[image].fetch_sub(1, std::memory_order_acq_rel) == 1) {
          combine(image);
          missing[image].store(-1, std::memory_order_release);
        }
        if (chunks > 1) return;
      }
      // Chunks of a lower number are in work on threads that wait for nothing.
      for (int spins = 0; missing[image].load(std::memory_order_acquire) >= 0; spins++)
        if (spins > 1000) std::this_thread::yield();
      apply(image, chunks == 1 ? 0 : 2 * chunks - 1 - step);
    };
    ParallelFor(batch * steps, batch * rows * channels < kAlone, task);
  }
};

class GroupNorm {
 public:
  explicit GroupNorm(KernelAttributes& attributes)
      : groups_(attributes.Int("groups")), epsilon_(attributes.Float("epsilon")) {}

  void Compute(KernelContext& context) const {
    const OwnedTensor scale = context.Input(1), bias = context.Input(2);
    const Dims dims = DimsOf(context.Input(0));
    const Plan plan(dims, groups_, scale);
    if (DimsOf(bias) != DimsOf(scale)) throw KernelFailure{kInvalidArgument, "the bias has the shape " + Text(DimsOf(bias))};
    const OwnedTensor output = context.OutputOver({0}, 0, dims);
    const OwnedTensor input = context.Input(0);
    const OwnedTensor mean = context.Output(1, plan.StatisticsDims());
    const OwnedTensor inverse = context.Output(2, plan.StatisticsDims());
    const float* x = FloatsOf(input);
    float* y = FloatsOf(output);
    const int64_t channels = plan.channels, size = plan.InGroup();

    std::vector<double> means(plan.batch * plan.chunks * groups_), deviations(means.size());
    std::vector<float> sums(3 * plan.batch * plan.chunks * channels), factors(plan.batch * channels);

    // Mean and sum of squared deviations of each group's part in a chunk.
    auto sum = [&](int64_t image, int64_t chunk) {
      const float* first = x + plan.Offset(image, chunk);
      const int64_t rows = plan.Rows(chunk), place = image * plan.chunks + chunk;
      float* shift = sums.data() + 3 * place * channels;
      float *total = shift + channels, *squares = total + channels;
      const int64_t some = std::min(rows, kShiftRows);
      for (int64_t row = 0; row < some; row++)
        for (int64_t c = 0; c < channels; c++) shift[c] += first[row * channels + c] / static_cast<float>(some);
      AddShifted(first, rows, channels, shift, total, squares);
      const double n = static_cast<double>(rows);
      for (int64_t g = 0; g < groups_; g++) {
        double mean_of_group = 0, deviation = 0;
        for (int64_t c = g * size; c < (g + 1) * size; c++) mean_of_group += shift[c] + total[c] / n;
        mean_of_group /= static_cast<double>(size);
        for (int64_t c = g * size; c < (g + 1) * size; c++) {
          // Sum of (x - m)^2 from the sums around the shift: d = shift - m.
          const double d = shift[c] - mean_of_group;
          deviation += squares[c] + d * (2 * total[c] + n * d);
        }
        means[place * groups_ + g] = mean_of_group;
        deviations[place * groups_ + g] = deviation;
      }
    };
    auto combine = [&](int64_t image) {
      const double count = static_cast<double>(plan.rows * size);
      const double* chunk_means = means.data() + image * plan.chunks * groups_;
      const double* chunk_deviations = deviations.data() + image * plan.chunks * groups_;
      for (int64_t g = 0; g < groups_; g++) {
        double mean_of_group = 0, deviation = 0;
        for (int64_t k = 0; k < plan.chunks; k++)
          mean_of_group += chunk_means[k * groups_ + g] * static_cast<double>(plan.Rows(k) * size);
        mean_of_group /= count;
        for (int64_t k = 0; k < plan.chunks; k++) {
          const double d = chunk_means[k * groups_ + g] - mean_of_group;
          deviation += chunk_deviations[k * groups_ + g] + d * d * static_cast<double>(plan.Rows(k) * size);
        }
        const double variance = deviation < 0 ? 0 : deviation / count;
        const double inverse_deviation = 1 / std::sqrt(variance + epsilon_);
        for (int64_t c = g * size; c < (g + 1) * size; c++) {
          const int64_t place = image * channels + c;
          FloatsOf(mean)[place] = static_cast<float>(mean_of_group);
          FloatsOf(inverse)[place] = static_cast<float>(inverse_deviation);
          factors[place] = static_cast<float>(inverse_deviation * FloatsOf(scale)[c]);
        }
      }
    };
    auto apply = [&](int64_t image, int64_t chunk) {
      const int64_t offset = plan.Offset(image, chunk);
      Normalise(x + offset, plan.Rows(chunk), channels, FloatsOf(mean) + image * channels,
                factors.data() + image * channels, FloatsOf(bias), y + offset);
    };
    plan.Run(sum, combine, apply);
  }

 private:
  int64_t groups_;
  float epsilon_;
};

class GroupNormGradient {
 public:
  explicit GroupNormGradient(KernelAttributes& attributes) : groups_(attributes.Int("groups")) {}

  void Compute(KernelContext& context) const {
    const OwnedTensor scale = context.Input(2), mean = context.Input(3), inverse = context.Input(4);
    const Dims dims = DimsOf(context.Input(0));
    const Plan plan(dims, groups_, scale);
    if (DimsOf(context.Input(1)) != dims || DimsOf(mean) != plan.StatisticsDims() || DimsOf(inverse) != DimsOf(mean))
      throw KernelFailure{kInvalidArgument, "the gradient or the statistics don't fit an input of shape " + Text(dims)};
    const OwnedTensor output = context.OutputOver({1, 0}, 0, dims);
    const OwnedTensor input = context.Input(0), upstream = context.Input(1);
    const OwnedTensor scale_gradient = context.Output(1, {plan.channels});
    const OwnedTensor bias_gradient = context.Output(2, {plan.channels});
    const float *x = FloatsOf(input), *dy = FloatsOf(upstream);
    float* dx = FloatsOf(output);
    const int64_t channels = plan.channels, size = plan.InGroup();

    std::vector<float> sums(2 * plan.batch * plan.chunks * channels), factors(3 * plan.batch * channels);
    std::vector<double> totals(2 * plan.batch * channels);

    auto sum = [&](int64_t image, int64_t chunk) {
      const int64_t offset = plan.Offset(image, chunk);
      float* total = sums.data() + 2 * (image * plan.chunks + chunk) * channels;
      AddProducts(x + offset, dy + offset, plan.Rows(chunk), channels, FloatsOf(mean) + image * channels, total,
                  total + channels);
    };
    auto combine = [&](int64_t image) {
      double* total = totals.data() + 2 * image * channels;
      double* products = total + channels;
      const float* inverses = FloatsOf(inverse) + image * channels;
      for (int64_t k = 0; k < plan.chunks; k++) {
        const float* part = sums.data() + 2 * (image * plan.chunks + k) * channels;
        for (int64_t c = 0; c < 2 * channels; c++) total[c] += part[c];
      }
      for (int64_t c = 0; c < channels; c++) products[c] *= inverses[c];
      // dx = inverse * (dy * scale - first - normalised x * second), as one factor each for dy, x - mean and 1.
      float* dy_factor = factors.data() + 3 * image * channels;
      float *x_factor = dy_factor + channels, *constant = x_factor + channels;
      const double count = static_cast<double>(plan.rows * size);
      for (int64_t g = 0; g < groups_; g++) {
        double first = 0, second = 0;
        for (int64_t c = g * size; c < (g + 1) * size; c++) {
          first += total[c] * FloatsOf(scale)[c];
          second += products[c] * FloatsOf(scale)[c];
        }
        for (int64_t c = g * size; c < (g + 1) * size; c++) {
          const double by = inverses[c];
          dy_factor[c] = static_cast<float>(by * FloatsOf(scale)[c]);
          x_factor[c] = static_cast<float>(-by * by * second / count);
          constant[c] = static_cast<float>(-by * first / count);
        }
      }
    };
    auto apply = [&](int64_t image, int64_t chunk) {
      const int64_t offset = plan.Offset(image, chunk);
      const float* factor = factors.data() + 3 * image * channels;
      NormaliseGradient(x + offset, dy + offset, plan.Rows(chunk), channels, FloatsOf(mean) + image * channels, factor,
                        factor + channels, factor + 2 * channels, dx + offset);
    };
    plan.Run(sum, combine, apply);

    for (int64_t c = 0; c < channels; c++) {
      double of_scale = 0, of_bias = 0;
      for (int64_t image = 0; image < plan.batch; image++) {
        of_bias += totals[2 * image * channels + c];
        of_scale += totals[(2 * image + 1) * channels + c];
      }
      FloatsOf(scale_gradient)[c] = static_cast<float>(of_scale);
      FloatsOf(bias_gradient)[c] = static_cast<float>(of_bias);
    }
  }

 private:
  int64_t groups_;
};

}  // namespace

void RegisterGroupNorm() {
  RegisterOp<GroupNorm>({"ControlNetGroupNorm",
                         {"x: float", "scale: float", "bias: float"},
                         {"y: float", "mean: float", "inverse: float"},
                         {"groups: int >= 1", "epsilon: float"}});
  RegisterOp<GroupNormGradient>({"ControlNetGroupNormGrad",
                                 {"x: float", "dy: float", "scale: float", "mean: float", "inverse: float"},
                                 {"dx: float", "scale_gradient: float", "bias_gradient: float"},
                                 {"groups: int >= 1"}});
}

}  // namespace controlnet
