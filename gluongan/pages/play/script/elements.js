// Elements of the page that several tabs use.

const PART = 4; // pictures that are computed at once
const BUDGET = 5; // milliseconds of a frame in which they are

// An element; of its properties, `on` has listeners, and names with a dash are attributes.
function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'on') for (const [event, f] of Object.entries(value)) node.addEventListener(event, f);
    else if (name.includes('-') || name === 'role') node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

let lastId = 0;
const newId = () => `e${++lastId}`;

const button = (text, onClick, properties = {}) =>
  make('button', { type: 'button', textContent: text, on: { click: onClick }, ...properties });

// Calls f at most once a frame, however often the result is called.
function oncePerFrame(f) {
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      f();
    });
  };
}

// A canvas that is described in words, or by what is around it.
function picture(values, shape, text) {
  const words = text ? { role: 'img', 'aria-label': text } : { 'aria-hidden': 'true' };
  const canvas = make('canvas', words);
  paint(canvas, values, shape);
  return canvas;
}

// Paints points on canvases anew, a few in each frame, so that no frame takes long.
class Painter {
  constructor(player, canvases) {
    Object.assign(this, { player, canvases, next: 0, left: 0 });
    this.later = oncePerFrame(() => this.step());
  }

  // pointAt(i): the point of each canvas, which may change before it is painted.
  paint(pointAt) {
    this.pointAt = pointAt;
    this.left = this.canvases.length;
    this.later();
  }

  step() {
    const end = performance.now() + BUDGET;
    do this.paintSome(); while (this.left > 0 && performance.now() < end);
    if (this.left > 0) this.later();
  }

  paintSome() {
    const places = Array.from({ length: Math.min(PART, this.left) }, (_, i) =>
      (this.next + i) % this.canvases.length);
    this.player.draw(places.map(this.pointAt)).forEach(({ values }, i) =>
      paint(this.canvases[places[i]], values, this.player.shape));
    this.next = (this.next + places.length) % this.canvases.length;
    this.left -= places.length;
  }
}

// A large picture with a caption; show(picture) changes it, and says which it is.
function largePicture(player) {
  const canvas = make('canvas', { className: 'large', role: 'img' });
  const caption = make('figcaption');
  const node = make('figure', {}, canvas, caption);
  const show = (drawn, text = player.describe(drawn)) => {
    paint(canvas, drawn.values, player.shape);
    const words = player.D ? `${text}. ${player.verdict(player.judge([drawn])[0])}` : text;
    caption.textContent = words[0].toUpperCase() + words.slice(1);
    canvas.setAttribute('aria-label', `Generated picture: ${words}`);
  };
  return { node, show };
}

// A slider with its name and its value; set(value) moves it without an event.
function slider({ name, min, max, step, value, text, onInput }) {
  const id = newId();
  const output = make('output', { htmlFor: id });
  const input = make('input', { id, type: 'range', min, max, step, value });
  const tell = () => {
    output.textContent = text(Number(input.value));
    input.setAttribute('aria-valuetext', output.textContent);
  };
  input.addEventListener('input', () => {
    tell();
    onInput(Number(input.value));
  });
  tell();
  const node = make('div', { className: 'slider' },
    make('label', { htmlFor: id, textContent: name }), input, output);
  const set = (next) => {
    input.value = next;
    tell();
  };
  return { node, input, set };
}

// A choice of a class, with `first` before them; null where there are no classes.
function classChoice(player, first, onChange) {
  if (!player.classes.length) return null;
  const id = newId();
  const choice = make('select', { id, on: { change: () => onChange(chosen()) } });
  const chosen = () => (choice.value === '' ? undefined : Number(choice.value));
  if (first) choice.add(new Option(first, ''));
  player.classes.forEach((name, label) => choice.add(new Option(name, label)));
  const node = make('div', { className: 'field' },
    make('label', { htmlFor: id, textContent: 'Class' }), choice);
  return { node, choice, chosen };
}

// A slider of how far from 0 the values of z may be, bound(); null for noise without tails.
function truncation(player, onInput) {
  if (player.distribution === 'uniform') return null;
  const most = player.distribution === 'truncated' ? 2 : 3;
  const made = slider({
    name: 'Truncation of the noise',
    min: 0.1,
    max: most,
    step: 0.05,
    value: most,
    text: (value) => (value >= most ? 'none' : `±${value.toFixed(2)}`),
    onInput: oncePerFrame(onInput),
  });
  const bound = () => (Number(made.input.value) >= most ? Infinity : Number(made.input.value));
  return { ...made, bound };
}

// What a button plays: calls step() each `pause` milliseconds until it returns false or is stopped.
function playButton(name, step, pause) {
  let timer = null;
  const node = button(name, () => (timer ? stop() : start()));
  const stop = () => {
    clearInterval(timer);
    timer = null;
    node.textContent = name;
  };
  const start = () => {
    node.textContent = 'Pause';
    timer = setInterval(() => {
      if (!step() || !node.isConnected || node.closest('[hidden]')) stop();
    }, pause);
  };
  return node;
}
