// The tabs of the page, but for the games. Each is { id, title, suits(app), build(app) }; build
// returns its node, and `show`, which is called whenever the tab comes up.

const SHEET = 32; // pictures
const COLUMNS = 8; // of the sheet of classes, and of two generators
const STEPS = 9; // pictures of a strip
const FARTHEST = 4; // of z along a direction

const lead = (text) => make('p', { className: 'lead', textContent: text });

const PICTURES = {
  id: 'pictures',
  title: 'Pictures',
  suits: () => true,
  build(app) {
    const { player } = app;
    const large = largePicture(player);
    const sheet = make('div', { className: 'sheet', role: 'group', 'aria-label': 'Pictures' });
    const id = newId();
    const seed = make('input', { id, type: 'number', min: 0, max: LAST_SEED, step: 1, value: 0 });
    const classes = classChoice(player, 'all, by turns', () => draw());
    const trunc = truncation(player, () => {
      large.show(player.draw([truncatedAt(chosen)])[0]);
      painter.paint(truncatedAt);
    });
    let [points, chosen, painter] = [[], 0, null];
    const truncatedAt = (i) => player.truncate(points[i], trunc?.bound());
    const choose = (i) => {
      chosen = i;
      const [drawn] = player.draw([truncatedAt(i)]);
      app.current = drawn;
      large.show(drawn);
      [...sheet.children].forEach((node, k) => node.setAttribute('aria-pressed', k === i));
    };
    const draw = () => {
      const first = seedIn(seed.value);
      seed.value = first;
      points = player.points(first, SHEET, classes?.chosen());
      const pictures = player.draw(points.map((_, i) => truncatedAt(i)));
      const canvases = pictures.map(({ values }) => picture(values, player.shape, ''));
      painter = new Painter(player, canvases);
      sheet.replaceChildren(...canvases.map((canvas, i) => make('button', {
        type: 'button',
        'aria-label': player.describe(points[i]),
        'data-seed': points[i].seed,
        on: { click: () => choose(i) },
      }, canvas)));
      choose(0);
    };
    seed.addEventListener('change', () => draw());
    const again = button('Again', () => {
      seed.value = player.randomSeed();
      draw();
    }, { className: 'main' });
    draw();
    const node = make('div', {},
      make('div', { className: 'controls' }, again,
        make('div', { className: 'field' },
          make('label', { htmlFor: id, textContent: 'First seed' }), seed),
        classes?.node, trunc?.node),
      make('div', { className: 'stage' },
        make('div', {}, large.node, make('div', { className: 'controls' },
          button('Change it', () => app.open('directions')),
          button('Walk from it', () => app.walk(0)),
          button('Walk to it', () => app.walk(1)))),
        sheet),
      lead(`Seeds 0 to ${player.known.length - 1} are those of gluongan sample; this page draws `
        + 'the noise of all others itself, so gluongan has other pictures for them.'));
    return { node };
  },
};

// The seed that a text stands for: a whole number from 0 to the largest that this page draws.
const seedIn = (text) => Math.min(LAST_SEED, Math.max(0, Math.floor(Number(text) || 0)));

// The sets of directions: { title, axes, names, about }.
function directionSets({ axes, directions, ways }) {
  const shares = directions.shares.map((share) => `${(100 * share).toFixed(1)} %`);
  const principal = {
    title: 'principal',
    axes,
    names: shares.map((share, k) => `Direction ${k + 1} (${share})`),
    about: 'These directions of z change what the first layer makes most: the eigenvectors of WᵀW, '
      + 'with the share of all change that each makes (Shen and Zhou 2021).',
  };
  if (!ways) return [principal];
  const toClasses = {
    title: 'to each class',
    axes: ways.axes,
    names: ways.names.map((name) => `More like ${name}`),
    about: 'The ways in z to each class, by a linear classifier of z: this generator never saw a '
      + 'class, and a judge named those of its pictures.',
  };
  return [principal, toClasses];
}

