// Latent noise: drawn by this page, truncated, and blended along a path.

const LARGEST = { normal: 8, truncated: 2, uniform: 1 }; // of each value of z
const WIDEST = 2 * Math.PI / 3; // of an arc whose middle is not much longer than its ends

// A stream of numbers in [0, 1) that depends on a whole number alone (mulberry32, Tommy Ettinger).
function randomStream(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// A normal number (Box and Muller 1958).
function normal(random) {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return radius * Math.cos(2 * Math.PI * random());
}

function drawValue(random, distribution) {
  if (distribution === 'uniform') return 2 * random() - 1;
  let value = normal(random);
  while (distribution === 'truncated' && Math.abs(value) > LARGEST.truncated) {
    value = normal(random);
  }
  return value;
}

const drawNoise = (random, length, distribution) =>
  Float32Array.from({ length }, () => drawValue(random, distribution));

// The complementary error function, to 1.2e-7 of its value (Press et al., Numerical Recipes, 6.2).
function complementaryError(x) {
  const z = Math.abs(x);
  const t = 1 / (1 + z / 2);
  const terms = [
    0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418,
    0.37409196, 1.00002368, -1.26551223,
  ];
  const power = terms.reduce((sum, term) => sum * t + term, 0);
  const value = t * Math.exp(-z * z + power);
  return x >= 0 ? value : 2 - value;
}

// The share of normal numbers below x.
const normalShare = (x) => complementaryError(-x / Math.SQRT2) / 2;

// The number below which a share of normal numbers lies, by bisection.
function normalQuantile(share) {
  let [low, high] = [-LARGEST.normal, LARGEST.normal];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (normalShare(middle) < share) low = middle; else high = middle;
  }
  return (low + high) / 2;
}

// z as noise within ±bound. The share of the noise that is below each value stays what it is, so
// the result has the distribution of noise whose values beyond ±bound are drawn again, and follows
// the bound without a jump.
function truncated(z, bound, distribution) {
  const before = LARGEST[distribution];
  if (bound >= before || distribution === 'uniform') return z;
  const lowest = normalShare(-before);
  const [low, high] = [normalShare(-bound), normalShare(bound)];
  return z.map((value) => {
    const share = (normalShare(value) - lowest) / (1 - 2 * lowest);
    return Math.max(-bound, Math.min(bound, normalQuantile(low + share * (high - low))));
  });
}

const length = (z) => Math.sqrt(dotProduct(z, 0, z, 0, z.length));
const sumOf = (a, p, b, q) => a.map((value, i) => p * value + q * b[i]);

// What is at a share of the way from z to z, as `interpolate` in gluongan/gan/noise.py has it:
// straight for uniform noise, along a great circle for other noise.
function between(start, end, share, distribution) {
  if (distribution === 'uniform') return sumOf(start, 1 - share, end, share);
  const z = alongArc(start, end, share);
  return distribution === 'truncated' ? z.map((value) => Math.max(-2, Math.min(2, value))) : z;
}

function alongArc(start, end, share) {
  const [from, to] = [length(start), length(end)];
  if (Math.min(from, to) === 0 || start.length === 1) return sumOf(start, 1 - share, end, share);
  const apart = length(sumOf(start, 1 / from, end, -1 / to));
  const angle = 2 * Math.atan2(apart, length(sumOf(start, 1 / from, end, 1 / to)));
  if (angle < 1e-6) return sumOf(start, 1 - share, end, share);
  if (angle > WIDEST) return turned(start, end, from, to, angle, share);
  const [p, q] = [Math.sin((1 - share) * angle), Math.sin(share * angle)];
  return sumOf(start, p / Math.sin(angle), end, q / Math.sin(angle));
}

// The direction of `start` turned towards `end`, with a length between theirs.
function turned(start, end, from, to, angle, share) {
  const unit = start.map((value) => value / from);
  const along = dotProduct(unit, 0, end, 0, end.length) / to;
  const across = sumOf(end, 1 / to, unit, -along);
  const across1 = length(across);
  const radius = (1 - share) * from + share * to;
  const [p, q] = [Math.cos(share * angle), Math.sin(share * angle) / across1];
  return sumOf(unit, radius * p, across, radius * q);
}
