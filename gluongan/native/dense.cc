// The fully connected layer with its activation: y = f(x Wᵀ + b), with f(v) = v above 0, else slope · v, or with the
// sigmoid function, or the hyperbolic tangent.
//
// x (N, ...) is read as (N, K); W is (U, K), b (U,), all float32. y is (N, U), or (N, ...) with the sizes in `shape`,
// whose product is U. Backward, with e = f'(…) ∘ ∂y (N, U):
//   ∂x = e W,  ∂W = eᵀ x,  ∂b = the sums of e over the batch
// With `slope_before` or `activation_before`, x is the output of such a function, and ∂x is the gradient before it. Whose
// ∂y comes from such a layer has `is_scaled`: e is ∂y.
// With two `parts` there are two x, whose samples follow one another; ∂x is not computed then.
// MXNet 1.9.1 neither tells an operator of a library which gradients are wanted, nor adds to what is there. So attributes
// say what to compute, `of_input` and `of_weights`, and no weight may be used by two such operators of one graph.

#include "mxnet/lib_api.h"

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "attributes.h"
#include "inference.h"
#include "pool.h"
#include "products.h"

using namespace mxnet::ext;

namespace {

using gluongan::Activation;
using gluongan::Attributes;
using gluongan::Finish;
using gluongan::is_true;
using gluongan::Matrix;
using gluongan::Multiplication;
using gluongan::number_of;
using gluongan::text_of;
using Tensors = std::vector<MXTensor>;

constexpr long kBlock = 16384;  // numbers that a thread scales at a time

struct Dense {
  int parts;
  bool has_bias, of_input, of_weights, is_scaled;
  Activation activation, activation_before;
  float slope, slope_before;
  long batch, inputs, units;  // batch: of all parts

  // first: the first x in a list of tensors, behind which come the other one, W and b.
  Dense(const Attributes& attributes, const MXTensor* first)
      : parts(parts_of(attributes)), has_bias(is_true(attributes, "bias", true)),
        of_input(is_true(attributes, "of_input", true)), of_weights(is_true(attributes, "of_weights", true)),
        is_scaled(is_true(attributes, "is_scaled", false)),
        activation(activation_of(text_of(attributes, "activation", "leaky"))),
        activation_before(activation_of(text_of(attributes, "activation_before", "leaky"))),
        slope(number_of(attributes, "slope", 1.0f)), slope_before(number_of(attributes, "slope_before", 1.0f)), batch(0),
        inputs(first[parts].shape[1]), units(first[parts].shape[0]) {
    for (int part = 0; part < parts; ++part) batch += first[part].shape[0];
  }

  static int parts_of(const Attributes& attributes) { return text_of(attributes, "parts", "1") == "2" ? 2 : 1; }

  static Activation activation_of(const std::string& name) {
    if (name == "sigmoid") return Activation::kSigmoid;
    return name == "tanh" ? Activation::kTanh : Activation::kLeaky;
  }

  bool is_linear() const { return activation == Activation::kLeaky && slope == 1.0f; }
  bool is_linear_before() const { return activation_before == Activation::kLeaky && slope_before == 1.0f; }
};

// to ← f'(…) ∘ gradient, where y = f(…).
__attribute__((target_clones("avx512f", "avx2", "default")))
void scale(const Dense& layer, const float* gradient, const float* y, float* __restrict to, long count) {
  const float slope = layer.slope;
  if (layer.activation == Activation::kSigmoid) {
    for (long j = 0; j < count; ++j) to[j] = gradient[j] * (y[j] * (1.0f - y[j]));
  } else if (layer.activation == Activation::kTanh) {
    for (long j = 0; j < count; ++j) to[j] = gradient[j] * (1.0f - y[j] * y[j]);
  } else {
    for (long j = 0; j < count; ++j) to[j] = gradient[j] * (y[j] > 0 ? 1.0f : slope);
  }
}

// f'(…) ∘ gradient for the whole batch, in a place that the next call of the same thread writes to again.
const float* scaled(const Dense& layer, const float* gradient, const float* y) {
  static thread_local std::vector<float> buffer;  // MXNet's own temporary space is new pages each time
  const long size = layer.batch * layer.units;
  buffer.resize(std::max<size_t>(buffer.size(), size));
  float* const to = buffer.data();
  gluongan::parallel((size + kBlock - 1) / kBlock, [&](long block) {
    const long first = block * kBlock;
    scale(layer, gradient + first, y + first, to + first, std::min(kBlock, size - first));
  });
  return to;
}

// in: each x, W, b if there is one.
MXReturnValue forward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  const Dense layer(attributes, in->data());
  const Matrix transposed_weight{(*in)[layer.parts].data<float>(), 1, layer.inputs};
  const float* bias = layer.has_bias ? (*in)[layer.parts + 1].data<float>() : nullptr;
  const Finish finish{bias, layer.activation, layer.slope};
  float* y = (*out)[0].data<float>();
  const auto of_part = [&](int part) {
    const Matrix x{(*in)[part].data<float>(), layer.inputs, 1};
    const long samples = (*in)[part].shape[0];
    const Multiplication product{x, transposed_weight, y, samples, layer.units, layer.inputs, finish};
    y += samples * layer.units;
    return product;
  };
  const Multiplication first = of_part(0);
  if (layer.parts == 1) {
    gluongan::multiply(first);
  } else {
    gluongan::multiply_both(first, of_part(1));
  }
  return MX_SUCCESS;
}

