#include "attention.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>

#include "matrix-tiles.h"
#include "op-kernel.h"
#include "thread-pool.h"
#include "vector-math.h"

// A block of query rows is worked on at a time, and its scores against all keys stay in the second-level cache: they
// are made, turned into weights and used there (the tiling of Dao et al., FlashAttention, 2022, with whole rows, so that
// the softmax is the plain one).
namespace controlnet {
namespace {

// Floats of one block of scores, where a few rows of them are not more.
constexpr int64_t kScores = 1 << 17;
constexpr int64_t kLeastRows = 8;
constexpr int64_t kMostRows = 64;
// Multiplications that one thread has done before another one has woken up.
constexpr int64_t kAlone = 1 << 19;
// The gradients of keys and values are summed in so many parts, heads included: work for threads ...
constexpr int64_t kParts = 32;
// ... as long as all of them are no more floats than this, or one a head.
constexpr int64_t kSums = 1 << 24;

// The rows of a head's scores [rows, keys] become weights: e^(scale (score - largest)), divided by their sum if
// `normalise`. The sums go to `sums`.
CONTROLNET_FOR_EACH_CPU
void Softmax(float* scores, int64_t rows, int64_t keys, int64_t stride, float scale, bool normalise, float* sums) {
  for (int64_t row = 0; row < rows; row++, scores += stride) {
    // Maxima wait for one another for longer than sums of what takes longer to make.
    constexpr int64_t kWide = 64, kLanes = 16;
    float largest[kWide], total[kLanes] = {};
    for (int64_t j = 0; j < kWide; j++) largest[j] = scores[0];
    int64_t i = 0;
    for (; i + kWide <= keys; i += kWide)
      for (int64_t j = 0; j < kWide; j++) largest[j] = scores[i + j] > largest[j] ? scores[i + j] : largest[j];
    float most = largest[0];
    for (; i < keys; i++) most = scores[i] > most ? scores[i] : most;
    for (int64_t j = 1; j < kWide; j++) most = largest[j] > most ? largest[j] : most;
    for (i = 0; i + kLanes <= keys; i += kLanes)
      for (int64_t j = 0; j < kLanes; j++) {
        const float weight = Exp((scores[i + j] - most) * scale);
        scores[i + j] = weight;
        total[j] += weight;
      }
    for (; i < keys; i++) total[0] += scores[i] = Exp((scores[i] - most) * scale);
    float sum = 0;
    for (int64_t j = 0; j < kLanes; j++) sum += total[j];
    sums[row] = sum;
    if (!normalise) continue;
    const float inverse = 1.0f / sum;
    for (i = 0; i < keys; i++) scores[i] *= inverse;
  }
}

// The gradient of scores: weights * (d_weights - row sum) * scale, into d_weights.
CONTROLNET_FOR_EACH_CPU
void SoftmaxGradient(const float* weights, float* d_weights, int64_t rows, int64_t keys, int64_t stride,
                     const float* row_sums, float scale) {
  for (int64_t row = 0; row < rows; row++, weights += stride, d_weights += stride) {
    const float sum = row_sums[row];
    for (int64_t i = 0; i < keys; i++) d_weights[i] = weights[i] * (d_weights[i] - sum) * scale;
  }
}

// Memory of a task. A thread keeps it for its next one: made anew each time, the system would clear it each time. A
// task must not throw, so it asks whether there was any.
class Scratch {
 public:
  explicit Scratch(int64_t floats) {
    static thread_local std::unique_ptr<float[]> kept;
    static thread_local int64_t size = 0;
    if (floats > size) {
      kept.reset();
      kept.reset(new (std::nothrow) float[floats]);
      size = kept ? floats : 0;
    }
    next_ = kept.get();
  }
  explicit operator bool() const { return next_ != nullptr; }
  float* Take(int64_t floats) {
    float* taken = next_;
    next_ += floats;
    return taken;
  }

 private:
  float* next_;
};

// query [heads, queries, d], key [heads, keys, d], value [heads, keys, e], in blocks of `rows` query rows.
struct Plan {
  int64_t heads, queries, keys, d, e, stride, rows, blocks;

  Plan(const Dims& query, const Dims& key, const Dims& value) {
    if (query.size() != 3 || key.size() != 3 || value.size() != 3 || key[0] != query[0] || value[0] != query[0] ||
        key[2] != query[2] || value[1] != key[1])
      throw KernelFailure{kInvalidArgument, "query " + Text(query) + ", key " + Text(key) + " and value " +
                                                Text(value) + " don't fit together"};
    heads = query[0], queries = query[1], keys = key[1], d = query[2], e = value[2];
    // Rows that are not a power of two apart fall into different sets of the cache.
    stride = Padded(keys) + kPanel;
    rows = std::clamp(kScores / stride / kLeastRows * kLeastRows, kLeastRows, kMostRows);
    rows = std::min(rows, std::max<int64_t>(queries, 1));
    blocks = (queries + rows - 1) / rows;
  }

