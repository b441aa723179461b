// Batch normalisation in training, with the activation behind it (Ioffe and Szegedy 2015, arXiv 1502.03167):
//   y = f(γ x̂ + β),  x̂ = (x - mean) / √(variance + eps),  f(v) = v above 0, else slope · v
//
// x is (N, C, ...); γ, β and the running statistics are (C,), all float32. The statistics are those of the batch, over
// all axes but the second, and the variance is the biased one. Backward, with e = f'(…) ∘ ∂y and M numbers a channel:
//   ∂β = Σ e,  ∂γ = Σ e x̂,  ∂x = γ / √(variance + eps) · (e - ∂β / M - x̂ ∂γ / M)
// With `slope_before`, x is the output of a leaky ReLU, and ∂x is the gradient before it.
// As in MXNet, the running statistics move in the backward pass: r ← momentum · r + (1 - momentum) · batch's.
//
// Every sum is taken by one thread, in an order that depends neither on the number of threads nor on the processor.
// Attributes say what to compute, since MXNet 1.9.1 does not: see dense.cc. slope must not be below 0.

#include "mxnet/lib_api.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "attributes.h"
#include "inference.h"
#include "pool.h"

using namespace mxnet::ext;

namespace {

using gluongan::Attributes;
using gluongan::is_true;
using gluongan::number_of;
using Tensors = std::vector<MXTensor>;

#define FOR_EVERY_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#define INLINE __attribute__((always_inline))

constexpr long kLanes = 16;
constexpr long kColumns = 64;  // of a task, for vectors
constexpr long kRows = 16;     // that are added up before they are added to the sum of the others
constexpr long kPlaces = 1024;  // about so many numbers of a picture make a task, in whole channels

typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));

struct Norm {
  bool fix_gamma, of_input, of_weights;
  float eps, momentum, slope, slope_before;
  long batch, channels, places;  // x is read as (batch, channels, places)

  Norm(const Attributes& attributes, const MXTensor& x)
      : fix_gamma(is_true(attributes, "fix_gamma", true)), of_input(is_true(attributes, "of_input", true)),
        of_weights(is_true(attributes, "of_weights", true)), eps(number_of(attributes, "eps", 0.001f)),
        momentum(number_of(attributes, "momentum", 0.9f)), slope(number_of(attributes, "slope", 1.0f)),
        slope_before(number_of(attributes, "slope_before", 1.0f)), batch(x.shape[0]), channels(x.shape[1]), places(1) {
    for (size_t axis = 2; axis < x.shape.size(); ++axis) places *= x.shape[axis];
  }

  float count() const { return static_cast<float>(batch * places); }
  float inverse_deviation(float variance) const { return 1.0f / std::sqrt(variance + eps); }
};

struct Forward {
  const float *x, *gamma, *beta;
  float *y, *mean, *variance;
};

struct Backward {
  const float *gradient, *x, *gamma, *y, *mean, *variance;
  float *of_x, *of_gamma, *of_beta, *running_mean, *running_variance;
};

// From any address, not only a multiple of 64.
template <class Numbers>
INLINE inline Numbers load(const float* data) {
  Numbers numbers;
  std::memcpy(&numbers, data, sizeof numbers);
  return numbers;
}

template <class Numbers>
INLINE inline void store(float* data, const Numbers& numbers) {
  std::memcpy(data, &numbers, sizeof numbers);
}

// What one channel needs in the backward pass.
struct Channel {
  float mean, scale, of_beta, of_x;  // the last two: what to take off e, the second for each x - mean
};

