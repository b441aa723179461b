// The gradients of the operators of dense networks, for the search for a z: attributes, gradient at
// the output, output, inputs -> the gradients at the inputs that are no weights, in their order.

// Back through (N, inputs) times a weight (units, inputs).
function denseGradient(attrs, slope, y, x, weight) {
  const [units, inputs] = weight.shape;
  const count = x.shape[0];
  const gradient = new Float64Array(count * inputs);
  addProduct(gradient, slope, weight.data, count, units, inputs);
  return [new Float32Array(gradient)];
}

function batchNormGradient({ eps }, slope, y, x, gamma, beta, mean, variance) {
  const channels = x.shape[1];
  const positions = x.data.length / (x.shape[0] * channels);
  return [slope.map((value, i) => {
    const c = Math.floor(i / positions) % channels;
    return value * gamma.data[c] / Math.sqrt(variance.data[c] + eps);
  })];
}

const SLOPES = { // of an activation, from its output and its input
  relu: (y) => (y > 0 ? 1 : 0),
  sigmoid: (y) => y * (1 - y),
  softrelu: (y, x) => sigmoid(x),
  tanh: (y) => 1 - y * y,
};
const density = (x) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
const LEAKY_SLOPES = {
  leaky: (y, x, slope) => (x > 0 ? 1 : slope),
  elu: (y, x, slope) => (x > 0 ? 1 : y + slope),
  gelu: (y, x) => normalShare(x) + x * density(x),
};

const eachGradient = (f) => (attrs, slope, y, x) =>
  [slope.map((value, i) => value * f(y.data[i], x.data[i], attrs))];
const passOn = (attrs, slope) => [slope];

const GRADIENTS = {
  FullyConnected: denseGradient,
  BatchNorm: batchNormGradient,
  Activation: eachGradient((y, x, { act_type: name }) => SLOPES[name](y, x)),
  LeakyReLU: eachGradient((y, x, attrs) =>
    LEAKY_SLOPES[attrs.act_type](y, x, attrs.slope ?? 0.25)),
  Dropout: passOn,
  Reshape: passOn,
  Flatten: passOn,
  sigmoid: eachGradient((y) => y * (1 - y)),
  square: eachGradient((y, x) => 2 * x),
  _plus_scalar: passOn,
  _minus_scalar: passOn,
  _mul_scalar: eachGradient((y, x, { scalar }) => scalar),
  _div_scalar: eachGradient((y, x, { scalar }) => 1 / scalar),
  elemwise_add: (attrs, slope) => [slope, slope],
  elemwise_sub: (attrs, slope) => [slope, slope.map((value) => -value)],
  elemwise_mul: (attrs, slope, y, a, b) =>
    [slope.map((value, i) => value * b.data[i]), slope.map((value, i) => value * a.data[i])],
};
