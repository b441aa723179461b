// Update rules for all weights of a network in one call: vectorised, and shared out among all threads.
//
// Each rule works element by element, in the same order of operations as MXNet's own operator (adam_update,
// rmsprop_update, sgd_mom_update, sgd_update). So the bits are those of MXNet, whatever the number of threads and
// the instruction set. That holds only without -ffast-math and without contraction to fused multiply-adds.
//
// Inputs come in groups of `arrays` float32 arrays of one shape, one group for each weight. Everything but the
// gradient is updated in place. The output, of shape (1,), is 0: MXNet wants one.

#include "mxnet/lib_api.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>
#include <vector>

#include "pool.h"

using namespace mxnet::ext;

namespace {

using Attributes = std::unordered_map<std::string, std::string>;
using Tensors = std::vector<MXTensor>;

// The loader picks the newest instruction set that the processor has.
#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))

constexpr long kBlock = 16384;  // elements that a thread takes at a time: 64 kB of each array

float number(const Attributes& attributes, const char* name) {
  return std::stof(attributes.at(name));
}

// Weights are clipped to [-bound, bound]; a bound of infinity leaves them alone.
inline float clipped(float weight, float bound) {
  return weight > bound ? bound : weight < -bound ? -bound : weight;
}

// weight, gradient, mean, variance (Kingma and Ba 2015, with the bias correction in the rate)
//   mean ← beta1 · mean + (1 - beta1) · gradient
//   variance ← beta2 · variance + (1 - beta2) · gradient²
//   weight ← weight - rate · mean / (√variance + epsilon), clipped
struct Adam {
  static constexpr int arrays = 4;
  float rate, beta1, beta2, epsilon, bound;
  explicit Adam(const Attributes& a)
      : rate(number(a, "rate")), beta1(number(a, "beta1")), beta2(number(a, "beta2")),
        epsilon(number(a, "epsilon")), bound(number(a, "bound")) {}
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
  static constexpr int arrays = 3;
  float rate, decay, epsilon, bound;
  explicit RMSProp(const Attributes& a)
      : rate(number(a, "rate")), decay(number(a, "decay")), epsilon(number(a, "epsilon")),
        bound(number(a, "bound")) {}
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
  static constexpr int arrays = 3;
  float rate, momentum, bound;
  explicit Momentum(const Attributes& a)
      : rate(number(a, "rate")), momentum(number(a, "momentum")), bound(number(a, "bound")) {}
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
  static constexpr int arrays = 2;
  float kept, added;
  explicit Average(const Attributes& a) {
    const float missing = number(a, "missing");  // 1 - decay, rounded once, as sgd_update's wd
    kept = 1.0f - missing;
    added = number(a, "added");
  }
};

FOR_EVERY_PROCESSOR
void apply(const Average& rule, float* const* array, long n) {
  float* average = array[0];
  const float* weight = array[1];
  const float kept = rule.kept, added = rule.added;
#pragma GCC ivdep
  for (long i = 0; i < n; ++i) average[i] = kept * average[i] - added * weight[i];
}

struct Block {
  int group;
  long begin, size;
};

// Each group cut into blocks, so that small and large weights are shared out evenly.
std::vector<Block> blocks(const Tensors& inputs, int arrays) {
  std::vector<Block> result;
  for (size_t group = 0; group < inputs.size(); group += arrays) {
    const long size = inputs[group].size();
    for (long begin = 0; begin < size; begin += kBlock)
      result.push_back({static_cast<int>(group), begin, std::min(kBlock, size - begin)});
  }
  return result;
}

template <class Rule>
MXReturnValue update(const Attributes& attributes, Tensors* inputs, Tensors* outputs,
                     const OpResource&) {
  const Rule rule(attributes);
  const std::vector<Block> work = blocks(*inputs, Rule::arrays);
  gluongan::parallel(work.size(), [&](long k) {
    float* array[Rule::arrays];
    for (int j = 0; j < Rule::arrays; ++j)
      array[j] = (*inputs)[work[k].group + j].template data<float>() + work[k].begin;
    apply(rule, array, work[k].size);
  });
  (*outputs)[0].data<float>()[0] = 0;
  return MX_SUCCESS;
}

template <class Rule>
MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  *inputs = Rule::arrays * std::stoi(attributes.at("weights"));
  *outputs = 1;
  return MX_SUCCESS;
}

template <class Rule>
MXReturnValue mutated(const Attributes& attributes, std::vector<int>* indices) {
  const int inputs = Rule::arrays * std::stoi(attributes.at("weights"));
  for (int i = 0; i < inputs; ++i)
    if (i % Rule::arrays != 1) indices->push_back(i);
  return MX_SUCCESS;
}

MXReturnValue types(const Attributes&, std::vector<int>* inputs, std::vector<int>* outputs) {
  for (int type : *inputs) {
    if (type != kFloat32) {
      MX_ERROR_MSG << "gluongan: weights, gradients and moments must be float32";
      return MX_FAIL;
    }
  }
  (*outputs)[0] = kFloat32;
  return MX_SUCCESS;
}

template <class Rule>
MXReturnValue shapes(const Attributes&, std::vector<std::vector<unsigned>>* inputs,
                     std::vector<std::vector<unsigned>>* outputs) {
  for (size_t i = 0; i < inputs->size(); ++i) {
    if ((*inputs)[i] != (*inputs)[i - i % Rule::arrays]) {
      MX_ERROR_MSG << "gluongan: a weight, its gradient and its moments must have one shape";
      return MX_FAIL;
    }
  }
  (*outputs)[0] = {1};
  return MX_SUCCESS;
}

}  // namespace

#define REGISTER_RULE(NAME, RULE)           \
  REGISTER_OP(NAME)                         \
      .setForward(update<RULE>, "cpu")      \
      .setParseAttrs(parse<RULE>)           \
      .setInferType(types)                  \
      .setInferShape(shapes<RULE>)          \
      .setMutateInputs(mutated<RULE>)

REGISTER_RULE(gluongan_adam, Adam);
REGISTER_RULE(gluongan_rmsprop, RMSProp);
REGISTER_RULE(gluongan_momentum, Momentum);
REGISTER_RULE(gluongan_average, Average);

MXReturnValue initialize(int version) {
  if (version >= 10900) return MX_SUCCESS;
  MX_ERROR_MSG << "gluongan: its operators need MXNet 1.9 or later";
  return MX_FAIL;
}
