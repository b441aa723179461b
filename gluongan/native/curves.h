// Sigmoid and hyperbolic tangent in float32, with the same bits on every processor.

#ifndef GLUONGAN_CURVES_H_
#define GLUONGAN_CURVES_H_

#include <cstdint>
#include <cstring>

#define INLINE inline __attribute__((always_inline))

namespace gluongan {

// eˣ - 1, with a relative error of some 2e-7, for x from -87 to 88. With n the whole number next to x / log 2 it is
// 2ⁿ (eʳ - 1) + 2ⁿ - 1, where r = x - n log 2 and eʳ - 1 is its Taylor series. Fused as written: the same bits anywhere.
INLINE float exponential_minus_1(float x) {
  constexpr float kToWhole = 12582912.0f;  // 1.5 · 2²³: the sum has no digits behind the point
  const float n = __builtin_fmaf(x, 1.44269504f, kToWhole) - kToWhole;
  const float r = __builtin_fmaf(n, 1.90465432e-9f, __builtin_fmaf(n, -0.693147182f, x));  // log 2 in two parts
  float series = 1.0f / 5040;
  series = __builtin_fmaf(series, r, 1.0f / 720);
  series = __builtin_fmaf(series, r, 1.0f / 120);
  series = __builtin_fmaf(series, r, 1.0f / 24);
  series = __builtin_fmaf(series, r, 1.0f / 6);
  series = __builtin_fmaf(series, r, 0.5f);
  series = __builtin_fmaf(series * r, r, r);
  const std::uint32_t exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23;
  float power;
  std::memcpy(&power, &exponent, sizeof(power));
  return __builtin_fmaf(power, series, power - 1.0f);
}

// NaN stays NaN.
INLINE float clamped(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

INLINE float sigmoid(float x) { return 1.0f / (2.0f + exponential_minus_1(clamped(-x, -87.0f, 88.0f))); }

INLINE float hyperbolic_tangent(float x) {
  const float e = exponential_minus_1(clamped(2.0f * x, -40.0f, 40.0f));
  return e / (e + 2.0f);
}

}  // namespace gluongan

#endif  // GLUONGAN_CURVES_H_
