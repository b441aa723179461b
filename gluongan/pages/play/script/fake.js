// Spot the fake: of eight pictures, one is generated, and seven are originals.

const CHOICES = 8;

// How often somebody was right.
class Score {
  constructor() {
    [this.rounds, this.right, this.row] = [0, 0, 0];
  }

  add(isRight) {
    this.rounds += 1;
    this.right += isRight;
    this.row = isRight ? this.row + 1 : 0;
  }

  toString() {
    return `${this.right} of ${this.rounds}`;
  }
}

// A random order of the numbers below `count` (Fisher and Yates).
function shuffled(count) {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

// The pictures of a round, and the place of the fake. The fake is of the class of a further
// original, so that classes do not give it away, and has 256 steps of grey as originals do.
function newRound(player) {
  const order = shuffled(player.originals.count).slice(0, CHOICES);
  const pictures = order.map((index) => player.original(index));
  const place = Math.floor(Math.random() * CHOICES);
  const labels = player.classes.length;
  const label = labels ? pictures[place].label ?? Math.floor(Math.random() * labels) : undefined;
  const [fake] = player.draw(player.points(player.randomSeed(), 1, label));
  const values = player.originals.isBinary ? fake.values.map(Math.round) : rounded(fake.values);
  pictures[place] = { ...fake, values };
  return { pictures, place };
}

let fakeRound = null; // that is on the page

const FAKE = {
  id: 'fake',
  title: 'Spot the fake',
  suits: ({ player }) => player.originals?.count >= CHOICES,
  build({ player }) {
    const sheet = make('div', { className: 'sheet fake', role: 'group' });
    sheet.setAttribute('aria-label', `${CHOICES} pictures, one of them generated`);
    const answer = make('p', { className: 'answer', role: 'status' });
    const result = make('p', { className: 'result' });
    const [you, machine] = [new Score(), new Score()];
    const next = button('Next round', () => begin(), { className: 'main' });

    const tell = () => {
      const against = player.D ? ` The discriminator: ${machine}.` : '';
      const guess = ` By guessing: ${(you.rounds / CHOICES).toFixed(1)}.`;
      result.textContent = you.rounds
        ? `You: ${you}${you.row > 1 ? `, ${you.row} in a row` : ''}.${against}${guess}`
        : 'Nothing is counted before your first answer.';
    };
    const choose = (place) => {
      if (next.disabled === false) return;
      const isRight = place === fakeRound.place;
      you.add(isRight);
      const logits = player.D ? player.judge(fakeRound.pictures) : [];
      const suspected = logits.indexOf(Math.min(...logits));
      if (player.D) machine.add(suspected === fakeRound.place);
      [...sheet.children].forEach((node, i) => {
        node.setAttribute('aria-disabled', 'true');
        if (i === fakeRound.place) node.classList.add('is-fake');
        if (i === place && !isRight) node.classList.add('is-wrong');
        const what = i === fakeRound.place ? 'the fake' : 'an original';
        node.setAttribute('aria-label', `Picture ${i + 1}: ${what}`);
        node.lastChild.textContent = i === fakeRound.place ? `${i + 1}: fake` : `${i + 1}: real`;
      });
      const also = player.D ? ` The discriminator took ${suspected + 1}.` : '';
      answer.textContent = isRight ? `Right: ${place + 1} is the fake.${also}`
        : `No: ${fakeRound.place + 1} is the fake, ${place + 1} is an original.${also}`;
      next.disabled = false;
      next.focus();
      tell();
    };
    const begin = () => {
      fakeRound = newRound(player);
      sheet.replaceChildren(...fakeRound.pictures.map(({ values }, i) => make('button', {
        type: 'button',
        'aria-label': `Picture ${i + 1}`,
        on: { click: () => choose(i) },
      },
      picture(values, player.shape, ''), make('span', { className: 'tag', textContent: i + 1 }))));
      answer.textContent = 'Which of these pictures did the generator make?';
      const hadFocus = document.activeElement === next;
      next.disabled = true;
      if (hadFocus) sheet.firstChild.focus();
      tell();
    };
    const node = make('div', {}, answer, sheet, make('div', { className: 'controls' }, next, result),
    lead(`${player.originals.count} originals of ${player.originals.name} are in this page; every `
      + 'round takes others, and a new fake. Click or tap a picture, or press its number.'));
    begin();
    const press = (key) => {
      const place = Number(key) - 1;
      if (place >= 0 && place < CHOICES) choose(place);
    };
    return { node, press };
  },
};
