// A batch cut out of `samples` samples of `size` values each, as float32: to[i] ← scale · from[index[i]] for i < count,
// each `stride` numbers behind the last; and labels as one-hot vectors of `classes` numbers.
//
// The bits are those of MXNet's own take, cast and multiplication, which are three passes. As with take, an index before
// the first sample means the first one, and one behind the last means the last.

#include <algorithm>
#include <cstdint>

#include "pool.h"

namespace {

constexpr long kSamples = 16;  // of a task
constexpr long kAhead = 2;     // samples from what is converted to what is fetched: nobody foresees where the next one lies
constexpr long kLine = 64, kMostFetched = 4096;  // bytes, of a sample

#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))

FOR_EVERY_PROCESSOR
void convert(const std::uint8_t* __restrict from, float* __restrict to, long size, float scale) {
  for (long j = 0; j < size; ++j) to[j] = scale * static_cast<float>(from[j]);
}

FOR_EVERY_PROCESSOR
void convert(const float* __restrict from, float* __restrict to, long size, float scale) {
  for (long j = 0; j < size; ++j) to[j] = scale * from[j];
}

void fetch(const void* from, long bytes) {
  for (long i = 0; i < std::min(bytes, kMostFetched); i += kLine)
    __builtin_prefetch(static_cast<const char*>(from) + i);
}

template <class Value>
void gather(const Value* from, const std::int32_t* index, float* to, long samples, long count, long size, long stride,
            float scale) {
  const auto sample = [&](long i) { return from + std::clamp<long>(index[i], 0, samples - 1) * size; };
  gluongan::parallel((count + kSamples - 1) / kSamples, [&](long task) {
    const long last = std::min(count, (task + 1) * kSamples);
    for (long i = task * kSamples; i < last; ++i) {
      if (i + kAhead < count) fetch(sample(i + kAhead), size * sizeof(Value));
      convert(sample(i), to + i * stride, size, scale);
    }
  });
}

}  // namespace

extern "C" void gluongan_gather_bytes(const std::uint8_t* from, const std::int32_t* index, float* to, long samples,
                                      long count, long size, long stride, float scale) {
  gather(from, index, to, samples, count, size, stride, scale);
}

extern "C" void gluongan_gather_floats(const float* from, const std::int32_t* index, float* to, long samples,
                                       long count, long size, long stride, float scale) {
  gather(from, index, to, samples, count, size, stride, scale);
}

extern "C" void gluongan_one_hot(const std::int32_t* labels, const std::int32_t* index, float* to, long samples,
                                 long count, long classes, long stride) {
  for (long i = 0; i < count; ++i, to += stride) {
    const long label = labels[std::clamp<long>(index[i], 0, samples - 1)];
    std::fill(to, to + classes, 0.0f);
    if (label >= 0 && label < classes) to[label] = 1.0f;
  }
}
