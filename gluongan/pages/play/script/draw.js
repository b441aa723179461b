// Draw a picture, and see the nearest that G can make.

const ZOOM = 10; // of the canvas that is drawn on
const PEN = 0.075; // of its width
const FRAME = 10; // milliseconds of search between two frames
const DIGIT = 20 / 28; // of the side: the box that a digit of MNIST is scaled to

// Values of grey in [0, 1] of what is drawn, one for each pixel of a picture.
function greys(context, width, height) {
  const { data } = context.getImageData(0, 0, width, height);
  return Float32Array.from({ length: width * height }, (_, i) => data[4 * i] / 255);
}

function smallCanvas(width, height) {
  const context = make('canvas', { width, height }).getContext('2d', { willReadFrequently: true });
  context.imageSmoothingQuality = 'high';
  return context;
}

// The box around what is not black, and its centre of mass; null for a black picture.
function extent(values, width) {
  const box = { left: width, right: -1, top: Infinity, bottom: -1, x: 0, y: 0, mass: 0 };
  values.forEach((value, i) => {
    if (value < 0.1) return;
    const [x, y] = [i % width, Math.floor(i / width)];
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x + 1);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y + 1);
    box.x += value * (x + 0.5);
    box.y += value * (y + 0.5);
    box.mass += value;
  });
  return box.mass ? { ...box, x: box.x / box.mass, y: box.y / box.mass } : null;
}

// What is drawn, as a picture of the generator's size. isDigit: scaled into a box, with its centre
// of mass in the middle, as the digits of MNIST are.
function reduced(canvas, [, height, width], isDigit) {
  const whole = smallCanvas(width, height);
  const large = greys(canvas.getContext('2d'), canvas.width, canvas.height);
  const box = extent(large, canvas.width);
  if (!box || !isDigit) {
    whole.drawImage(canvas, 0, 0, width, height);
    return greys(whole, width, height);
  }
  const scale = DIGIT * width / Math.max(box.right - box.left, box.bottom - box.top);
  whole.fillRect(0, 0, width, height);
  whole.drawImage(canvas, width / 2 - scale * box.x, height / 2 - scale * box.y,
    scale * canvas.width, scale * canvas.height);
  return greys(whole, width, height);
}

// A canvas to draw on, by mouse, touch, or arrow keys; onChange is called after each stroke.
class Board {
  constructor([, height, width], onChange) {
    this.onChange = onChange;
    this.pen = [width / 2, height / 2].map((value) => value * ZOOM);
    this.isDown = false;
    this.canvas = make('canvas', {
      width: width * ZOOM,
      height: height * ZOOM,
      className: 'board',
      tabIndex: 0,
      role: 'application',
      'aria-label': 'Drawing. Arrow keys move the pen, the space bar puts it down and lifts it.',
    });
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
    this.cursor = make('div', { className: 'cursor' });
    this.node = make('div', { className: 'drawing' }, this.canvas, this.cursor);
    this.clear();
    this.listen();
  }

  listen() {
    const at = ({ offsetX, offsetY }) => {
      const scale = this.canvas.width / this.canvas.clientWidth;
      return [offsetX * scale, offsetY * scale];
    };
    this.canvas.addEventListener('pointerdown', (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.pen = at(event);
      this.line(this.pen);
      this.isDrawing = true;
    });
    this.canvas.addEventListener('pointermove', (event) => {
      if (this.isDrawing) this.line(at(event));
    });
    for (const name of ['pointerup', 'pointercancel']) {
      this.canvas.addEventListener(name, () => {
        if (this.isDrawing) this.onChange();
        this.isDrawing = false;
      });
    }
    this.canvas.addEventListener('keydown', (event) => this.press(event));
  }

