// Functions of one float that loops over arrays can use sixteen at a time: no branch, no table, no call.
#pragma once

#include <cstdint>
#include <cstring>

// Compiles a function for several instruction sets; the processor's best is taken at run time.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__GLIBC__) && \
    !defined(__SANITIZE_ADDRESS__)
#define CONTROLNET_FOR_EACH_CPU __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CONTROLNET_FOR_EACH_CPU
#endif
#define CONTROLNET_INLINE inline __attribute__((always_inline))

namespace controlnet {

// e^x to 2 units in the last place for x in [-87, 88], as at the ends of that beyond them. NaN stays.
CONTROLNET_INLINE float Exp(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  // x = n ln 2 + r. Adding 1.5 * 2^23 rounds to a whole number, which is then in the lowest bits.
  constexpr float kRound = 12582912.0f;
  const float shifted = x * 1.44269504f + kRound;
  const float n = shifted - kRound;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  // Minimax on [-ln 2 / 2, ln 2 / 2], relative error 2e-9.
  float p = 0.00138368357f;
  p = p * r + 0.00837482406f;
  p = p * r + 0.0416682262f;
  p = p * r + 0.166664201f;
  p = p * r + 0.499999921f;
  p = p * r + 1.00000004f;
  p = p * r + 1.0f;
  uint32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits - 0x4b400000u + 127u) << 23;
  float power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

CONTROLNET_INLINE float Sigmoid(float x) { return 1.0f / (1.0f + Exp(-x)); }

// The normal distribution function and its density times sqrt(2 pi).
struct Normal {
  float cdf, bell;
};

CONTROLNET_INLINE Normal NormalAt(float x) {
  const float z = x < 0 ? -x : x;
  const float bell = Exp(-0.5f * z * z);
  // The tail Q(z) = bell * P(t) with t = 1 / (1 + 0.35 z): minimax of the relative error up to z = 14, 3e-8.
  const float t = 1.0f / (1.0f + 0.35f * z);
  float p = -0.029145920463f;
  p = p * t + 0.143971649892f;
  p = p * t - 0.255714155534f;
  p = p * t + 0.159174048348f;
  p = p * t - 0.023109759181f;
  p = p * t + 0.105507972644f;
  p = p * t + 0.119832875338f;
  p = p * t + 0.139861868654f;
  p = p * t + 0.139621404354f;
  const float tail = bell * p * t;
  return {x < 0 ? tail : 1.0f - tail, bell};
}

}  // namespace controlnet
