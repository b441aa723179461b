'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('js');
  const held = JSON.parse(document.getElementById('data').textContent);
  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const COLOURS = 7;
  const DASHES = [[], [8, 4], [2, 3], [8, 3, 2, 3]];
  const HEIGHT = 260;

  // Curves

  function axis(values) {
    return {
      stroke: colour('--faint'), grid: { stroke: colour('--grid'), width: 1 },
      ticks: { stroke: colour('--grid'), width: 1 }, font: '12px system-ui, sans-serif',
      labelFont: '12px system-ui, sans-serif', ...values,
    };
  }

  const short = (value) => {
    if (value === null || value === undefined) return '–';
    if (Number.isInteger(value)) return value.toLocaleString('en');
    return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(+value.toPrecision(4));
  };

  function options(chart, width) {
    const series = chart.labels.map((label, index) => {
      const place = chart.colours[index];
      return {
        label, stroke: colour(`--c${place % COLOURS}`), width: 1.8, spanGaps: true,
        dash: DASHES[Math.floor(place / COLOURS) % DASHES.length],
        value: (plot, value) => short(value), points: { show: chart.x.length <= 40, size: 5 },
      };
    });
    if (chart.rule) {
      series.push({
        label: chart.rule[1], stroke: colour('--faint'), width: 1, dash: [4, 4], points: { show: false },
        value: (plot, value) => short(value),
      });
    }
    const range = (plot, low, high) => {
      if (chart.log) return uPlot.rangeLog(low, high, 10, false);
      const [least, most] = uPlot.rangeNum(low, high, 0.08, true);
      return [chart.low === null ? least : chart.low, chart.high === null ? most : chart.high];
    };
    return {
      width, height: HEIGHT, series: [{ label: 'iteration', value: (plot, value) => short(value) }, ...series],
      scales: { x: { time: false }, y: { distr: chart.log ? 3 : 1, range } },
      axes: [
        axis({ label: 'iteration', labelSize: 20, values: (plot, ticks) => ticks.map(short) }),
        axis({
          label: chart.unit, labelSize: 20, size: 64,
          values: (plot, ticks) => ticks.map((tick) => (tick === null ? '' : short(tick))),
        }),
      ],
      cursor: { drag: { x: true, y: false } },
      legend: { live: true, markers: { fill: (plot, index) => plot.series[index].stroke() } },
    };
  }

  function columns(chart) {
    const rule = chart.rule ? [chart.x.map(() => chart.rule[0])] : [];
    return [chart.x, ...chart.y, ...rule];
  }

  class Plot {
    constructor(chart, place) {
      this.place = place;
      this.update(chart);
      new ResizeObserver(() => this.resize()).observe(place);
      place.addEventListener('keydown', (event) => this.move(event));
    }

    update(chart) {
      this.chart = chart;
      if (this.plot) this.plot.destroy();
      this.width = this.place.clientWidth;
      this.plot = new uPlot(options(chart, this.width), columns(chart), this.place);
      this.at = chart.x.length - 1;
      this.plot.over.addEventListener('mouseleave', () => this.showNewest());
      this.showNewest();
    }

    showNewest() {
      const { plot, chart } = this;
      setTimeout(() => { if (plot === this.plot) plot.setLegend({ idx: chart.x.length - 1 }); });
    }

    resize() {
      const width = this.place.clientWidth;
      if (width && width !== this.width) {
        this.width = width;
        this.plot.setSize({ width, height: HEIGHT });
      }
    }

    move(event) {
      const last = this.chart.x.length - 1;
      const step = { ArrowLeft: this.at - 1, ArrowRight: this.at + 1, Home: 0, End: last }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      this.at = Math.min(last, Math.max(0, step));
      this.plot.setCursor({ left: this.plot.valToPos(this.chart.x[this.at], 'x'), top: HEIGHT / 4 });
    }
  }

  const plots = {};
  function draw(charts) {
    for (const chart of charts) {
      const figure = document.querySelector(`[data-chart="${CSS.escape(chart.key)}"]`);
      if (!figure) continue;
      if (plots[chart.key]) plots[chart.key].update(chart);
      else plots[chart.key] = new Plot(chart, figure.querySelector('.plot'));
    }
  }
  draw(held.charts);
  const page = { draw };
  const again = () => Object.values(plots).forEach((plot) => plot.update(plot.chart));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', again);

  // The training, frame by frame

  const film = document.getElementById('film');
  if (film) {
    let frames = [...film.querySelectorAll('figure')];
    const place = document.getElementById('film-place');
    const play = document.getElementById('film-play');
    const iteration = document.getElementById('film-iteration');
    let timer = null;
    const show = (index) => {
      frames.forEach((frame, number) => frame.classList.toggle('shown', number === index));
      const text = frames[index].querySelector('figcaption').textContent;
      iteration.textContent = text.replace('iteration ', '');
      place.setAttribute('aria-valuetext', text);
      place.value = index;
    };
    const stop = () => {
      clearInterval(timer);
      timer = null;
      play.textContent = 'Play';
    };
    const start = () => {
      if (Number(place.value) === frames.length - 1) show(0);
      play.textContent = 'Stop';
      timer = setInterval(() => {
        if (Number(place.value) === frames.length - 1) stop();
        else show(Number(place.value) + 1);
      }, Math.max(80, 6000 / frames.length));
    };
    place.addEventListener('input', () => { stop(); show(Number(place.value)); });
    play.addEventListener('click', () => (timer === null ? start() : stop()));
    page.isPlaying = () => timer !== null;
    page.addFrame = (source, alt, text) => {
      const frame = frames[0].cloneNode(true);
      const image = frame.querySelector('img');
      image.src = source;
      image.alt = alt;
      frame.querySelector('figcaption').textContent = text;
      film.append(frame);
      const wasLast = Number(place.value) === frames.length - 1;
      frames = [...frames, frame];
      place.max = frames.length - 1;
      if (wasLast && timer === null) show(frames.length - 1);
    };
    film.removeAttribute('tabindex');
    document.getElementById('film-controls').hidden = false;
    show(frames.length - 1);
  }

  // Pictures, enlarged

  const zoom = document.getElementById('zoom');
  const picture = document.getElementById('zoom-picture');
  const view = document.getElementById('zoom-view');
  let factor = 1;
  const size = () => { picture.style.width = `${Math.round(picture.naturalWidth * factor)}px`; };
  const fit = () => {
    const room = Math.min(view.clientWidth / picture.naturalWidth, view.clientHeight / picture.naturalHeight);
    factor = room > 2 ? Math.floor(room * 2) / 2 : room; // even pixels where there is room for them
    size();
  };
  const scale = (by) => { factor = Math.min(32, Math.max(0.1, factor * by)); size(); };
  for (const image of document.querySelectorAll('img[data-zoom]')) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'zoomer';
    button.setAttribute('aria-haspopup', 'dialog');
    image.replaceWith(button);
    button.append(image);
    button.addEventListener('click', () => {
      picture.src = image.src;
      picture.alt = image.alt;
      picture.className = image.className;
      document.getElementById('zoom-title').textContent = image.alt;
      zoom.showModal();
      picture.decode().then(fit, fit);
    });
  }
  document.getElementById('zoom-in').addEventListener('click', () => scale(1.5));
  document.getElementById('zoom-out').addEventListener('click', () => scale(1 / 1.5));
  document.getElementById('zoom-close').addEventListener('click', () => zoom.close());
  zoom.addEventListener('keydown', (event) => {
    if (event.key === '+' || event.key === '=') scale(1.5);
    if (event.key === '-') scale(1 / 1.5);
  });

  // Tables that are wider than their frame

  for (const frame of document.querySelectorAll('.wide')) {
    const hint = document.createElement('p');
    hint.className = 'hint';
    hint.textContent = 'The table goes on to the right: scroll it sideways. →';
    frame.before(hint);
    const tell = () => { hint.hidden = frame.scrollWidth <= frame.clientWidth + 1; };
    const observer = new ResizeObserver(tell);
    observer.observe(frame);
    observer.observe(frame.firstElementChild);
    tell();
  }

  // Commands, copied

  for (const command of document.querySelectorAll('.command')) {
    const button = document.createElement('button');
    const text = command.querySelector('code');
    button.type = 'button';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', `Copy: ${text.textContent.slice(0, 60)}`);
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(text.textContent);
        button.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(text);
        button.textContent = 'Selected';
      }
    });
    command.append(button);
  }
  globalThis.gluonganPage = page;
})();