// Writes the gradients of one channel's weights and moves its statistics. sum: Σ e; product: Σ e (x - mean).
INLINE inline Channel finish(const Norm& norm, const Backward& arrays, long c, float sum, float product) {
  const float inverse = norm.inverse_deviation(arrays.variance[c]);
  const float of_gamma = product * inverse;
  if (norm.of_weights) {
    arrays.of_beta[c] = sum;
    arrays.of_gamma[c] = norm.fix_gamma ? 0.0f : of_gamma;
  }
  const float rest = 1.0f - norm.momentum;
  arrays.running_mean[c] = norm.momentum * arrays.running_mean[c] + rest * arrays.mean[c];
  arrays.running_variance[c] = norm.momentum * arrays.running_variance[c] + rest * arrays.variance[c];
  const float scale = norm.fix_gamma ? inverse : arrays.gamma[c] * inverse;
  return {arrays.mean[c], scale, sum / norm.count(), inverse * of_gamma / norm.count()};
}

// Pictures: each channel of a sample is `places` numbers side by side.

INLINE inline float added(const Lanes& lanes) {
  float sums[kLanes];
  store(sums, lanes);
  for (long width = kLanes / 2; width > 0; width /= 2)
    for (long i = 0; i < width; ++i) sums[i] += sums[i + width];
  return sums[0];
}

// Calls visit(index, numbers) for all indices of a channel: with 16 numbers (Lanes) at a time, then one by one (float).
// Calls end() after each sample.
template <class Visit, class End>
INLINE inline void through_channel(const Norm& norm, long c, const Visit& visit, const End& end) {
  for (long n = 0; n < norm.batch; ++n) {
    const long first = (n * norm.channels + c) * norm.places, last = first + norm.places;
    long i = first;
    for (; i + kLanes <= last; i += kLanes) visit(i, Lanes{});
    for (; i < last; ++i) visit(i, 0.0f);
    end();
  }
}

// A sum over samples of sums over places.
struct Sum {
  Lanes lanes{}, sample_lanes{};
  float rest = 0, sample_rest = 0;

  INLINE void add(const Lanes& numbers) { sample_lanes += numbers; }
  INLINE void add(float number) { sample_rest += number; }
  INLINE void end_sample() {
    lanes += sample_lanes;
    rest += sample_rest;
    sample_lanes = Lanes{};
    sample_rest = 0;
  }
  INLINE float value() const { return added(lanes) + rest; }
};

FOR_EVERY_PROCESSOR
void normalize_channel(const Norm& norm, const Forward& arrays, long c) {
  const float* x = arrays.x;
  Sum sum, squares;
  through_channel(norm, c, [&](long i, auto zero) INLINE { sum.add(load<decltype(zero)>(x + i)); },
                  [&]() INLINE { sum.end_sample(); });
  const float mean = sum.value() / norm.count();
  through_channel(norm, c, [&](long i, auto zero) INLINE {
    const auto centred = load<decltype(zero)>(x + i) - mean;
    squares.add(centred * centred);
  }, [&]() INLINE { squares.end_sample(); });
  const float variance = squares.value() / norm.count();
  arrays.mean[c] = mean;
  arrays.variance[c] = variance;
  const float inverse = norm.inverse_deviation(variance), beta = arrays.beta[c];
  const float scale = norm.fix_gamma ? inverse : arrays.gamma[c] * inverse;
  const float slope = norm.slope;
  through_channel(norm, c, [&](long i, auto zero) INLINE {
    using Numbers = decltype(zero);
    const Numbers y = (load<Numbers>(x + i) - mean) * scale + beta;
    const Numbers below = slope * y;
    store(arrays.y + i, y > 0 ? y : below);
  }, []() INLINE {});
}

template <class Numbers>
INLINE inline Numbers through_activation(const Norm& norm, const Backward& arrays, long i) {
  const Numbers gradient = load<Numbers>(arrays.gradient + i);
  if (norm.slope == 1.0f) return gradient;
  const Numbers below = norm.slope * gradient;
  return load<Numbers>(arrays.y + i) > 0 ? gradient : below;
}

