// Draws what an exported generator makes: another picture for each click.
'use strict';

const canvas = document.getElementById('picture');
const choice = document.getElementById('class');
const caption = document.getElementById('caption');
let generator;

// The noise, then the class as a one-hot vector.
function input({ latent, noise, classes }) {
  const z = drawNoise(Math.random, latent, noise);
  return [...z, ...classes.map((_, k) => (k === Number(choice.value) ? 1 : 0))];
}

// The values of one picture, channel by channel, in [0, 1].
function picture(z) {
  return generator.network.run(tensor([1, z.length], Float32Array.from(z))).data;
}

function paint(x, [channels, height, width]) {
  const image = new ImageData(width, height);
  const plane = width * height;
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let color = 0; color < 3; color++) {
      const channel = channels === 3 ? color : 0;
      image.data[4 * pixel + color] = Math.round(255 * x[channel * plane + pixel]);
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}

function draw() {
  const { manifest } = generator;
  const start = performance.now();
  paint(picture(input(manifest)), manifest.output.shape);
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

async function begin() {
  generator = await readExport('model');
  const { classes, output } = generator.manifest;
  [canvas.height, canvas.width] = output.shape.slice(1);
  classes.forEach((name, k) => choice.add(new Option(name, k)));
  document.getElementById('choice').hidden = !classes.length;
  canvas.addEventListener('click', draw);
  canvas.addEventListener('keydown', drawOnKey);
  choice.addEventListener('change', draw);
  draw();
}

begin();
