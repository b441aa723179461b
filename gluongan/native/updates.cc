// Update rules for all weights of a network in one call: vectorised, and shared out among all threads.
//
// Each rule works element by element, in the same order of operations as MXNet's own operator (adam_update,
// rmsprop_update, sgd_mom_update, sgd_update). So the bits are those of MXNet, whatever the number of threads and
// the instruction set. That holds only without -ffast-math and without contraction to fused multiply-adds.
//
// Arrays come in groups of `kArrays` float32 arrays of one size, one group for each weight. Everything but the gradient
// is updated in place. These are functions and no operators of MXNet, whose call with so many arrays takes 0.1 ms.

#include <algorithm>
#include <cmath>
#include <vector>

#include "pool.h"

namespace {

// The loader picks the newest instruction set that the processor has.
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))

constexpr long kBlock = 16384;  // elements that a thread takes at a time: 64 kB of each array
constexpr long kStep = 128;     // elements that are updated while those kAhead of them are fetched
constexpr long kAhead = 256, kLine = 16;

// Weights are clipped to [-bound, bound]; a bound of infinity leaves them alone.
inline float clipped(float weight, float bound) {
  return weight > bound ? bound : weight < -bound ? -bound : weight;
}

// weight, gradient, mean, variance (Kingma and Ba 2015, with the bias correction in the rate)
//   mean ← beta1 · mean + (1 - beta1) · gradient
//   variance ← beta2 · variance + (1 - beta2) · gradient²
//   weight ← weight - rate · mean / (√variance + epsilon), clipped
struct Adam {
  static constexpr int kArrays = 4;
  float rate, beta1, beta2, epsilon, bound;
};

FOR_EVERY_PROCESSOR
void apply(const Adam& rule, float* const* array, long n) {
  float* weight = array[0];
  const float* gradient = array[1];
  float* mean = array[2];
  float* variance = array[3];
  const float rate = rule.rate, beta1 = rule.beta1, beta2 = rule.beta2, epsilon = rule.epsilon;
  const float bound = rule.bound;
  const float rest1 = 1.0f - beta1, rest2 = 1.0f - beta2;
#pragma GCC ivdep
  for (long i = 0; i < n; ++i) {
    mean[i] = beta1 * mean[i] + rest1 * gradient[i];
    variance[i] = beta2 * variance[i] + rest2 * gradient[i] * gradient[i];
    const float moved = weight[i] - rate * mean[i] / (std::sqrt(variance[i]) + epsilon);
    weight[i] = clipped(moved, bound);
  }
}

// weight, gradient, mean square (Tieleman and Hinton 2012)
//   square ← (1 - decay) · gradient² + decay · square
//   weight ← weight - rate · gradient / √(square + epsilon), clipped
struct RMSProp {
  static constexpr int kArrays = 3;
  float rate, decay, epsilon, bound;
};

FOR_EVERY_PROCESSOR
void apply(const RMSProp& rule, float* const* array, long n) {
  float* weight = array[0];
  const float* gradient = array[1];
  float* square = array[2];
  const float rate = rule.rate, decay = rule.decay, epsilon = rule.epsilon;
  const float rest = 1.0f - decay;
  const float bound = rule.bound;
#pragma GCC ivdep
  for (long i = 0; i < n; ++i) {
    square[i] = rest * (gradient[i] * gradient[i]) + decay * square[i];
    const float moved = weight[i] - rate * (gradient[i] / std::sqrt(square[i] + epsilon));
    weight[i] = clipped(moved, bound);
  }
}

// weight, gradient, velocity
//   velocity ← momentum · velocity - rate · gradient
//   weight ← weight + velocity, clipped
struct Momentum {
  static constexpr int kArrays = 3;
  float rate, momentum, bound;
};

FOR_EVERY_PROCESSOR
void apply(const Momentum& rule, float* const* array, long n) {
  float* weight = array[0];
  const float* gradient = array[1];
  float* velocity = array[2];
  const float rate = rule.rate, momentum = rule.momentum, bound = rule.bound;
#pragma GCC ivdep
  for (long i = 0; i < n; ++i) {
    velocity[i] = momentum * velocity[i] - rate * gradient[i];
    const float moved = weight[i] + velocity[i];
    weight[i] = clipped(moved, bound);
  }
}

// average, weight (only read, as a gradient is):  average ← decay · average + (1 - decay) · weight
struct Average {
  static constexpr int kArrays = 2;
  float missing, added;  // 1 - decay and decay - 1, each rounded once, as sgd_update rounds them
};

FOR_EVERY_PROCESSOR
void apply(const Average& rule, float* const* array, long n) {
  float* average = array[0];
  const float* weight = array[1];
  const float kept = 1.0f - rule.missing, added = rule.added;
#pragma GCC ivdep
  for (long i = 0; i < n; ++i) average[i] = kept * average[i] - added * weight[i];
}

struct Block {
  long group, begin, size;
};

// Each group cut into blocks, so that small and large weights are shared out evenly.
std::vector<Block> blocks(const long* sizes, long groups) {
  std::vector<Block> result;
  for (long group = 0; group < groups; ++group)
    for (long begin = 0; begin < sizes[group]; begin += kBlock)
      result.push_back({group, begin, std::min(kBlock, sizes[group] - begin)});
  return result;
}

// A processor's own prefetching stops at the end of each page of each array.
template <class Rule>
void update_block(const Rule& rule, float* const* arrays, const Block& block) {
  float* array[Rule::kArrays];
  for (int j = 0; j < Rule::kArrays; ++j) array[j] = arrays[block.group * Rule::kArrays + j] + block.begin;
  for (long begin = 0; begin < block.size; begin += kStep) {
    for (float* from : array)
      for (long i = 0; i < kStep; i += kLine) __builtin_prefetch(from + kAhead + i);
    apply(rule, array, std::min(kStep, block.size - begin));
    for (float*& from : array) from += kStep;
  }
}

template <class Rule>
void update(const Rule& rule, float* const* arrays, const long* sizes, long groups) {
  const std::vector<Block> work = blocks(sizes, groups);
  gluongan::parallel(work.size(), [&](long k) { update_block(rule, arrays, work[k]); });
}

}  // namespace

// arrays: of all groups, one after the other. sizes: of one array of each group.
#define EXPORT_RULE(NAME, RULE)                                                                          \
  extern "C" void NAME(const RULE* rule, float* const* arrays, const long* sizes, long groups) { \
    update(*rule, arrays, sizes, groups);                                                                \
  }

EXPORT_RULE(gluongan_adam, Adam)
EXPORT_RULE(gluongan_rmsprop, RMSProp)
EXPORT_RULE(gluongan_momentum, Momentum)
EXPORT_RULE(gluongan_average, Average)

// data[k] ← where the array with handles[k] lies. find: MXNet's MXNDArrayGetData. Returns 0, or what it returns of the
// first array that it does not find.
extern "C" int gluongan_find(int (*find)(void* handle, void** data), void* const* handles, void** data, long count) {
  for (long k = 0; k < count; ++k)
    if (const int failure = find(handles[k], data + k)) return failure;
  return 0;
}
