// Channels scaled and shifted, those of each sample by numbers of its own: y = s ∘ x + t.
//
// x and y are (N, C, …), s and t (N, C), all float32. Backward, with sums over what follows the channels:
//   ∂x = s ∘ ∂y,  ∂s = Σ ∂y ∘ x,  ∂t = Σ ∂y
// MXNet's broadcasting operators find the place of each number anew, in both passes.
// The bits depend neither on the number of threads nor on the processor.

#include "mxnet/lib_api.h"

#include <algorithm>
#include <vector>

#include "attributes.h"
#include "inference.h"
#include "pool.h"

using namespace mxnet::ext;

namespace {

using gluongan::Attributes;
using Shape = std::vector<unsigned>;
using Tensors = std::vector<MXTensor>;

#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))

constexpr int kLanes = 16;  // sums that are added up side by side, on every processor
constexpr long kBlock = 16;  // channels that a thread takes at a time

// The values of one channel of one sample.
FOR_EVERY_PROCESSOR
void modulate(const float* x, float scale, float shift, float* __restrict y, long count) {
  for (long i = 0; i < count; ++i) y[i] = scale * x[i] + shift;
}

struct Sums {
  float of_scale, of_shift;
};

FOR_EVERY_PROCESSOR
Sums modulate_back(const float* gradient, const float* x, float scale, float* __restrict of_x, long count) {
  float products[kLanes] = {}, plain[kLanes] = {};
  long i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      products[lane] += gradient[i + lane] * x[i + lane];
      plain[lane] += gradient[i + lane];
      of_x[i + lane] = scale * gradient[i + lane];
    }
  }
  Sums sums{};
  for (; i < count; ++i) {
    sums.of_scale += gradient[i] * x[i];
    sums.of_shift += gradient[i];
    of_x[i] = scale * gradient[i];
  }
  for (const float product : products) sums.of_scale += product;
  for (const float number : plain) sums.of_shift += number;
  return sums;
}

// Calls task(k, first) for each channel k of each sample, whose values begin at `first`.
template <class Task>
void for_each_channel(const MXTensor& x, const Task& task) {
  const long channels = x.shape[0] * x.shape[1];
  const long count = channels == 0 ? 0 : x.size() / channels;
  gluongan::parallel((channels + kBlock - 1) / kBlock, [&](long block) {
    const long last = std::min(channels, (block + 1) * kBlock);
    for (long k = block * kBlock; k < last; ++k) task(k, k * count, count);
  });
}

// in: x, s, t.
MXReturnValue forward(const Attributes&, Tensors* in, Tensors* out, const OpResource&) {
  const float* const x = (*in)[0].data<float>();
  const float* const scale = (*in)[1].data<float>();
  const float* const shift = (*in)[2].data<float>();
  float* const y = (*out)[0].data<float>();
  for_each_channel((*in)[0], [&](long k, long first, long count) {
    modulate(x + first, scale[k], shift[k], y + first, count);
  });
  return MX_SUCCESS;
}

// in: ∂y, x, s, t, y. out: ∂x, ∂s, ∂t.
MXReturnValue backward(const Attributes&, Tensors* in, Tensors* out, const OpResource&) {
  const float* const gradient = (*in)[0].data<float>();
  const float* const x = (*in)[1].data<float>();
  const float* const scale = (*in)[2].data<float>();
  float* const of_x = (*out)[0].data<float>();
  float* const of_scale = (*out)[1].data<float>();
  float* const of_shift = (*out)[2].data<float>();
  for_each_channel((*in)[1], [&](long k, long first, long count) {
    const Sums sums = modulate_back(gradient + first, x + first, scale[k], of_x + first, count);
    of_scale[k] = sums.of_scale;
    of_shift[k] = sums.of_shift;
  });
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes&, int* inputs, int* outputs) {
  *inputs = 3;
  *outputs = 1;
  return MX_SUCCESS;
}

MXReturnValue types(const Attributes&, std::vector<int>* inputs, std::vector<int>* outputs) {
  return gluongan::require_float32("gluongan_modulate", inputs, outputs);
}

MXReturnValue shapes(const Attributes&, std::vector<Shape>* inputs, std::vector<Shape>* outputs) {
  const Shape& x = (*inputs)[0];
  if (!gluongan::is_known(x) || x.size() < 2) {
    MX_ERROR_MSG << "gluongan_modulate: the shape of the samples must be known, and have channels";
    return MX_FAIL;
  }
  const Shape numbers{x[0], x[1]};
  for (size_t i = 1; i < inputs->size(); ++i) {
    if (gluongan::is_known((*inputs)[i]) && (*inputs)[i] != numbers) {
      MX_ERROR_MSG << "gluongan_modulate: must have a number for each of " << x[1] << " channels of " << x[0]
                   << " samples";
      return MX_FAIL;
    }
    (*inputs)[i] = numbers;
  }
  (*outputs)[0] = x;
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(gluongan_modulate)
    .setForward(forward, "cpu")
    .setBackward(backward, "cpu")
    .setParseAttrs(parse)
    .setInferType(types)
    .setInferShape(shapes);