// The sliders of a set of directions, and where they take a z.
class Mover {
  constructor({ axes, names }, onInput) {
    Object.assign(this, { axes, names, active: 0, at: new Float32Array(axes.length) });
    this.sliders = axes.map((_, k) => slider({
      name: names[k],
      min: -FARTHEST,
      max: FARTHEST,
      step: 0.05,
      value: 0,
      text: (value) => value.toFixed(2).replace('-', '−'),
      onInput: (value) => {
        [this.active, this.at[k]] = [k, value];
        onInput();
      },
    }));
  }

  reset() {
    this.at.fill(0);
    this.sliders.forEach(({ set }) => set(0));
  }

  // z moved as the sliders say, but by `place` along the direction that was moved last.
  moved(z, place = this.at[this.active]) {
    return this.axes.reduce((sum, axis, k) => {
      const step = k === this.active ? place : this.at[k];
      return step ? sumOf(sum, 1, axis, step) : sum;
    }, z);
  }

  // What moved() depends on but for its place.
  get others() {
    return [this.active, ...this.at].filter((_, k) => k - 1 !== this.active).join();
  }
}

const DIRECTIONS = {
  id: 'directions',
  title: 'Directions',
  suits: () => true,
  build(app) {
    const { player } = app;
    const large = largePicture(player);
    const strip = make('div', { className: 'strip' });
    const title = make('h3');
    const sliders = make('div', { className: 'sliders' });
    const about = lead('');
    const sets = directionSets(player);
    let [mover, stripOf] = [null, null];

    const drawStrip = () => {
      const places = Array.from({ length: STEPS }, (_, i) =>
        FARTHEST * (2 * i / (STEPS - 1) - 1));
      title.textContent = `${mover.names[mover.active]}, from −${FARTHEST} to ${FARTHEST}`;
      const pictures = player.draw(places.map((place) => (
        { ...app.current, z: mover.moved(app.current.z, place) })));
      strip.replaceChildren(...pictures.map(({ values }, i) =>
        picture(values, player.shape, `${mover.names[mover.active]} at ${places[i]}`)));
    };
    const draw = oncePerFrame(() => {
      large.show(player.draw([{ ...app.current, z: mover.moved(app.current.z) }])[0]);
      if (mover.others !== stripOf) drawStrip();
      stripOf = mover.others;
    });
    const reset = () => {
      mover.reset();
      stripOf = null;
      draw();
    };
    const use = (set) => {
      mover = new Mover(set, draw);
      sliders.replaceChildren(...mover.sliders.map(({ node }) => node));
      about.textContent = set.about;
      reset();
    };
    const another = () => {
      [app.current] = player.points(player.randomSeed(), 1, classes?.chosen());
      reset();
    };
    const classes = classChoice(player, '', (label) => {
      app.current = { ...app.current, label };
      stripOf = null;
      draw();
    });
    use(sets[0]);
    const node = make('div', {},
      make('div', { className: 'controls' },
        button('Another picture', another, { className: 'main' }),
        button('Back to 0', reset), choiceOf(sets, use), classes?.node),
      make('div', { className: 'stage' },
        make('div', { className: 'watched' }, large.node), sliders),
      title, strip, about);
    const show = () => {
      if (classes) classes.choice.value = app.current.label;
      reset();
    };
    return { node, show };
  },
};

// A choice between sets of directions; null where there is one.
function choiceOf(sets, onChange) {
  if (sets.length === 1) return null;
  const id = newId();
  const choice = make('select', {
    id, on: { change: () => onChange(sets[choice.selectedIndex]) },
  });
  sets.forEach(({ title }) => choice.add(new Option(title)));
  return make('div', { className: 'field' },
    make('label', { htmlFor: id, textContent: 'Directions' }), choice);
}