FOR_EVERY_PROCESSOR
void differentiate_channel(const Norm& norm, const Backward& arrays, long c) {
  const float* x = arrays.x;
  const float mean = arrays.mean[c];
  Sum sum, product;
  through_channel(norm, c, [&](long i, auto zero) INLINE {
    using Numbers = decltype(zero);
    const Numbers e = through_activation<Numbers>(norm, arrays, i);
    sum.add(e);
    product.add(e * (load<Numbers>(x + i) - mean));
  }, [&]() INLINE {
    sum.end_sample();
    product.end_sample();
  });
  const Channel channel = finish(norm, arrays, c, sum.value(), product.value());
  if (!norm.of_input) return;
  through_channel(norm, c, [&](long i, auto zero) INLINE {
    using Numbers = decltype(zero);
    const Numbers e = through_activation<Numbers>(norm, arrays, i);
    const Numbers before = load<Numbers>(x + i);
    const Numbers of_x = channel.scale * (e - channel.of_beta - (before - mean) * channel.of_x);
    const Numbers below = norm.slope_before * of_x;
    store(arrays.of_x + i, before > 0 ? of_x : below);
  }, []() INLINE {});
}

// Vectors: the numbers of a channel are a column, and several columns are gone through at a time.

// Calls visit(index, column) for all rows of the columns, row by row; end() after each kRows rows, and at the end.
template <class Visit, class End>
INLINE inline void through_columns(const Norm& norm, long first, long size, const Visit& visit, const End& end) {
  for (long row = 0; row < norm.batch; row += kRows) {
    const long last = std::min(norm.batch, row + kRows);
    for (long n = row; n < last; ++n) {
      const long start = n * norm.channels + first;
#pragma GCC ivdep
      for (long j = 0; j < size; ++j) visit(start + j, j);
    }
    end();
  }
}

struct Sums {
  float columns[kColumns] = {}, block[kColumns] = {};

  INLINE void end_block() {
    for (long j = 0; j < kColumns; ++j) {
      columns[j] += block[j];
      block[j] = 0;
    }
  }
};

FOR_EVERY_PROCESSOR
void normalize_columns(const Norm& norm, const Forward& arrays, long first, long size) {
  const float* x = arrays.x;
  Sums sum, squares;
  through_columns(norm, first, size, [&](long i, long j) INLINE { sum.block[j] += x[i]; },
                  [&]() INLINE { sum.end_block(); });
  float mean[kColumns], scale[kColumns], beta[kColumns];
  for (long j = 0; j < size; ++j) mean[j] = sum.columns[j] / norm.count();
  through_columns(norm, first, size, [&](long i, long j) INLINE {
    const float centred = x[i] - mean[j];
    squares.block[j] += centred * centred;
  }, [&]() INLINE { squares.end_block(); });
  for (long j = 0; j < size; ++j) {
    const float variance = squares.columns[j] / norm.count();
    const float inverse = norm.inverse_deviation(variance);
    arrays.mean[first + j] = mean[j];
    arrays.variance[first + j] = variance;
    scale[j] = norm.fix_gamma ? inverse : arrays.gamma[first + j] * inverse;
    beta[j] = arrays.beta[first + j];
  }
  float* y = arrays.y;
  const float slope = norm.slope;
  through_columns(norm, first, size, [&](long i, long j) INLINE {
    const float value = (x[i] - mean[j]) * scale[j] + beta[j];
    y[i] = value > 0 ? value : slope * value;
  }, []() INLINE {});
}

FOR_EVERY_PROCESSOR
void differentiate_columns(const Norm& norm, const Backward& arrays, long first, long size) {
  const float *x = arrays.x, *y = arrays.y, *gradient = arrays.gradient, *mean = arrays.mean + first;
  const float slope = norm.slope, slope_before = norm.slope_before;
  Sums sum, product;
  through_columns(norm, first, size, [&](long i, long j) INLINE {
    const float e = y[i] > 0 ? gradient[i] : slope * gradient[i];
    sum.block[j] += e;
    product.block[j] += e * (x[i] - mean[j]);
  }, [&]() INLINE {
    sum.end_block();
    product.end_block();
  });
  float scale[kColumns], of_beta[kColumns], of_each[kColumns];
  for (long j = 0; j < size; ++j) {
    const Channel channel = finish(norm, arrays, first + j, sum.columns[j], product.columns[j]);
    scale[j] = channel.scale;
    of_beta[j] = channel.of_beta;
    of_each[j] = channel.of_x;
  }
  if (!norm.of_input) return;
  float* of_x = arrays.of_x;
  through_columns(norm, first, size, [&](long i, long j) INLINE {
    const float e = y[i] > 0 ? gradient[i] : slope * gradient[i];
    const float gradient_of_x = scale[j] * (e - of_beta[j] - (x[i] - mean[j]) * of_each[j]);
    of_x[i] = x[i] > 0 ? gradient_of_x : slope_before * gradient_of_x;
  }, []() INLINE {});
}