  bool Alone() const { return heads * queries * keys * (d + e) < kAlone; }
  int64_t Rows(int64_t block) const { return std::min(rows, queries - block * rows); }
};

void CopyRows(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to) {
  for (int64_t row = 0; row < rows; row++) std::copy_n(from + row * stride, columns, to + row * columns);
}

void OutOfMemory() {
  throw KernelFailure{kResourceExhausted, "no memory for the scores of a block of queries"};
}

class Attention {
 public:
  explicit Attention(KernelAttributes& attributes) : scale_(attributes.Float("scale")) {}

  void Compute(KernelContext& context) const {
    const OwnedTensor query = context.Input(0), key = context.Input(1), value = context.Input(2);
    const Plan plan(DimsOf(query), DimsOf(key), DimsOf(value));
    const OwnedTensor output = context.Output(0, {plan.heads, plan.queries, plan.e});
    const float *q = FloatsOf(query), *k = FloatsOf(key), *v = FloatsOf(value);
    float* y = FloatsOf(output);
    const auto [heads, queries, keys, d, e, stride, rows, blocks] = plan;
    if (keys == 0) std::fill_n(y, heads * queries * e, 0.0f);
    if (keys == 0 || heads * queries == 0) return;

    const int64_t packed_key = d * Padded(keys), packed = packed_key + keys * Padded(e);
    const std::unique_ptr<float[]> panels(new float[heads * packed]);
    auto pack = [&, keys = keys, d = d, e = e](int64_t head) {
      float* to = panels.get() + head * packed;
      Pack({k + head * keys * d, 1, d}, d, keys, to);
      Pack({v + head * keys * e, e, 1}, keys, e, to + packed_key);
    };
    ParallelFor(heads, plan.Alone(), pack);

    std::atomic<bool> failed{false};
    auto run = [&, queries = queries, keys = keys, d = d, e = e, stride = stride, rows = rows,
                blocks = blocks](int64_t task) {
      const int64_t head = task / blocks, block = task % blocks, count = plan.Rows(block);
      Scratch scratch(rows * (stride + Padded(e) + 1));
      if (!scratch) return failed.store(true);
      float *scores = scratch.Take(rows * stride), *mixed = scratch.Take(rows * Padded(e)), *sums = scratch.Take(rows);
      const float* to = panels.get() + head * packed;
      const int64_t first = head * queries + block * rows;
      Multiply(count, keys, d, {q + first * d, d, 1}, to, scores, stride, false);
      Softmax(scores, count, keys, stride, scale_, false, sums);
      Multiply(count, e, keys, {scores, stride, 1}, to + packed_key, mixed, Padded(e), false);
      for (int64_t row = 0; row < count; row++) {
        const float inverse = 1.0f / sums[row];
        for (int64_t i = 0; i < e; i++) y[(first + row) * e + i] = mixed[row * Padded(e) + i] * inverse;
      }
    };
    ParallelFor(heads * blocks, plan.Alone(), run);
    if (failed) OutOfMemory();
  }

 private:
  float scale_;
};

class AttentionGradient {
 public:
  explicit AttentionGradient(KernelAttributes& attributes) : scale_(attributes.Float("scale")) {}

