// Reads the folder of an export, as `gluongan export` writes it: the graph and the weights as MXNet
// stores them. What computes is the script of `gluongan play`: Network, tensor and OPERATORS.
'use strict';

// Returns { manifest, network } of a folder beside the page.
async function readExport(folder) {
  const manifest = await (await fetch(`${folder}/manifest.json`)).json();
  const file = (end) => fetch(`${folder}/${Object.keys(manifest.files).find((n) => n.endsWith(end))}`);
  const graph = await (await file('-symbol.json')).json();
  const weights = readParams(await (await file('.params')).arrayBuffer());
  const network = new Network({
    nodes: graph.nodes.map(({ op, attrs, inputs }) =>
      [op, parsed(op === 'null' ? {} : attrs ?? {}), inputs.map(([index]) => index)]),
    output: graph.heads[0][0],
    input: graph.nodes.findIndex(({ name }) => name === manifest.input.name),
    weights: [],
    values: '',
  });
  graph.nodes.forEach(({ name }, index) => {
    if (weights.has(name)) network.weights.set(index, weights.get(name));
  });
  return { manifest, network };
}

// Attributes, which a graph has as texts that Python wrote.
function parsed(attrs) {
  const value = (text) => {
    if (text === 'True' || text === 'False') return text === 'True';
    if (text.startsWith('(')) return text.match(/-?\d+/g).map(Number);
    return Number.isNaN(Number(text)) ? text : Number(text);
  };
  return Object.fromEntries(Object.entries(attrs).map(([name, text]) => [name, value(text)]));
}

// The tensors of a .params file by name. It is little-endian: a mark and a number of arrays; of each
// a mark, its kind, its shape, its device and type, and its float32 numbers; then the names.
function readParams(buffer) {
  const view = new DataView(buffer);
  let at = 16;
  const whole = () => Number(view.getBigInt64((at += 8) - 8, true));
  const arrays = Array.from({ length: whole() }, () => {
    const axes = view.getInt32(at + 8, true);
    at += 12;
    const shape = Array.from({ length: axes }, whole);
    at += 12;
    const data = new Float32Array(buffer, at, size(shape));
    at += data.byteLength;
    return tensor(shape, data);
  });
  const names = Array.from({ length: whole() }, () => {
    const bytes = new Uint8Array(buffer, at + 8, whole());
    at += bytes.length;
    return new TextDecoder().decode(bytes).replace(/^(arg|aux):/, '');
  });
  return new Map(names.map((name, k) => [name, arrays[k]]));
}
