// Draws what an exported generator makes. The model and onnxruntime-web are in this folder; nothing
// comes from other hosts.
import * as ort from './ort/ort.wasm.min.mjs';

ort.env.wasm.wasmPaths = new URL('ort/', import.meta.url).href;
ort.env.wasm.numThreads = 1;    // more need headers that a plain file server does not send

const manifest = await (await fetch('model/manifest.json')).json();
const model = Object.keys(manifest.files).find((name) => name.endsWith('.onnx'));
const session = await ort.InferenceSession.create(`model/${model}`);
const [channels, height, width] = manifest.output.shape;
const canvas = document.getElementById('picture');
const choice = document.getElementById('class');
const caption = document.getElementById('caption');

// A standard normal number (Box and Muller 1958).
function normal() {
  const radius = Math.sqrt(-2 * Math.log(1 - Math.random()));
  return radius * Math.cos(2 * Math.PI * Math.random());
}

function truncated() {
  let z;
  do {
    z = normal();
  } while (Math.abs(z) > 2);
  return z;
}

const noise = { normal, truncated, uniform: () => 2 * Math.random() - 1 };

// The noise, then the class as a one-hot vector.
function input() {
  const z = Array.from({ length: manifest.latent }, noise[manifest.noise]);
  const label = manifest.classes.map((_, k) => (k === Number(choice.value) ? 1 : 0));
  return [...z, ...label];
}

// The values of one picture, channel by channel, in [0, 1].
export async function picture(z) {
  const tensor = new ort.Tensor('float32', Float32Array.from(z), [1, z.length]);
  const outputs = await session.run({ [manifest.input.name]: tensor });
  return outputs[manifest.output.name].data;
}

function paint(x) {
  const image = new ImageData(width, height);
  const size = width * height;
  for (let pixel = 0; pixel < size; pixel++) {
    for (let color = 0; color < 3; color++) {
      const channel = channels === 3 ? color : 0;
      image.data[4 * pixel + color] = Math.round(255 * x[channel * size + pixel]);
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

async function draw() {
  const start = performance.now();
  paint(await picture(input()));
  canvas.dataset.drawn = Number(canvas.dataset.drawn ?? 0) + 1;
  const time = (performance.now() - start).toFixed(1);
  const run = `${manifest.recipe} on ${manifest.data}, iteration ${manifest.iteration}`;
  caption.textContent = `${run}; ${time} ms. Click for another.`;
}

function drawOnKey(event) {
  if (['Enter', ' '].includes(event.key)) {
    event.preventDefault();
    draw();
  }
}

canvas.width = width;
canvas.height = height;
manifest.classes.forEach((name, k) => choice.add(new Option(name, k)));
document.getElementById('choice').hidden = !manifest.classes.length;
canvas.addEventListener('click', draw);
canvas.addEventListener('keydown', drawOnKey);
choice.addEventListener('change', draw);
await draw();
