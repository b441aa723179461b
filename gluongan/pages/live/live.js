'use strict';
(() => {
  const page = globalThis.gluonganPage;
  const live = JSON.parse(document.getElementById('data').textContent).live;
  const [state, words, bar, alarm, numbers] = ['state', 'words', 'bar', 'alarm', 'numbers']
    .map((name) => document.getElementById(`live-${name}`));
  const EVERY = 2000;
  const SELDOM = 5000;
  const WORDS = {
    training: 'Training:', complete: 'Complete:', stopped: 'Stopped:', killed: 'Its process was killed:',
  };
  let known = '';
  let failures = 0;
  let parts = null; // another mark of the parts of the page, seen once
  const shown = new Set([...document.querySelectorAll('#film figcaption')]
    .map((caption) => Number(caption.textContent.replace(/[^0-9]/g, ''))));

  function showNumbers(rows) {
    numbers.replaceChildren(...rows.map(([label, value, iteration]) => {
      const box = document.createElement('div');
      const name = document.createElement('dt');
      const number = document.createElement('dd');
      const large = document.createElement('span');
      const at = document.createElement('span');
      name.textContent = label;
      large.className = 'value';
      large.textContent = value;
      at.className = 'detail';
      showAt(at, iteration);
      number.append(large, at);
      box.append(name, number);
      return box;
    }));
  }

  // "1,500 (name_of_a_metric)", broken after an underscore where it must be.
  function showAt(place, text) {
    const parts = `at iteration ${text}`.split(/(?<=_)/);
    place.append(...parts.flatMap((part) => [part, document.createElement('wbr')]).slice(0, -1));
  }

  function showTable(chart) {
    const figure = document.querySelector(`[data-chart="${CSS.escape(chart.key)}"]`);
    if (!figure) return;
    figure.querySelector('details tbody').replaceChildren(...chart.rows.map((cells) => {
      const row = document.createElement('tr');
      row.append(...cells.map((text, index) => {
        const cell = document.createElement(index ? 'td' : 'th');
        if (!index) cell.scope = 'row';
        cell.textContent = text;
        return cell;
      }));
      return row;
    }));
    figure.querySelector('.plot').setAttribute('aria-label', `${chart.words} Arrow keys move along the curves.`);
  }

  function showSamples(iterations) {
    const last = shown.size ? Math.max(...shown) : -1;
    for (const iteration of iterations.filter((each) => each > last)) {
      shown.add(iteration);
      const source = `/samples/${iteration}.png`;
      const text = iteration.toLocaleString('en');
      if (page.addFrame) page.addFrame(source, `Samples of the same noise at iteration ${text}`, `iteration ${text}`);
      const newest = document.getElementById('newest');
      if (newest) {
        newest.querySelector('img').src = source;
        newest.querySelector('img').alt = `Generated samples at iteration ${text}`;
        newest.querySelector('figcaption').textContent = `generated, iteration ${text}`;
      }
    }
  }

  function show(now) {
    state.textContent = WORDS[now.state];
    words.textContent = now.words;
    bar.max = now.total;
    bar.value = now.last;
    alarm.hidden = !now.alarm;
    if (now.alarm) alarm.textContent = `Alarm: ${now.alarm}. This looks like mode collapse.`;
    showNumbers(now.numbers);
    page.draw(now.charts);
    now.charts.forEach(showTable);
    showSamples(now.samples);
  }

  function isBusy() {
    return document.getElementById('zoom').open || (page.isPlaying && page.isPlaying());
  }

  function loadWhereNew(now) {
    if (now === live.parts || isBusy()) {
      parts = null;
    } else if (now === parts) { // it has not changed since the last look: the files are written
      location.reload();
    } else {
      parts = now;
      known = '';
    }
  }

  async function look() {
    let wait = EVERY;
    try {
      const answer = await fetch(`/state.json?have=${known}`, { cache: 'no-store' });
      if (answer.status === 200) {
        const now = await answer.json();
        known = now.is;
        show(now);
        loadWhereNew(now.parts);
        const isOver = now.state === 'complete' || now.state === 'stopped';
        if (isOver && now.parts === live.parts) return; // the page is whole
        if (now.state === 'killed') wait = SELDOM;
      }
      failures = 0;
    } catch {
      failures += 1;
      wait = SELDOM;
      if (failures > 2) {
        state.textContent = 'The live view has ended;';
        words.textContent = `what is shown was the last: ${words.textContent.replace(/^what is shown was the last: /, '')}`;
      }
    }
    setTimeout(look, wait);
  }
  look();
})();
