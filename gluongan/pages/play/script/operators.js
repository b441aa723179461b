// The operators of exported graphs, as in gluongan/exports/operators.py: attributes and inputs in,
// output out. A tensor is { shape, data }: whole numbers and a Float32Array, row by row.

const size = (shape) => shape.reduce((product, side) => product * side, 1);
const tensor = (shape, data = new Float32Array(size(shape))) => ({ shape, data });

// Products

// Adds a (rows × inner) times b (inner × columns) to out. It takes half the time where b and out
// are Float64Arrays, since V8 converts each number of a Float32Array.
function addProduct(out, a, b, rows, inner, columns) {
  for (let row = 0; row + 1 < rows; row += 2) addTwoRows(out, a, b, row, inner, columns);
  if (rows % 2) addRow(out, a, b, rows - 1, 0, inner, columns);
}

// Two rows of the product at once, and four rows of b: each number of b is read once for both.
function addTwoRows(out, a, b, row, inner, columns) {
  const whole = inner - (inner % 4);
  const [p, q] = [row * columns, (row + 1) * columns];
  for (let k = 0; k < whole; k += 4) {
    const i = row * inner + k;
    const j = i + inner;
    const a0 = a[i];
    const a1 = a[i + 1];
    const a2 = a[i + 2];
    const a3 = a[i + 3];
    const c0 = a[j];
    const c1 = a[j + 1];
    const c2 = a[j + 2];
    const c3 = a[j + 3];
    const b0 = k * columns;
    const b1 = b0 + columns;
    const b2 = b1 + columns;
    const b3 = b2 + columns;
    for (let n = 0; n < columns; n++) {
      const x0 = b[b0 + n];
      const x1 = b[b1 + n];
      const x2 = b[b2 + n];
      const x3 = b[b3 + n];
      out[p + n] += a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3;
      out[q + n] += c0 * x0 + c1 * x1 + c2 * x2 + c3 * x3;
    }
  }
  addRow(out, a, b, row, whole, inner, columns);
  addRow(out, a, b, row + 1, whole, inner, columns);
}

// One row of the product, of the rows of b from `first` on.
function addRow(out, a, b, row, first, inner, columns) {
  for (let k = first; k < inner; k++) {
    const factor = a[row * inner + k];
    for (let n = 0; n < columns; n++) out[row * columns + n] += factor * b[k * columns + n];
  }
}

// The dot product of `count` numbers, in double precision.
function dotProduct(a, aStart, b, bStart, count) {
  const whole = count - (count % 4);
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let k = 0; k < whole; k += 4) {
    s0 += a[aStart + k] * b[bStart + k];
    s1 += a[aStart + k + 1] * b[bStart + k + 1];
    s2 += a[aStart + k + 2] * b[bStart + k + 2];
    s3 += a[aStart + k + 3] * b[bStart + k + 3];
  }
  for (let k = whole; k < count; k++) s0 += a[aStart + k] * b[bStart + k];
  return s0 + s1 + (s2 + s3);
}

// Dot products of one row of a weight with four samples: each number of the row is read once.
function fourDotProducts(out, weight, row, x, first, count) {
  const [x0, x1, x2, x3] = [first, first + count, first + 2 * count, first + 3 * count];
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0; k < count; k++) {
    const w = weight[row + k];
    s0 += w * x[x0 + k];
    s1 += w * x[x1 + k];
    s2 += w * x[x2 + k];
    s3 += w * x[x3 + k];
  }
  out[0] = s0;
  out[1] = s1;
  out[2] = s2;
  out[3] = s3;
}

// (N, ...) times a weight (units, values of a sample) -> (N, units).
function dense(attrs, x, weight, bias) {
  const [units, inputs] = weight.shape;
  const count = x.shape[0];
  const fours = count - (count % 4);
  const samples = new Float64Array(x.data); // in which V8 computes faster
  const sums = new Float64Array(4);
  const y = tensor([count, units]);
  for (let unit = 0; unit < units; unit++) {
    const row = unit * inputs;
    const shift = bias ? bias.data[unit] : 0;
    for (let n = 0; n < fours; n += 4) {
      fourDotProducts(sums, weight.data, row, samples, n * inputs, inputs);
      for (let i = 0; i < 4; i++) y.data[(n + i) * units + unit] = sums[i] + shift;
    }
    for (let n = fours; n < count; n++) {
      const sum = dotProduct(weight.data, row, samples, n * inputs, inputs);
      y.data[n * units + unit] = sum + shift;
    }
  }
  return y;
}

function dot(attrs, a, b) {
  const y = tensor([a.shape[0], b.shape[1]]);
  addProduct(y.data, a.data, b.data, a.shape[0], a.shape[1], b.shape[1]);
  return y;
}

// Convolutions, padded by one pixel

