// The page: its header, its tabs, and what they share.

const TABS = [PICTURES, DIRECTIONS, WALK, CLASSES, FAKE, DRAW, TRAINING, BESIDE, ABOUT];

// Whether an element takes what is typed: a choice finds its options by their first letters.
const takesText = (element) =>
  element.matches('select, textarea, [contenteditable], input:not([type=range])');

class App {
  constructor({ title, generators }) {
    this.players = generators.map((description) => new Player(description));
    document.querySelector('h1').textContent = title;
    this.list = document.querySelector('[role=tablist]');
    this.main = document.querySelector('main');
    this.list.addEventListener('keydown', (event) => this.turn(event));
    document.addEventListener('keydown', (event) => this.press(event));
    if (this.players.length > 1) this.addChoice();
    this.use(this.players[0]);
  }

  addChoice() {
    const id = newId();
    const choice = make('select', {
      id, on: { change: () => this.use(this.players[choice.selectedIndex]) },
    });
    this.players.forEach(({ name }) => choice.add(new Option(name)));
    document.querySelector('header').append(make('div', { className: 'field' },
      make('label', { htmlFor: id, textContent: 'Generator' }), choice));
  }

  // Builds all tabs anew for a generator; each is filled when it first comes up.
  use(player) {
    this.player = player;
    document.querySelector('#about').textContent = player.about;
    [this.current] = player.points(0, 1);
    this.ends = player.points(0, 2);
    this.tabs = TABS.filter((tab) => tab.suits(this)).map((tab) => this.makeTab(tab));
    this.list.replaceChildren(...this.tabs.map(({ handle }) => handle));
    this.main.replaceChildren(...this.tabs.map(({ panel }) => panel));
    const named = location.hash.slice(1);
    this.open(this.tabs.some(({ tab }) => tab.id === named) ? named : 'pictures');
  }

  makeTab(tab) {
    // Not the name in the address, or the browser would move the focus to the panel.
    const id = `panel-${tab.id}`;
    const handle = button(tab.title, () => this.open(tab.id), {
      id: `tab-${tab.id}`, role: 'tab', 'aria-controls': id,
    });
    const panel = make('section', {
      id, hidden: true, role: 'tabpanel', tabIndex: 0, 'aria-labelledby': handle.id,
    });
    return { tab, handle, panel, built: null };
  }

  open(id) {
    for (const each of this.tabs) {
      const isOpen = each.tab.id === id;
      each.handle.setAttribute('aria-selected', isOpen);
      each.handle.tabIndex = isOpen ? 0 : -1;
      each.panel.hidden = !isOpen;
      if (!isOpen) continue;
      if (!each.built) {
        each.built = each.tab.build(this);
        each.panel.replaceChildren(make('h2', { textContent: each.tab.title }), each.built.node);
      }
      each.built.show?.();
    }
    history.replaceState(null, '', `#${id}`);
  }

  // The keys of a list of tabs, by the ARIA Authoring Practices.
  turn({ key }) {
    const open = this.tabs.findIndex(({ panel }) => !panel.hidden);
    const count = this.tabs.length;
    const next = {
      ArrowRight: (open + 1) % count, ArrowLeft: (open + count - 1) % count, Home: 0, End: count - 1,
    }[key];
    if (next === undefined) return;
    this.open(this.tabs[next].tab.id);
    this.tabs[next].handle.focus();
  }

  // Hands a key to the tab that is shown, wherever the focus is but in a field that takes text.
  press({ key, target, ctrlKey, altKey, metaKey, repeat }) {
    if (ctrlKey || altKey || metaKey || repeat || takesText(target)) return;
    this.tabs.find(({ panel }) => !panel.hidden).built.press?.(key);
  }

  // Makes the current picture the first or the last of the walk.
  walk(end) {
    this.ends[end] = this.current;
    this.open('walk');
  }
}

const app = new App(JSON.parse(document.getElementById('data').textContent));