const WALK = {
  id: 'walk',
  title: 'Walk',
  suits: () => true,
  build(app) {
    const { player } = app;
    const [middle, ...ends] = [largePicture(player), largePicture(player), largePicture(player)];
    const strip = make('div', { className: 'strip' });
    const classes = classChoice(player, '', () => renew());
    const pointAt = (share) => {
      const [from, to] = app.ends;
      const z = between(from.z, to.z, share, player.distribution);
      return { z, label: classes?.chosen() };
    };
    const draw = oncePerFrame(() => {
      const [drawn] = player.draw([pointAt(at())]);
      middle.show(drawn, `${Math.round(100 * at())} % of the way`);
    });
    const way = slider({
      name: 'The way', min: 0, max: 1, step: 0.005, value: 0.5,
      text: (value) => `${Math.round(100 * value)} %`, onInput: draw,
    });
    const at = () => Number(way.input.value);
    const renew = () => {
      ends.forEach((end, k) => end.show(player.draw([{ ...pointAt(k), seed: app.ends[k].seed }])[0]));
      const places = Array.from({ length: STEPS }, (_, i) => i / (STEPS - 1));
      strip.replaceChildren(...player.draw(places.map(pointAt)).map(({ values }, i) =>
        picture(values, player.shape, `${Math.round(100 * places[i])} % of the way`)));
      draw();
    };
    const change = (k) => {
      [app.ends[k]] = player.points(player.randomSeed(), 1);
      renew();
    };
    let step = 0.01;
    const play = playButton('Play', () => {
      if (at() + step > 1 || at() + step < 0) step = -step;
      way.set(at() + step);
      draw();
      return true;
    }, 40);
    const node = make('div', {},
      make('div', { className: 'controls' }, play, way.node, classes?.node),
      make('div', { className: 'three ends' },
        make('div', {}, make('h3', { textContent: 'From' }), ends[0].node,
          button('Another start', () => change(0))),
        make('div', {}, make('h3', { textContent: 'Between' }), middle.node),
        make('div', {}, make('h3', { textContent: 'To' }), ends[1].node,
          button('Another end', () => change(1)))),
      make('h3', { textContent: 'The whole way' }), strip,
      lead(player.distribution === 'uniform' ? 'A straight line through uniform noise.'
        : 'A great circle through z, as gluongan interpolate takes it: the middle of a straight '
          + 'line is shorter than any z that the generator was trained on.'));
    const show = () => {
      if (classes && app.ends[0].label !== undefined) classes.choice.value = app.ends[0].label;
      renew();
    };
    return { node, show };
  },
};

const CLASSES = {
  id: 'classes',
  title: 'Classes',
  suits: ({ player }) => player.classes.length > 0,
  build(app) {
    const { player } = app;
    const table = make('div', { className: 'rows' });
    let [first, painter] = [0, null];
    const pointAt = (i) => {
      const [point] = player.points(first + i % COLUMNS, 1, Math.floor(i / COLUMNS));
      return player.truncate(point, trunc?.bound());
    };
    const draw = () => {
      const places = Array.from({ length: player.classes.length * COLUMNS }, (_, i) => i);
      const canvases = player.draw(places.map(pointAt)).map((drawn) =>
        picture(drawn.values, player.shape, player.describe(drawn)));
      painter = new Painter(player, canvases);
      table.replaceChildren(...player.classes.map((name, label) => make('div', { className: 'row' },
        make('h3', { textContent: name }),
        make('div', { className: 'strip' },
          ...canvases.slice(label * COLUMNS, (label + 1) * COLUMNS)))));
      note.textContent = `One row for each class, one column for each of the seeds ${first} to `
        + `${first + COLUMNS - 1}: a column has the same z.`;
    };
    const note = lead('');
    const trunc = truncation(player, () => painter.paint(pointAt));
    const again = button('Again', () => {
      first = player.randomSeed();
      draw();
    }, { className: 'main' });
    draw();
    return { node: make('div', {},
      make('div', { className: 'controls' }, again, trunc?.node), table, note) };
  },
};

