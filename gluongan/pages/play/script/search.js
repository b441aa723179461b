// The z whose picture is nearest to a given one, by gradient descent from several starts, as
// gluongan/gan/inversion.py does it.

const STARTS = 8;
const SEARCH_STEPS = 200;
const RATE = 0.1; // of Adam; it falls to 0 along a cosine
const PRIOR = 1e-3; // weight of mean z², which keeps z where noise is
const [BETA1, BETA2] = [0.9, 0.999];

class Search {
  // target: the values of a picture.
  constructor(player, target) {
    this.player = player;
    this.target = target;
    this.steps = 0;
    const count = Math.max(STARTS, player.classes.length);
    this.points = Array.from({ length: count }, (_, i) => ({
      z: drawNoise(Math.random, player.latent, player.distribution),
      label: player.classes.length ? i % player.classes.length : undefined,
    }));
    const zeros = () => this.points.map(() => new Float64Array(player.latent));
    [this.means, this.squares] = [zeros(), zeros()];
    this.best = { error: Infinity };
  }

  get isDone() {
    return this.steps >= SEARCH_STEPS;
  }

  // One step of Adam for all points.
  step() {
    const { latent, classes } = this.player;
    const inputs = latent + classes.length;
    const x = tensor([this.points.length, inputs]);
    this.points.forEach(({ z, label }, n) => {
      x.data.set(z, n * inputs);
      if (classes.length) x.data[n * inputs + latent + label] = 1;
    });
    const { output, gradient } = this.player.G.differentiate(x, (y) => this.slope(y));
    this.keepBest(output.data);
    this.steps += 1;
    const rate = RATE * (1 + Math.cos(Math.PI * this.steps / SEARCH_STEPS)) / 2;
    this.points.forEach(({ z }, n) => this.move(n, z, gradient.subarray(n * inputs), rate));
  }

  // The gradient of the mean squared error.
  slope(y) {
    const length = this.target.length;
    return y.map((value, i) => 2 * (value - this.target[i % length]) / length);
  }

  keepBest(y) {
    const length = this.target.length;
    this.points.forEach((point, n) => {
      const values = y.slice(n * length, (n + 1) * length);
      const error = values.reduce((sum, value, i) => sum + (value - this.target[i]) ** 2, 0) / length;
      if (error < this.best.error) this.best = { ...point, z: point.z.slice(), values, error };
    });
  }

  move(n, z, gradient, rate) {
    const [mean, square, t] = [this.means[n], this.squares[n], this.steps];
    const { latent, distribution } = this.player;
    const prior = distribution === 'uniform' ? 0 : PRIOR;
    const bound = distribution === 'normal' ? Infinity : LARGEST[distribution];
    for (let i = 0; i < latent; i++) {
      const slope = gradient[i] + 2 * prior * z[i] / latent;
      mean[i] = BETA1 * mean[i] + (1 - BETA1) * slope;
      square[i] = BETA2 * square[i] + (1 - BETA2) * slope * slope;
      const size = Math.sqrt(square[i] / (1 - BETA2 ** t)) + 1e-8;
      const moved = z[i] - rate * (mean[i] / (1 - BETA1 ** t)) / size;
      z[i] = Math.max(-bound, Math.min(bound, moved));
    }
  }
}