  void Compute(KernelContext& context) const {
    const OwnedTensor query = context.Input(0), key = context.Input(1), value = context.Input(2);
    const OwnedTensor output = context.Input(3), upstream = context.Input(4);
    const Plan plan(DimsOf(query), DimsOf(key), DimsOf(value));
    if (DimsOf(output) != Dims{plan.heads, plan.queries, plan.e} || DimsOf(upstream) != DimsOf(output))
      throw KernelFailure{kInvalidArgument, "the output or its gradient doesn't fit a query of shape " +
                                                Text(DimsOf(query)) + " and a value of shape " + Text(DimsOf(value))};
    const OwnedTensor query_gradient = context.Output(0, DimsOf(query));
    const OwnedTensor key_gradient = context.Output(1, DimsOf(key));
    const OwnedTensor value_gradient = context.Output(2, DimsOf(value));
    const float *q = FloatsOf(query), *k = FloatsOf(key), *v = FloatsOf(value);
    const float *y = FloatsOf(output), *dy = FloatsOf(upstream);
    float *dq = FloatsOf(query_gradient), *dk = FloatsOf(key_gradient), *dv = FloatsOf(value_gradient);
    const auto [heads, queries, keys, d, e, stride, rows, blocks] = plan;
    if (heads * queries * keys == 0) {
      std::fill_n(dq, heads * queries * d, 0.0f);
      std::fill_n(dk, heads * keys * d, 0.0f);
      std::fill_n(dv, heads * keys * e, 0.0f);
      return;
    }

    // For each head: transposed keys and values, and keys.
    const int64_t keys_at = (d + e) * Padded(keys), packed = keys_at + keys * Padded(d);
    const std::unique_ptr<float[]> panels(new float[heads * packed]);
    auto pack = [&, keys = keys, d = d, e = e](int64_t head) {
      float* to = panels.get() + head * packed;
      Pack({k + head * keys * d, 1, d}, d, keys, to);
      Pack({v + head * keys * e, 1, e}, e, keys, to + d * Padded(keys));
      Pack({k + head * keys * d, d, 1}, keys, d, to + keys_at);
    };
    ParallelFor(heads, plan.Alone(), pack);

    // How the blocks of a head are shared out is decided by shape alone, so that the same sums are made on any number of
    // threads.
    const int64_t width = Padded(d) + Padded(e), most = std::max<int64_t>(1, kSums / (heads * keys * width));
    const int64_t parts = std::min({(kParts + heads - 1) / heads, blocks, most});
    const std::unique_ptr<float[]> sums(new float[heads * parts * keys * width]);
    std::atomic<bool> failed{false};
    auto run = [&, queries = queries, keys = keys, d = d, e = e, stride = stride, rows = rows,
                blocks = blocks](int64_t task) {
      const int64_t head = task / parts, part = task % parts;
      Scratch scratch(rows * (2 * stride + width + Padded(d) + 2));
      if (!scratch) return failed.store(true);
      float *weights = scratch.Take(rows * stride), *d_scores = scratch.Take(rows * stride);
      float *right = scratch.Take(rows * width), *d_rows = scratch.Take(rows * Padded(d));
      float *totals = scratch.Take(rows), *row_sums = scratch.Take(rows);
      const float* to = panels.get() + head * packed;
      float* d_keys = sums.get() + task * keys * width;
      float* d_values = d_keys + keys * Padded(d);
      const int64_t start = part * blocks / parts;
      for (int64_t block = start; block < (part + 1) * blocks / parts; block++) {
        const int64_t count = plan.Rows(block), first = head * queries + block * rows;
        const float *of_query = q + first * d, *of_upstream = dy + first * e, *of_output = y + first * e;
        Multiply(count, keys, d, {of_query, d, 1}, to, weights, stride, false);
        Softmax(weights, count, keys, stride, scale_, true, totals);
        Multiply(count, keys, e, {of_upstream, e, 1}, to + d * Padded(keys), d_scores, stride, false);
        // The row sums of weights * d_weights are those of d * output (FlashAttention, eq. 4).
        for (int64_t row = 0; row < count; row++) {
          row_sums[row] = 0;
          for (int64_t i = 0; i < e; i++) row_sums[row] += of_upstream[row * e + i] * of_output[row * e + i];
        }
        Pack({of_upstream, e, 1}, count, e, right);
        Multiply(keys, e, count, {weights, 1, stride}, right, d_values, Padded(e), block > start);
        SoftmaxGradient(weights, d_scores, count, keys, stride, row_sums, scale_);
        Pack({of_query, d, 1}, count, d, right);
        Multiply(keys, d, count, {d_scores, 1, stride}, right, d_keys, Padded(d), block > start);
        Multiply(count, d, keys, {d_scores, stride, 1}, to + keys_at, d_rows, Padded(d), false);
        CopyRows(d_rows, Padded(d), count, d, dq + first * d);
      }
    };
    ParallelFor(heads * parts, plan.Alone(), run);
    if (failed) OutOfMemory();

    auto add = [&, keys = keys, d = d, e = e](int64_t head) {
      float* total = sums.get() + head * parts * keys * width;
      for (int64_t part = 1; part < parts; part++)
        for (int64_t i = 0; i < keys * width; i++) total[i] += total[part * keys * width + i];
      CopyRows(total, Padded(d), keys, d, dk + head * keys * d);
      CopyRows(total + keys * Padded(d), Padded(e), keys, e, dv + head * keys * e);
    };
    ParallelFor(heads, plan.Alone(), add);
  }

 private:
  float scale_;
};

// The shape of the query with the last side of the value.
void AttentionShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  UnknownShapes(context, status);
  if (TF_GetCode(status) != 0) return;
  const OwnedShape rows(TF_NewShapeHandle()), features(TF_NewShapeHandle()), output(TF_NewShapeHandle());
  TF_ShapeInferenceContextGetInput(context, 0, rows.get(), status);
  if (TF_GetCode(status) == 0) TF_ShapeInferenceContextGetInput(context, 2, features.get(), status);
  if (TF_GetCode(status) == 0) TF_ShapeInferenceContextSubshape(context, rows.get(), 0, 2, rows.get(), status);
  if (TF_GetCode(status) == 0) TF_ShapeInferenceContextSubshape(context, features.get(), 2, 3, features.get(), status);
  if (TF_GetCode(status) == 0)
    TF_ShapeInferenceContextConcatenateShapes(context, rows.get(), features.get(), output.get(), status);
  if (TF_GetCode(status) == 0) TF_ShapeInferenceContextSetOutput(context, 0, output.get(), status);
}

}  // namespace

void RegisterAttention() {
  RegisterOp<Attention>({"ControlNetAttention",
                         {"query: float", "key: float", "value: float"},
                         {"y: float"},
                         {"scale: float"},
                         AttentionShape});
  RegisterOp<AttentionGradient>({"ControlNetAttentionGrad",
                                 {"query: float", "key: float", "value: float", "y: float", "dy: float"},
                                 {"query_gradient: float", "key_gradient: float", "value_gradient: float"},
                                 {"scale: float"}});
}

}  // namespace controlnet