  press(event) {
    const step = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
    }[event.key];
    if (!step && event.key !== ' ') return;
    event.preventDefault();
    const limits = [this.canvas.width, this.canvas.height];
    const to = this.pen.map((value, i) =>
      Math.max(0, Math.min(limits[i], value + (step ?? [0, 0])[i] * ZOOM)));
    if (event.key === ' ') this.isDown = !this.isDown;
    if (this.isDown) this.line(to);
    this.pen = to;
    this.showCursor();
    if (this.isDown || event.key === ' ') this.onChange();
  }

  showCursor() {
    this.cursor.style.left = `${100 * this.pen[0] / this.canvas.width}%`;
    this.cursor.style.top = `${100 * this.pen[1] / this.canvas.height}%`;
    this.cursor.classList.toggle('is-down', this.isDown);
  }

  line(to) {
    this.context.strokeStyle = 'white';
    this.context.lineWidth = PEN * this.canvas.width;
    this.context.lineCap = this.context.lineJoin = 'round';
    this.context.beginPath();
    this.context.moveTo(...this.pen);
    this.context.lineTo(...to);
    this.context.stroke();
    this.pen = to;
  }

  clear() {
    this.context.fillStyle = 'black';
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.isDown = false;
    this.showCursor();
  }
}

const DRAW = {
  id: 'draw',
  title: 'Draw',
  suits: ({ player }) => player.G.hasGradient && player.shape[0] === 1,
  build(app) {
    const { player } = app;
    const isDigit = player.originals?.name === 'mnist';
    const sought = make('canvas', { className: 'large', role: 'img', 'aria-label': 'Nothing yet' });
    const found = make('canvas', { className: 'large', role: 'img', 'aria-label': 'Nothing yet' });
    const state = make('p', { className: 'result', role: 'status' });
    let search = null;
    const show = (values, text) => {
      paint(sought, values, player.shape);
      sought.setAttribute('aria-label', text);
      begin(values);
    };
    const begin = (values) => {
      const mine = new Search(player, values);
      search = mine;
      const run = () => {
        if (search !== mine) return;
        const end = performance.now() + FRAME;
        do mine.step(); while (!mine.isDone && performance.now() < end);
        paint(found, mine.best.values, player.shape);
        if (!mine.isDone) requestAnimationFrame(run);
        else finish(mine);
      };
      state.textContent = 'Searching …';
      requestAnimationFrame(run);
    };
    const finish = ({ best }) => {
      const name = player.classes.length ? `, class ${player.className(best.label)}` : '';
      const text = `the nearest that G can make${name}: mean squared error ${best.error.toFixed(4)}`;
      found.setAttribute('aria-label', text);
      state.textContent = text[0].toUpperCase() + text.slice(1);
      app.current = { z: best.z, label: best.label };
      change.disabled = false;
    };
    const board = new Board(player.shape, () => show(
      reduced(board.canvas, player.shape, isDigit), 'What you drew'));
    const clear = () => {
      search = null;
      board.clear();
      [sought, found].forEach((canvas) => paint(canvas, new Float32Array(size(player.shape)),
        player.shape));
      state.textContent = 'Draw with the mouse, a finger, or the arrow keys and the space bar.';
      change.disabled = true;
    };
    const change = button('Change what was found', () => app.open('directions'));
    const take = player.originals && button('Take an original', () => {
      clear();
      const index = Math.floor(Math.random() * player.originals.count);
      show(player.original(index).values, 'An original');
    });
    clear();
    return { node: make('div', {},
      make('div', { className: 'controls' },
        button('Clear', clear, { className: 'main' }), take, change),
      make('div', { className: 'three drawn' },
        make('div', {}, make('h3', { textContent: 'Draw here' }), board.node),
        make('div', {}, make('h3', { textContent: 'What is sought' }), sought),
        make('div', {}, make('h3', { textContent: 'The nearest of G' }), found)),
      state,
      lead(`Gradient descent on z from ${Math.max(STARTS, player.classes.length)} starts, `
        + `${SEARCH_STEPS} steps.${isDigit ? ' Your drawing is scaled and centred as the digits of '
          + 'MNIST are.' : ''}`)) };
  },
};
