// A network of an export: its graph, computed node by node by OPERATORS.

function bytesOf(base64) {
  const text = atob(base64);
  return Uint8Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

const floatsOf = (base64) => new Float32Array(bytesOf(base64).buffer);

class Network {
  // nodes: [operator, attributes, indices of inputs], 'null' for the input and the weights.
  // weights: the shape of the weight at each index; values: all of them, one after the other.
  constructor({ nodes, output, input, weights, values }) {
    this.nodes = nodes.map(([op, attrs, inputs]) => ({ op, attrs, inputs }));
    this.output = output;
    this.input = input;
    this.weights = new Map();
    const numbers = floatsOf(values);
    let start = 0;
    for (const [index, shape] of weights) {
      const end = start + size(shape);
      this.weights.set(index, tensor(shape, numbers.subarray(start, end)));
      start = end;
    }
    for (const { op } of this.nodes) {
      if (op !== 'null' && !(op in OPERATORS)) {
        throw new Error(`the network has the operator ${op}, which this page lacks`);
      }
    }
  }

  // The values of all nodes for a tensor.
  compute(x) {
    const values = [];
    this.nodes.forEach(({ op, attrs, inputs }, index) => {
      if (op !== 'null') values.push(OPERATORS[op](attrs, ...inputs.map((i) => values[i])));
      else values.push(index === this.input ? x : this.weights.get(index));
    });
    return values;
  }

  // What the network gives for a tensor (N, ...).
  run(x) {
    return this.compute(x)[this.output];
  }

  // Whether there is a gradient of the output with respect to the input: of dense networks only.
  get hasGradient() {
    const reached = this.reached();
    return this.nodes.every(({ op }, index) => !reached.has(index) || op === 'null'
      || op in GRADIENTS);
  }

  // The indices of the nodes that depend on the input.
  reached() {
    const reached = new Set([this.input]);
    this.nodes.forEach(({ inputs }, index) => {
      if (inputs.some((i) => reached.has(i))) reached.add(index);
    });
    return reached;
  }

  // Runs the network, and returns its output and the gradient at its input of a function of the
  // output, given by the function's own gradient: slope(output data) -> Float32Array.
  differentiate(x, slope) {
    const values = this.compute(x);
    const reached = this.reached();
    const gradients = new Array(values.length);
    gradients[this.output] = slope(values[this.output].data);
    for (let index = this.output; index > this.input; index--) {
      const { op, attrs, inputs } = this.nodes[index];
      if (!gradients[index] || !reached.has(index) || op === 'null') continue;
      const given = inputs.map((i) => values[i]);
      const parts = GRADIENTS[op](attrs, gradients[index], values[index], ...given);
      parts.forEach((part, k) => {
        const i = inputs[k];
        if (reached.has(i)) gradients[i] = gradients[i] ? sumOf(gradients[i], 1, part, 1) : part;
      });
    }
    return { output: values[this.output], gradient: gradients[this.input] };
  }
}
