// Draws what an exported generator makes. The model and onnxruntime-web lie in this folder; nothing is fetched from elsewhere.
import * as ort from './ort/ort.wasm.min.mjs';

ort.env.wasm.wasmPaths = new URL('ort/', import.meta.url).href;
ort.env.wasm.numThreads = 1;    // more need headers that a plain file server does not send

const told = await (await fetch('model/manifest.json')).json();
const session = await ort.InferenceSession.create(`model/${Object.keys(told.files).find((name) => name.endsWith('.onnx'))}`);
const [channels, height, width] = told.output.shape;
const canvas = document.getElementById('picture');
const choice = document.getElementById('class');

// A standard normal number (Box and Muller 1958).
const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

const draws = {
  normal,
  uniform: () => 2 * Math.random() - 1,
  truncated: () => { let z; do { z = normal(); } while (Math.abs(z) > 2); return z; },
};

// The noise, and behind it the class as a one-hot vector.
function input() {
  const z = Array.from({ length: told.latent }, draws[told.noise]);
  return [...z, ...told.classes.map((_, k) => (k === Number(choice.value) ? 1 : 0))];
}

// The values of one picture, channel by channel, in [0, 1].
export async function picture(z) {
  const feed = { [told.input.name]: new ort.Tensor('float32', Float32Array.from(z), [1, z.length]) };
  return (await session.run(feed))[told.output.name].data;
}

async function draw() {
  const begun = performance.now();
  const x = await picture(input());
  const image = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    for (let colour = 0; colour < 3; colour++) {
      image.data[4 * at + colour] = Math.round(255 * x[(channels === 3 ? colour : 0) * width * height + at]);
    }
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
  canvas.dataset.drawn = Number(canvas.dataset.drawn ?? 0) + 1;
  document.getElementById('told').textContent =
    `${told.recipe} on ${told.data}, iteration ${told.iteration}; ${(performance.now() - begun).toFixed(1)} ms. Click for another.`;
}

canvas.width = width;
canvas.height = height;
told.classes.forEach((name, k) => choice.add(new Option(name, k)));
document.getElementById('choice').hidden = !told.classes.length;
canvas.addEventListener('click', draw);
canvas.addEventListener('keydown', (event) => { if (['Enter', ' '].includes(event.key)) { event.preventDefault(); draw(); } });
choice.addEventListener('change', draw);
await draw();