const TRAINING = {
  id: 'training',
  title: 'Training',
  suits: ({ player }) => player.clip.length > 0,
  build({ player: { clip } }) {
    const image = make('img', { className: 'clip' });
    const show = (index) => {
      const [iteration, source] = clip[index];
      image.src = source;
      image.alt = `Samples of a fixed noise after ${iteration.toLocaleString('en')} iterations`;
    };
    const time = slider({
      name: 'Iteration', min: 0, max: clip.length - 1, step: 1, value: clip.length - 1,
      text: (index) => clip[index][0].toLocaleString('en'), onInput: show,
    });
    const play = playButton('Play', () => {
      const next = (Number(time.input.value) + 1) % clip.length;
      time.set(next);
      show(next);
      return next < clip.length - 1;
    }, 150);
    show(clip.length - 1);
    return { node: make('div', {},
      make('div', { className: 'controls' }, play, time.node), image,
      lead('What the generator made of the same noise while it was trained.')) };
  },
};

const BESIDE = {
  id: 'beside',
  title: 'Side by side',
  suits: ({ players }) => players.length > 1,
  build({ players }) {
    const rows = make('div', { className: 'rows' });
    let [first, painters] = [0, []];
    const pointOf = (player) => (i) =>
      player.truncate(player.points(first + i, 1)[0], trunc?.bound());
    const draw = () => {
      const places = Array.from({ length: 2 * COLUMNS }, (_, i) => i);
      const sheets = players.map((player) => player.draw(places.map(pointOf(player))).map((drawn) =>
        picture(drawn.values, player.shape, `${player.name}: ${player.describe(drawn)}`)));
      painters = players.map((player, k) => new Painter(player, sheets[k]));
      rows.replaceChildren(...players.map((player, k) => make('div', { className: 'row tall' },
        make('h3', { textContent: player.name }),
        make('div', { className: 'strip' }, ...sheets[k]))));
      note.textContent = `Seeds ${first} to ${first + 2 * COLUMNS - 1} of both generators.`
        + (players[0].latent === players[1].latent ? ' The same place has the same z.' : '');
    };
    const note = lead('');
    const trunc = truncation(players[0], () =>
      painters.forEach((painter, k) => painter.paint(pointOf(players[k]))));
    const again = button('Again', () => {
      first = players[0].randomSeed();
      draw();
    }, { className: 'main' });
    draw();
    return { node: make('div', {},
      make('div', { className: 'controls' }, again, trunc?.node), rows, note) };
  },
};

const NEEDS_GRADIENT = 'draw: the page has the gradient of fully connected networks of grey '
  + 'pictures alone';

// What is to be known of a generator, in sentences.
function factsOf(player) {
  const [channels, height, width] = player.shape;
  const facts = [
    `It is ${player.about}.`,
    `Pictures of ${width} × ${height} pixels, in ${channels === 1 ? 'grey' : 'colour'}.`,
    `z has ${player.latent} numbers of ${player.distribution} noise.`,
  ];
  if (player.classes.length) facts.push(`Classes: ${player.classes.join(', ')}.`);
  const missing = [...player.leftOut];
  if (!DRAW.suits({ player })) missing.push(NEEDS_GRADIENT);
  return [...facts, ...missing.map((text) => `Left out: ${text}.`)];
}

const ABOUT = {
  id: 'about',
  title: 'About',
  suits: () => true,
  build({ players }) {
    const lists = players.map((player) => make('div', {},
      make('h3', { textContent: player.name }),
      make('ul', {}, ...factsOf(player).map((text) => make('li', { textContent: text })))));
    return { node: make('div', {}, ...lists,
      lead('This page computes everything itself. It opens from a disk, and asks no other place '
        + 'for anything.')) };
  },
};