// Calls visit(row of the patches, position, pixel) for each place of a filter over an image: which
// row of the matrix of patches, which of its columns, and which value of the image.
function visitPatches(window, visit) {
  const { channels, height, width, kernel, stride, rows, columns } = window;
  for (let channel = 0; channel < channels; channel++) {
    for (let ky = 0; ky < kernel[0]; ky++) {
      for (let kx = 0; kx < kernel[1]; kx++) {
        const patch = ((channel * kernel[0] + ky) * kernel[1] + kx) * rows * columns;
        for (let row = 0; row < rows; row++) {
          const y = row * stride[0] + ky - 1;
          if (y < 0 || y >= height) continue;
          for (let column = 0; column < columns; column++) {
            const x = column * stride[1] + kx - 1;
            if (x < 0 || x >= width) continue;
            visit(patch + row * columns + column, (channel * height + y) * width + x);
          }
        }
      }
    }
  }
}

// Fills the channels of an image with their bias, or with 0.
function startWith(bias, channels, positions, image) {
  image.fill(0);
  for (let channel = 0; bias && channel < channels; channel++) {
    image.fill(bias.data[channel], channel * positions, (channel + 1) * positions);
  }
}

function convolution(attrs, x, weight, bias) {
  const [count, channels, height, width] = x.shape;
  const { kernel, stride, num_filter: filters } = attrs;
  const [rows, columns] = [height / stride[0], width / stride[1]];
  const window = { channels, height, width, kernel, stride, rows, columns };
  const [inner, positions] = [channels * kernel[0] * kernel[1], rows * columns];
  const y = tensor([count, filters, rows, columns]);
  const patches = new Float64Array(inner * positions);
  const image = new Float64Array(filters * positions);
  for (let n = 0; n < count; n++) {
    const from = n * channels * height * width;
    visitPatches(window, (place, pixel) => { patches[place] = x.data[from + pixel]; });
    startWith(bias, filters, positions, image);
    addProduct(image, weight.data, patches, filters, inner, positions);
    y.data.set(image, n * image.length);
  }
  return y;
}

const transposes = new WeakMap(); // of the weights of deconvolutions

function transposed(weight) {
  if (!transposes.has(weight)) {
    const rows = weight.shape[0];
    const columns = weight.data.length / rows;
    const data = new Float32Array(weight.data.length);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) data[j * rows + i] = weight.data[i * columns + j];
    }
    transposes.set(weight, data);
  }
  return transposes.get(weight);
}

function deconvolution(attrs, x, weight, bias) {
  const [count, channels, rows, columns] = x.shape;
  const { kernel, stride, num_filter: filters } = attrs;
  const [height, width] = [rows * stride[0], columns * stride[1]];
  const window = { channels: filters, height, width, kernel, stride, rows, columns };
  const [positions, outputs] = [rows * columns, filters * kernel[0] * kernel[1]];
  const y = tensor([count, filters, height, width]);
  const patches = new Float64Array(outputs * positions);
  const image = new Float64Array(filters * height * width);
  for (let n = 0; n < count; n++) {
    const from = n * channels * positions;
    const given = new Float64Array(x.data.subarray(from, from + channels * positions));
    patches.fill(0);
    addProduct(patches, transposed(weight), given, outputs, channels, positions);
    startWith(bias, filters, height * width, image);
    visitPatches(window, (place, pixel) => { image[pixel] += patches[place]; });
    y.data.set(image, n * image.length);
  }
  return y;
}

