// A generator that can be played with: its networks, its noise, its originals.
// A point is { z, label, seed }: what a picture is made of; label and seed may be undefined.
// A picture is a point with its `values`, channel by channel, in [0, 1].

const MOST_TOGETHER = 40; // pictures in one pass, for the memory
const OWN_SEEDS = 1e6; // `again` takes a seed below it
const LAST_SEED = 2 ** 31 - 1; // of a first seed, as gluongan has it: beyond, seeds are no whole numbers

class Player {
  constructor(description) {
    Object.assign(this, description);
    this.G = new Network(description.generator);
    this.D = description.discriminator && new Network(description.discriminator);
    this.known = this.rowsOf(description.seeds);
    this.axes = this.rowsOf(description.directions.vectors);
    if (this.ways) this.ways.axes = this.rowsOf(this.ways.vectors);
    if (this.originals) this.originals.values = bytesOf(this.originals.pixels);
  }

  // Vectors of z, one after the other.
  rowsOf(base64) {
    const numbers = floatsOf(base64);
    return Array.from({ length: numbers.length / this.latent }, (_, k) =>
      numbers.subarray(k * this.latent, (k + 1) * this.latent));
  }

  // The z of a seed: as gluongan draws it for the first seeds, and as this page does for others.
  noise(seed) {
    return this.known[seed] ?? drawNoise(randomStream(seed), this.latent, this.distribution);
  }

  // Points of seeds from `first` on, and of their classes: one, or all of them in turn.
  points(first, count, label) {
    return Array.from({ length: count }, (_, i) => {
      const seed = first + i;
      const turn = this.classes.length ? seed % this.classes.length : undefined;
      return { z: this.noise(seed), seed, label: label ?? turn };
    });
  }

  randomSeed() {
    const first = this.known.length;
    return first + Math.floor(Math.random() * (OWN_SEEDS - first));
  }

  truncate(point, bound = Infinity) {
    return { ...point, z: truncated(point.z, bound, this.distribution) };
  }

  draw(points) {
    const pictures = [];
    for (let i = 0; i < points.length; i += MOST_TOGETHER) {
      pictures.push(...this.pass(points.slice(i, i + MOST_TOGETHER)));
    }
    return pictures;
  }

  pass(points) {
    const inputs = this.latent + this.classes.length;
    const x = tensor([points.length, inputs]);
    points.forEach(({ z, label }, n) => {
      x.data.set(z, n * inputs);
      if (this.classes.length) x.data[n * inputs + this.latent + label] = 1;
    });
    const { data } = this.G.run(x);
    const length = size(this.shape);
    return points.map((point, n) => (
      { ...point, values: data.subarray(n * length, (n + 1) * length) }));
  }

  // What D says of pictures: a logit each.
  judge(pictures) {
    const [channels, ...sides] = this.shape;
    const length = size(this.shape);
    const labels = size(this.discriminatorShape) > length ? this.classes.length : 0;
    const plane = this.discriminatorShape.length === 3 ? size(sides) : 1;
    const x = tensor([pictures.length, ...this.discriminatorShape]);
    pictures.forEach(({ values, label }, n) => {
      const start = n * (length + labels * plane);
      x.data.set(values, start);
      const from = start + length + label * plane;
      if (labels) x.data.fill(1, from, from + plane);
    });
    return Array.from(this.D.run(x).data);
  }

  verdict(logit) {
    if (!this.isProbability) return `D scores it ${logit.toFixed(2).replace('-', '−')}`;
    return `D says ${Math.round(100 * sigmoid(logit))} % real`;
  }

  // An original as a picture.
  original(index) {
    const length = size(this.shape);
    const bytes = this.originals.values.subarray(index * length, (index + 1) * length);
    const values = Float32Array.from(bytes, (value) => value / 255);
    return { values, label: this.originals.labels?.[index] };
  }

  className(label) {
    return label === undefined ? '' : this.classes[label] ?? '';
  }

  describe({ seed, label }) {
    const name = this.classes.length ? `class ${this.className(label)}` : '';
    const number = seed === undefined ? '' : `seed ${seed}`;
    return [number, name].filter(Boolean).join(', ') || 'a picture';
  }
}

const byteOf = (value) => Math.floor(Math.max(0, Math.min(1, value)) * 255 + 0.5);

// Values as gluongan stores pictures, in 256 steps.
const rounded = (values) => values.map((value) => byteOf(value) / 255);

function paint(canvas, values, [channels, height, width]) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  const area = width * height;
  for (let pixel = 0; pixel < area; pixel++) {
    for (let colour = 0; colour < 3; colour++) {
      const channel = channels === 3 ? colour : 0;
      image.data[4 * pixel + colour] = byteOf(values[channel * area + pixel]);
    }
    image.data[4 * pixel + 3] = 255;
  }
  canvas.getContext('2d').putImageData(image, 0, 0);
}
