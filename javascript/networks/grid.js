// The cards: only those that can be seen (and a little more) are on the page, so ten thousand scroll like ten.
// Rows have one height, and the list is as tall as all of them; cards come from the server in pages, when they are near.
import { el } from "../dom.js";
import { make } from "./card.js";

const PAGE = 100;
const NARROWEST = 112;
const WORDS = 46;
const GAP = 10;
const MARGIN_ROWS = 2;

/**
 * The grid.
 * @param {{scroller: HTMLElement, ask: function(number, number): Promise<Object>, use: function, edit: function,
 *   isOn: function(Object): boolean, told: function(Object | Error): void}} options
 */
export function newGrid({ scroller, ask, use, edit, isOn, told }) {
  const list = el("ul", { class: "easel-network-grid", role: "list" });
  scroller.append(list);
  let turn = 0;
  let total = 0;
  let cards = [];
  let asked = new Set();
  let shown = new Map();
  let columns = 1;
  let row = 100;
  let active = 0;
  let wantedTop = 0;
  let awaited = false; // the focus, by a card that is still to come

  function measure() {
    const width = list.clientWidth;
    if (!width) return false;
    columns = Math.max(2, Math.floor((width + GAP) / (NARROWEST + GAP)));
    const side = (width - GAP * (columns - 1)) / columns;
    row = Math.round(side + WORDS) + GAP;
    list.style.setProperty("--easel-network-side", `${side}px`);
    list.style.height = `${Math.max(0, Math.ceil(total / columns) * row - GAP)}px`;
    return true;
  }

  function range() {
    const top = Math.max(0, scroller.scrollTop - list.offsetTop);
    const first = Math.max(0, Math.floor(top / row) - MARGIN_ROWS);
    const end = Math.ceil((top + scroller.clientHeight) / row) + MARGIN_ROWS;
    return [first * columns, Math.min(total, end * columns)];
  }

  function render() {
    if (!measure()) return;
    const [from, to] = range();
    for (const [at, item] of shown) {
      const kept = (at >= from && at < to) || item.contains(document.activeElement);
      if (kept && item.card === cards[at]) continue;
      item.remove();
      shown.delete(at);
    }
    for (let at = from; at < to; at++) {
      if (!shown.has(at)) show(at);
      place(shown.get(at), at);
    }
    for (const [at, item] of shown) if (at < from || at >= to) place(item, at);
    for (let page = Math.floor(from / PAGE); page * PAGE < to; page++) if (!asked.has(page)) load(page);
    mark();
  }

  function show(at) {
    const card = cards[at];
    const item = card
      ? make(card, { use: () => act(at, use), edit: () => act(at, edit) })
      : el("li", { class: "easel-network easel-network-waiting", "aria-hidden": "true" });
    item.card = card;
    item.dataset.at = at;
    item.setAttribute("aria-posinset", at + 1);
    item.setAttribute("aria-setsize", total);
    const next = [...shown.keys()].filter((other) => other > at).sort((a, b) => a - b)[0];
    list.insertBefore(item, next === undefined ? null : shown.get(next));
    shown.set(at, item);
  }

  function place(item, at) {
    const [line, column] = [Math.floor(at / columns), at % columns];
    item.style.transform = `translate(calc((var(--easel-network-side) + ${GAP}px) * ${column}), ${line * row}px)`;
  }

  function act(at, action) {
    point(at);
    action(cards[at], shown.get(at));
  }

  async function load(page) {
    asked.add(page);
    const mine = turn;
    try {
      const answer = await ask(page * PAGE, PAGE);
      if (mine !== turn) return;
      answer.cards.forEach((card, place) => (cards[page * PAGE + place] = card));
      if (answer.total !== total && page > 0) return renew();
      total = answer.total;
      told(answer);
      if (page === 0) {
        measure();
        scroller.scrollTop = wantedTop;
      }
      render();
      if (awaited && cards[active] && shown.has(active)) {
        awaited = false;
        shown.get(active).firstChild.focus({ preventScroll: true });
      }
    } catch (error) {
      if (mine !== turn) return;
      asked.delete(page);
      told(error);
    }
  }

  /** Show which networks are in use, and which card the Tab key leads to. */
  function mark() {
    for (const [at, item] of shown) {
      if (!item.card) continue;
      const on = isOn(item.card);
      item.classList.toggle("easel-network-on", on);
      item.firstChild.setAttribute("aria-pressed", String(on));
      for (const button of item.children) button.tabIndex = at === active ? 0 : -1;
    }
  }

  function point(at) {
    active = Math.max(0, Math.min(total - 1, at));
    mark();
  }

  function focus(at) {
    point(at);
    const top = list.offsetTop + Math.floor(active / columns) * row;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + row > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = top + row - scroller.clientHeight;
    render();
    awaited = !cards[active];
    if (!awaited) shown.get(active).firstChild.focus({ preventScroll: true });
  }

  list.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -total, End: total };
    const visible = Math.max(1, Math.floor(scroller.clientHeight / row)) * columns;
    const step = { ...steps, PageUp: -visible, PageDown: visible }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step !== undefined) {
      event.preventDefault();
      focus(active + step);
    } else if (event.key === "e" && cards[active]) {
      event.preventDefault();
      edit(cards[active], shown.get(active));
    }
  });
  let frame = 0;
  const soon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(render);
  };
  scroller.addEventListener("scroll", soon, { passive: true });
  new ResizeObserver(soon).observe(scroller);

  /** Ask for everything anew; what is shown stays until the answer is there. */
  function renew() {
    turn++;
    asked = new Set();
    cards = [];
    load(0);
  }

  return {
    mark,
    focus: () => focus(active),
    renew(top = 0) {
      active = 0;
      awaited = false;
      wantedTop = top;
      renew();
    },
    /** Forget all cards: those of another kind are no placeholder. */
    clear() {
      total = 0;
      for (const item of shown.values()) item.remove();
      shown = new Map();
      list.style.height = "0";
    },
    /** A card has changed. */
    put(card) {
      const at = cards.findIndex((other) => other?.name === card.name);
      if (at < 0) return;
      cards[at] = card;
      const had = shown.get(at)?.contains(document.activeElement);
      shown.get(at)?.remove();
      shown.delete(at);
      render();
      if (had) shown.get(at)?.firstChild.focus({ preventScroll: true });
    },
  };
}