// Shares the channels out to the threads.
template <class Arrays>
void share(const Norm& norm, const Arrays& arrays, void (*channel)(const Norm&, const Arrays&, long),
           void (*columns)(const Norm&, const Arrays&, long, long)) {
  const bool is_vector = norm.places == 1;
  const long size = is_vector ? kColumns : std::max(1L, kPlaces / std::max(1L, norm.places));
  gluongan::parallel((norm.channels + size - 1) / size, [&](long task) {
    const long first = task * size, last = std::min(norm.channels, first + size);
    if (is_vector) {
      columns(norm, arrays, first, last - first);
    } else {
      for (long c = first; c < last; ++c) channel(norm, arrays, c);
    }
  });
}

// in: x, γ, β, running mean, running variance. out: y, mean, variance.
MXReturnValue forward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  const Norm norm(attributes, (*in)[0]);
  const Forward arrays{(*in)[0].data<float>(),  (*in)[1].data<float>(),  (*in)[2].data<float>(),
                       (*out)[0].data<float>(), (*out)[1].data<float>(), (*out)[2].data<float>()};
  share(norm, arrays, normalize_channel, normalize_columns);
  return MX_SUCCESS;
}

// in: ∂y, two that mean nothing, then the inputs and the outputs. out: ∂x, ∂γ, ∂β, and two that mean nothing.
MXReturnValue backward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  const auto input = [&](int i) { return (*in)[i].data<float>(); };
  const auto output = [&](int i) { return (*out)[i].data<float>(); };
  const Norm norm(attributes, (*in)[3]);
  const Backward arrays{input(0),  input(3),  input(4),  input(8), input(9), input(10),
                        output(0), output(1), output(2), input(6), input(7)};
  share(norm, arrays, differentiate_channel, differentiate_columns);
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes&, int* inputs, int* outputs) {
  *inputs = 5;
  *outputs = 3;
  return MX_SUCCESS;
}

MXReturnValue mutated(const Attributes&, std::vector<int>* indices) {
  *indices = {3, 4};
  return MX_SUCCESS;
}

MXReturnValue types(const Attributes&, std::vector<int>* inputs, std::vector<int>* outputs) {
  return gluongan::require_float32("gluongan_batchnorm", inputs, outputs);
}

MXReturnValue shapes(const Attributes&, std::vector<std::vector<unsigned>>* inputs,
                     std::vector<std::vector<unsigned>>* outputs) {
  const std::vector<unsigned> x = (*inputs)[0];
  if (!gluongan::is_known(x) || x.size() < 2) {
    MX_ERROR_MSG << "gluongan_batchnorm: the shape of the samples must be known, and have two axes or more";
    return MX_FAIL;
  }
  const std::vector<unsigned> channels{x[1]};
  for (size_t i = 1; i < inputs->size(); ++i) {
    std::vector<unsigned>& shape = (*inputs)[i];
    if (gluongan::is_known(shape) && shape != channels) {
      MX_ERROR_MSG << "gluongan_batchnorm: the weights do not fit samples of " << x[1] << " channels";
      return MX_FAIL;
    }
    shape = channels;
  }
  *outputs = {x, channels, channels};
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(gluongan_batchnorm)
    .setForward(forward, "cpu")
    .setBackward(backward, "cpu")
    .setParseAttrs(parse)
    .setInferType(types)
    .setInferShape(shapes)
    .setMutateInputs(mutated);
