// A network in the prompt: put in with a click, taken out with the next. The tab at hand says which boxes are meant.
import { applyEdit, areaOf } from "../boxes.js";

/**
 * The prompt boxes of a tab.
 * @typedef {{tools: HTMLElement, home: HTMLElement, prompt: () => HTMLTextAreaElement, negative: () => HTMLTextAreaElement}} Target
 * `tools`: the button goes here; `home`: the panel becomes its child.
 */

/** @type {Target[]} */
const targets = [];

/** Add the prompt boxes of a tab. */
export const addTarget = (target) => targets.push(target);

/** The first tab's boxes. */
export const textToImage = (tools, home) => ({ tools, home, prompt: () => areaOf("prompt"), negative: () => areaOf("negative_prompt") });

/** The tab at hand: the one whose prompt can be seen. */
export const target = () => targets.find((one) => one.prompt()?.offsetParent) ?? targets[0];

/** Whether this tab's boxes are typed in through the panel without being seen (it covers them) or with a screen keyboard. */
let covered = () => false;
export const coveredWhen = (test) => (covered = test);

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Matches a card's network in a prompt, whatever its weight; null: its click writes nothing. */
function pattern({ tag, name }) {
  if (!name) return null;
  if (tag) return new RegExp(`<${escaped(tag)}:\\s*${escaped(name)}\\s*(?::[^>]*)?>`, "gi");
  return new RegExp(`(?<![\\p{L}\\p{N}_-])${escaped(name)}(?![\\p{L}\\p{N}_-])`, "giu");
}

/** Whether a card's network is in the prompts. */
export function isIn(insertion) {
  const wanted = pattern(insertion);
  const tab = target();
  return Boolean(wanted && tab && [tab.prompt(), insertion.tag ? null : tab.negative()].some((area) => area && area.value.search(wanted) >= 0));
}

/** What a click writes. */
export function written({ tag, name, weight, text }) {
  const network = tag ? `<${tag}:${name}:${Math.round(weight * 1000) / 1000}>` : name;
  return [network, text.trim()].filter(Boolean).join(" ");
}

/**
 * Put a network into the prompts, or take it out.
 * @returns {boolean} whether it is in there now
 */
export function toggle(insertion) {
  const tab = target();
  if (isIn(insertion)) {
    for (const area of [tab.prompt(), tab.negative()]) {
      put(area, without(area.value, insertion, area === tab.negative()));
    }
    return false;
  }
  // An embedding may be meant for the box that was written in last.
  const box = !insertion.tag && last === tab.negative() ? tab.negative() : tab.prompt();
  put(box, joined(box.value, written(insertion), insertion.tag ? " " : ", "));
  const negative = insertion.negative.trim();
  if (negative && !tab.negative().value.includes(negative)) put(tab.negative(), joined(tab.negative().value, negative, ", "));
  return true;
}

let last = null;
document.addEventListener("focusin", ({ target: area }) => {
  if (area instanceof HTMLTextAreaElement) last = area;
});

function joined(value, text, separator) {
  const before = value.trimEnd();
  if (!before) return text;
  return before + (/[,\n]$/.test(value.trimEnd()) ? " " : separator) + text;
}

/** A text without a network, and without the words that came with it. */
function without(value, insertion, negative) {
  const words = (negative ? insertion.negative : insertion.text).trim();
  let text = value.replace(pattern(insertion), "\u0000");
  if (words) {
    const behind = new RegExp(`\u0000[\\s,]*${escaped(words)}`);
    if (behind.test(text)) text = text.replace(behind, "\u0000");
    else if (negative) text = text.replace(words, "\u0000");
  }
  if (!text.includes("\u0000")) return value;
  return text
    .replace(/,\s*\u0000(?=\s*(,|$))|\s+\u0000(?=\s|,|$)|\u0000,?\s*/g, "")
    .replace(/^[\s,]+/, "")
    .replace(/[\s,]+$/, "");
}

/** Write a box anew as one edit; the focus stays where it is. */
function put(area, text) {
  if (area.value === text) return;
  const focused = document.activeElement;
  if (covered()) {
    area.setRangeText(text, 0, area.value.length, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
    return;
  }
  const [start, end] = changed(area.value, text);
  const behind = area.value.length - end;
  const middle = text.slice(start, text.length - behind);
  applyEdit(area, { start, end, text: middle, selection: [start + middle.length, start + middle.length] });
  if (focused !== area) focused?.focus({ preventScroll: true });
}

/** Where a text begins and ends to be another one. */
function changed(before, after) {
  let start = 0;
  while (start < before.length && before[start] === after[start]) start++;
  let end = before.length;
  while (end > start && end - before.length + after.length > start && before[end - 1] === after[end - 1 - before.length + after.length]) end--;
  return [start, end];
}