// Values one by one

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const softplus = (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

const ACTIVATIONS = {
  relu: (x) => Math.max(x, 0),
  sigmoid,
  softrelu: softplus,
  tanh: Math.tanh,
};
const LEAKY = {
  leaky: (x, slope) => (x > 0 ? x : slope * x),
  elu: (x, slope) => (x > 0 ? x : slope * Math.expm1(x)),
  gelu: (x) => x * normalShare(x),
};

const each = (f) => (attrs, x) => tensor(x.shape, x.data.map((value) => f(value, attrs)));
const activation = (attrs, x) => tensor(x.shape, x.data.map(ACTIVATIONS[attrs.act_type]));

function leaky(attrs, x) {
  const [f, slope] = [LEAKY[attrs.act_type], attrs.slope ?? 0.25];
  return tensor(x.shape, x.data.map((value) => f(value, slope)));
}

// By its running statistics, over axis 1.
function batchNorm({ eps }, x, gamma, beta, mean, variance) {
  const [count, channels] = x.shape;
  const positions = x.data.length / (count * channels);
  const y = tensor(x.shape);
  let i = 0;
  for (let row = 0; row < count * channels; row++) {
    const c = row % channels;
    const scale = gamma.data[c] / Math.sqrt(variance.data[c] + eps);
    const shift = beta.data[c] - mean.data[c] * scale;
    for (const end = i + positions; i < end; i++) y.data[i] = x.data[i] * scale + shift;
  }
  return y;
}

// How far apart neighbours on each axis are; 0 on an axis of length 1, which is repeated.
function strides(shape) {
  let step = 1;
  return shape.map((_, axis) => shape[shape.length - 1 - axis]).map((side) => {
    const stride = side === 1 ? 0 : step;
    step *= side;
    return stride;
  }).reverse();
}

const elementwise = (f) => (attrs, a, b) => {
  const shape = a.shape.map((side, axis) => Math.max(side, b.shape[axis]));
  const y = tensor(shape);
  const [aStrides, bStrides] = [strides(a.shape), strides(b.shape)];
  const last = shape.length - 1;
  let i = 0;
  const fill = (axis, p, q) => {
    const [aStep, bStep] = [aStrides[axis], bStrides[axis]];
    for (let k = 0; k < shape[axis]; k++) {
      if (axis === last) y.data[i++] = f(a.data[p + k * aStep], b.data[q + k * bStep]);
      else fill(axis + 1, p + k * aStep, q + k * bStep);
    }
  };
  fill(0, 0, 0);
  return y;
};

// Shapes

const split = (shape, axis) => [size(shape.slice(0, axis)), size(shape.slice(axis + 1))];

const reduction = (finish) => ({ axis, keepdims }, x) => {
  const [outer, inner] = axis === undefined ? [1, 1] : split(x.shape, axis);
  const side = axis === undefined ? x.data.length : x.shape[axis];
  const kept = x.shape.flatMap((length, a) => {
    if (axis !== undefined && a !== axis) return [length];
    return keepdims ? [1] : [];
  });
  const y = tensor(kept.length ? kept : [1]);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let sum = 0;
      for (let k = 0; k < side; k++) sum += x.data[(o * side + k) * inner + i];
      y.data[o * inner + i] = finish(sum, side);
    }
  }
  return y;
};

function sliceAxis({ axis, begin, end }, x) {
  const side = x.shape[axis];
  const first = begin < 0 ? side + begin : begin;
  const last = end === null ? side : (end < 0 ? side + end : end);
  const [outer, inner] = split(x.shape, axis);
  const y = tensor(x.shape.map((length, a) => (a === axis ? last - first : length)));
  for (let o = 0; o < outer; o++) {
    const from = o * side * inner;
    const part = x.data.subarray(from + first * inner, from + last * inner);
    y.data.set(part, o * part.length);
  }
  return y;
}

function concat({ dim }, ...parts) {
  const [outer] = split(parts[0].shape, dim);
  const side = parts.reduce((sum, part) => sum + part.shape[dim], 0);
  const y = tensor(parts[0].shape.map((length, axis) => (axis === dim ? side : length)));
  let to = 0;
  for (let o = 0; o < outer; o++) {
    for (const { data } of parts) {
      const length = data.length / outer;
      y.data.set(data.subarray(o * length, (o + 1) * length), to);
      to += length;
    }
  }
  return y;
}

// `shape`, where 0 keeps a side and one -1 takes what is left.
function reshape({ shape }, x) {
  const sides = shape.map((side, axis) => side || x.shape[axis]);
  const known = sides.filter((side) => side !== -1).reduce((product, side) => product * side, 1);
  return tensor(sides.map((side) => (side === -1 ? x.data.length / known : side)), x.data);
}

const flatten = (attrs, x) => tensor([x.shape[0], x.data.length / x.shape[0]], x.data);
const reshapeLike = (attrs, x, y) => tensor(y.shape, x.data);
const expandDims = ({ axis }, x) =>
  tensor([...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)], x.data);
const identity = (attrs, x) => x;

const OPERATORS = {
  FullyConnected: dense,
  Convolution: convolution,
  Deconvolution: deconvolution,
  BatchNorm: batchNorm,
  Activation: activation,
  LeakyReLU: leaky,
  Dropout: identity,
  BlockGrad: identity,
  abs: each(Math.abs),
  exp: each(Math.exp),
  sigmoid: each(sigmoid),
  sqrt: each(Math.sqrt),
  square: each((x) => x * x),
  zeros_like: each(() => 0),
  _plus_scalar: each((x, { scalar }) => x + scalar),
  _minus_scalar: each((x, { scalar }) => x - scalar),
  _mul_scalar: each((x, { scalar }) => x * scalar),
  _div_scalar: each((x, { scalar }) => x / scalar),
  elemwise_add: elementwise((a, b) => a + b),
  elemwise_sub: elementwise((a, b) => a - b),
  elemwise_mul: elementwise((a, b) => a * b),
  broadcast_add: elementwise((a, b) => a + b),
  broadcast_sub: elementwise((a, b) => a - b),
  broadcast_mul: elementwise((a, b) => a * b),
  broadcast_div: elementwise((a, b) => a / b),
  sum: reduction((sum) => sum),
  mean: reduction((sum, count) => sum / count),
  dot,
  Flatten: flatten,
  Reshape: reshape,
  reshape_like: reshapeLike,
  expand_dims: expandDims,
  slice_axis: sliceAxis,
  Concat: concat,
};