// in: ∂y, each x, W, b if there is one, y. out: each ∂x, ∂W, ∂b.
MXReturnValue backward(const Attributes& attributes, Tensors* in, Tensors* out, const OpResource&) {
  const Dense layer(attributes, in->data() + 1);
  const int parts = layer.parts;
  const float* gradient = (*in)[0].data<float>();
  if (!layer.is_linear() && !layer.is_scaled) gradient = scaled(layer, gradient, in->back().data<float>());
  const float* inputs = (*in)[1].data<float>();
  const Matrix x{inputs, layer.inputs, 1}, weight{(*in)[1 + parts].data<float>(), layer.inputs, 1};
  const Matrix by_row{gradient, layer.units, 1}, by_unit{gradient, 1, layer.units};
  float* of_w = (*out)[parts].data<float>();
  Multiplication of_weights{by_unit, x, of_w, layer.units, layer.inputs, layer.batch};
  if (layer.has_bias && layer.of_weights) of_weights.sums = (*out)[parts + 1].data<float>();
  if (parts == 2) {
    of_weights.rest = (*in)[2].data<float>();
    of_weights.split = (*in)[1].shape[0];
  }
  Multiplication of_input{by_row, weight, (*out)[0].data<float>(), layer.batch, layer.inputs, layer.units};
  of_input.finish.activation = layer.activation_before;
  of_input.finish.slope = layer.slope_before;
  of_input.finish.outputs = layer.is_linear_before() ? nullptr : inputs;
  if (layer.of_weights && layer.of_input) {
    gluongan::multiply_both(of_weights, of_input);
  } else if (layer.of_weights) {
    gluongan::multiply(of_weights);
  } else if (layer.of_input) {
    gluongan::multiply(of_input);
  }
  return MX_SUCCESS;
}

MXReturnValue parse(const Attributes& attributes, int* inputs, int* outputs) {
  *inputs = Dense::parts_of(attributes) + (is_true(attributes, "bias", true) ? 2 : 1);
  *outputs = 1;
  return MX_SUCCESS;
}

MXReturnValue types(const Attributes&, std::vector<int>* inputs, std::vector<int>* outputs) {
  return gluongan::require_float32("gluongan_dense", inputs, outputs);
}

// The numbers in a text such as "1,28,28".
std::vector<unsigned> sizes_in(const std::string& text) {
  std::vector<unsigned> sizes;
  std::istringstream stream(text);
  for (std::string size; std::getline(stream, size, ',');) sizes.push_back(std::stoul(size));
  return sizes;
}

// How many values the rows of x have when it is read as (N, K).
unsigned values_of(const std::vector<unsigned>& x) {
  unsigned values = 1;
  for (size_t axis = 1; axis < x.size(); ++axis) values *= x[axis];
  return values;
}

MXReturnValue shapes(const Attributes& attributes, std::vector<std::vector<unsigned>>* inputs,
                     std::vector<std::vector<unsigned>>* outputs) {
  const size_t parts = Dense::parts_of(attributes);
  const unsigned values = values_of((*inputs)[0]);
  unsigned batch = 0;
  for (size_t part = 0; part < parts; ++part) {
    const std::vector<unsigned>& x = (*inputs)[part];
    if (!gluongan::is_known(x) || values_of(x) != values) {
      MX_ERROR_MSG << "gluongan_dense: the shape of the samples must be known, and the same in both parts";
      return MX_FAIL;
    }
    batch += x[0];
  }
  const auto units = static_cast<unsigned>(std::stoul(attributes.at("units")));
  const std::vector<std::vector<unsigned>> parameters{{units, values}, {units}};
  for (size_t i = parts; i < inputs->size(); ++i) {
    std::vector<unsigned>& shape = (*inputs)[i];
    if (gluongan::is_known(shape) && shape != parameters[i - parts]) {
      MX_ERROR_MSG << "gluongan_dense: the weights do not fit samples of " << values << " values";
      return MX_FAIL;
    }
    shape = parameters[i - parts];
  }
  (*outputs)[0] = sizes_in(text_of(attributes, "shape", attributes.at("units").c_str()));
  (*outputs)[0].insert((*outputs)[0].begin(), batch);
  return MX_SUCCESS;
}

}  // namespace

REGISTER_OP(gluongan_dense)
    .setForward(forward, "cpu")
    .setBackward(backward, "cpu")
    .setParseAttrs(parse)
    .setInferType(types)
    .setInferShape(shapes);

// Called once, by MXLoadLib.
MXReturnValue initialize(int version) {
  if (version >= 10900) return MX_SUCCESS;
  MX_ERROR_MSG << "gluongan: its operators need MXNet 1.9 or later";
  return MX_FAIL;
}
