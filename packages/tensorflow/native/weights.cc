// Weights of a checkpoint file, straight into a tensor: read, widened to float32 and brought into our order in one
// pass, band by band, on all processors.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "engine.h"
#include "host-tensor.h"

namespace controlnet {
namespace {

enum class Stored { kFloat32 = 0, kFloat16 = 1, kBfloat16 = 2 };

size_t SizeOf(Stored stored) { return stored == Stored::kFloat32 ? 4 : 2; }

// What a thread reads and turns at once stays in its cache.
constexpr int64_t kBandBytes = 1 << 18;
// A tensor with fewer bytes is not worth a second thread.
constexpr int64_t kParallelBytes = 1 << 20;

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float FromHalf(uint16_t half) {
  const uint32_t magnitude = half & 0x7fffu;
  // Shifted, the exponent is 112 too low; the product puts it right, that of subnormal numbers too.
  const float value = magnitude < 0x7c00u ? FromBits(magnitude << 13) * FromBits((127u + 112u) << 23)
                                          : FromBits(0x7f800000u | (magnitude & 0x3ffu) << 13);
  return half & 0x8000u ? -value : value;
}

void Widen(Stored stored, const char* from, int64_t count, float* to) {
  const auto* half = reinterpret_cast<const uint16_t*>(from);
  if (stored == Stored::kFloat16)
    for (int64_t i = 0; i < count; i++) to[i] = FromHalf(half[i]);
  else
    for (int64_t i = 0; i < count; i++) to[i] = FromBits(static_cast<uint32_t>(half[i]) << 16);
}

// Infinite numbers and NaN have the largest exponent.
bool AllFinite(const float* values, int64_t count) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < count; i++) {
    uint32_t bits;
    std::memcpy(&bits, values + i, sizeof bits);
    largest = std::max(largest, bits & 0x7fffffffu);
  }
  return largest < 0x7f800000u;
}

struct Weights {
  int file;
  int64_t offset;
  Stored stored;
  // Stored as [output, input, area]; the tensor is [area, input, output].
  int64_t output, input, area;
  float* to;

  std::atomic<int64_t> next_row{0};
  std::atomic<bool> finite{true};
  // 0, an errno, or -1 where the file ends too soon.
  std::atomic<int> failure{0};

  int64_t columns() const { return input * area; }
  bool same_order() const { return (output > 1) + (input > 1) + (area > 1) < 2; }

  bool Read(int64_t element, int64_t count, char* into) {
    int64_t done = 0;
    const int64_t bytes = count * SizeOf(stored);
    const int64_t start = offset + element * SizeOf(stored);
    while (done < bytes) {
      const ssize_t got = pread(file, into + done, bytes - done, start + done);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        failure = got < 0 ? errno : -1;
        return false;
      }
      done += got;
    }
    return true;
  }

  // Reads `count` numbers as float32.
  bool ReadFloats(int64_t element, int64_t count, std::vector<char>& narrow, float* into) {
    if (stored == Stored::kFloat32) {
      if (!Read(element, count, reinterpret_cast<char*>(into))) return false;
    } else {
      narrow.resize(count * SizeOf(stored));
      if (!Read(element, count, narrow.data())) return false;
      Widen(stored, narrow.data(), count, into);
    }
    if (!AllFinite(into, count)) finite = false;
    return true;
  }

  // Takes bands of rows until none is left.
  void Work() {
    std::vector<char> narrow;
    std::vector<float> band;
    // In the same order all is one row, cut into pieces; else a band is a block of rows, written column by column.
    const int64_t total = same_order() ? output * columns() : output;
    const int64_t width = same_order() ? 1 : columns();
    const int64_t rows = std::clamp<int64_t>(kBandBytes / (4 * width), 16, kBandBytes);
    while (failure == 0) {
      const int64_t row = next_row.fetch_add(rows);
      if (row >= total) return;
      const int64_t count = std::min(rows, total - row);
      if (same_order()) {
        if (!ReadFloats(row, count, narrow, to + row)) return;
        continue;
      }
      band.resize(count * width);
      if (!ReadFloats(row * width, count * width, narrow, band.data())) return;
      Turn(band.data(), row, count);
    }
  }

  // Writes rows [row, row + count) of the stored order into their places.
  void Turn(const float* band, int64_t row, int64_t count) {
    for (int64_t a = 0; a < area; a++)
      for (int64_t i = 0; i < input; i++) {
        const float* column = band + i * area + a;
        float* into = to + (a * input + i) * output + row;
        for (int64_t r = 0; r < count; r++) into[r] = column[r * columns()];
      }
  }
};

}  // namespace

// loadWeights(shape, path, byteOffset, stored, [output, input, area]): {id, finite}
Napi::Value Engine::LoadWeights(Info info) {
  Napi::Env env = info.Env();
  const std::vector<int64_t> shape = ToInts(info[0]);
  const std::string path = info[1].ToString();
  const std::vector<int64_t> order = ToInts(info[4]);
  OwnedTensor tensor = EmptyTensor(env, shape, TF_FLOAT);
  const int64_t count = TF_TensorElementCount(tensor.get());
  if (order.size() != 3 || order[0] * order[1] * order[2] != count)
    Throw(env, kInvalidArgument, "the stored order does not hold as many numbers as the shape");
  Weights weights{};
  weights.file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (weights.file < 0) Throw(env, kNotFound, path + ": " + std::strerror(errno));
  weights.offset = info[2].ToNumber().Int64Value();
  weights.stored = static_cast<Stored>(info[3].ToNumber().Int32Value());
  weights.output = order[0];
  weights.input = order[1];
  weights.area = order[2];
  weights.to = static_cast<float*>(TF_TensorData(tensor.get()));
  const unsigned processors = count * 4 < kParallelBytes ? 1 : std::min(16u, std::thread::hardware_concurrency());
  std::vector<std::thread> helpers;
  try {
    for (unsigned i = 1; i < processors; i++) helpers.emplace_back(&Weights::Work, &weights);
  } catch (const std::system_error&) {
    // No thread to be had: those that there are do the work.
  }
  weights.Work();
  for (std::thread& helper : helpers) helper.join();
  close(weights.file);
  if (const int failure = weights.failure)
    Throw(env, kOutOfRange, path + ": " + (failure < 0 ? "the file ends inside the tensor" : std::strerror(failure)));
  Status status(env);
  OwnedHandle handle(TFE_NewTensorHandle(tensor.get(), status.get()));
  status.Check();
  Napi::Object result = Napi::Object::New(env);
  result.Set("id", Adopt(env, std::move(handle)).Get("id"));
  result.Set("finite", weights.finite.load());
  return result;
}

}  // namespace controlnet
