// Sigmoid, hyperbolic tangent and softplus in float32, with the same bits on every processor.

#ifndef GLUONGAN_CURVES_H_
#define GLUONGAN_CURVES_H_

#include <cstdint>
#include <cstring>

#define INLINE inline __attribute__((always_inline))

namespace gluongan {

// With n the whole number next to x / log 2 and r = x - n log 2, eˣ is 2ⁿ + 2ⁿ (eʳ - 1).
struct Exponential {
  float power, series;  // 2ⁿ, and eʳ - 1 by its Taylor series
};

// For x from -87 to 88. Fused as written: the same bits anywhere.
INLINE Exponential exponential_of(float x) {
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
  return {power, series};
}

// eˣ and eˣ - 1, with a relative error of some 2e-7.
INLINE float exponential(float x) {
  const Exponential e = exponential_of(x);
  return __builtin_fmaf(e.power, e.series, e.power);
}

INLINE float exponential_minus_1(float x) {
  const Exponential e = exponential_of(x);
  return __builtin_fmaf(e.power, e.series, e.power - 1.0f);
}

// NaN stays NaN.
INLINE float clamped(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

INLINE float sigmoid(float x) { return 1.0f / (2.0f + exponential_minus_1(clamped(-x, -87.0f, 88.0f))); }

INLINE float hyperbolic_tangent(float x) {
  const float e = exponential_minus_1(clamped(2.0f * x, -40.0f, 40.0f));
  return e / (e + 2.0f);
}

// log(1 + u), with a relative error of some 2e-7, for u from 0 to 1: 2 artanh(s) by its Taylor series, s = u / (2 + u).
INLINE float logarithm_of_1_plus(float u) {
  const float s = u / (2.0f + u), square = s * s;
  float series = 2.0f / 13;
  series = __builtin_fmaf(series, square, 2.0f / 11);
  series = __builtin_fmaf(series, square, 2.0f / 9);
  series = __builtin_fmaf(series, square, 2.0f / 7);
  series = __builtin_fmaf(series, square, 2.0f / 5);
  series = __builtin_fmaf(series, square, 2.0f / 3);
  return s * __builtin_fmaf(series, square, 2.0f);
}

// log(1 + eˣ). Below -87 it is e⁻⁸⁷, above 87 it is x.
INLINE float softplus(float x) {
  const float rest = logarithm_of_1_plus(exponential(clamped(x < 0 ? x : -x, -87.0f, 0.0f)));
  return x > 0 ? x + rest : rest;
}

}  // namespace gluongan

#endif  // GLUONGAN_CURVES_H_
