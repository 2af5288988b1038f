// Ctrl+Up and Ctrl+Down: a little more or less weight for the selection, or for what the cursor is in.
import { pairs, tags } from "./brackets.js";

const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)$/;
const STEP = 0.1;
const TAG_STEP = 0.05;
const BARE_ROUND = 1.1;
const BARE_SQUARE = 0.9;

/**
 * Change a weight.
 * @param {string} text
 * @param {number} from the selection's start, or the cursor
 * @param {number} to the selection's end
 * @param {1 | -1} sign more or less
 * @returns {import("./boxes.js").Edit | null} null: there is nothing to weigh here
 */
export function changeWeight(text, from, to, sign) {
  const tag = tags(text).find((one) => one.start < Math.max(from, to - 1) && Math.max(from, to) <= one.end && one.start <= from);
  if (tag) return changeTag(text, tag, from, to, sign);
  return from === to ? atCursor(text, from, sign) : ofSelection(text, from, to, sign);
}

/** The number in a tag: the one at the cursor, else the first, else a new one behind the name. */
function changeTag(text, tag, from, to, sign) {
  const pieces = [];
  let place = tag.start + 1;
  for (const piece of text.slice(tag.start + 1, tag.end - 1).split(":")) {
    const value = piece.slice(piece.indexOf("=") + 1);
    const end = place + piece.length;
    pieces.push({ start: end - value.length, end, value, whole: place, plain: value === piece });
    place = end + 1;
  }
  const numbers = pieces.slice(2).filter((piece) => NUMBER.test(piece.value));
  const chosen = numbers.find((piece) => piece.whole <= from && to <= piece.end) ?? numbers.find((piece) => piece.plain);
  const { start, end } = chosen ?? { start: pieces[1].end, end: pieces[1].end };
  const weight = rounded(Number(chosen?.value ?? 1) + sign * TAG_STEP);
  return moved({ start, end, text: chosen ? weight : `:${weight}` }, from, to);
}

function atCursor(text, at, sign) {
  const group = innermost(text, (one) => (one.start < at && at < one.end) || at === one.end);
  const word = wordAt(text, at);
  if (group && group.weight !== null) return changeGroup(text, group, at, at, sign);
  if (!word || (group && !word.within(group)) || /^(AND|BREAK)$/.test(word.text)) return null;
  if (NUMBER.test(word.text) && /:\s*$/.test(text.slice(0, word.start))) return ofPart(text, word, at, sign);
  return wrap(text, word.start, word.end, at, at, sign);
}

/** The word at a place. Brackets that weigh are one thing, but in `[a:b:0.5]` and `{a|b}` words are on their own. */
function wordAt(text, at) {
  for (const match of text.matchAll(/(?:\\.|[^\s,()[\]{}<>|:\\])+/gs)) {
    const [start, end] = [match.index, match.index + match[0].length];
    if (start <= at && at <= end) {
      return { text: match[0], start, end, within: (group) => group.start < start && end < group.end };
    }
  }
  return null;
}

/** The number behind an `AND` part; another number behind a colon says when, and is left alone. */
function ofPart(text, word, at, sign) {
  if (!/^\s*(?:\bAND\b|$)/.test(text.slice(word.end))) return null;
  return moved({ start: word.start, end: word.end, text: rounded(Number(word.text) + sign * STEP) }, at, at);
}

function ofSelection(text, from, to, sign) {
  const selected = text.slice(from, to);
  const start = from + selected.length - selected.trimStart().length;
  const end = start + selected.trim().length;
  if (start >= end) return null;
  const group = innermost(
    text,
    (one) => (one.start === start && one.end === end) || (one.inner[0] === start && one.inner[1] === end),
  );
  if (group && group.weight !== null) return changeGroup(text, group, ...group.inner, sign);
  const torn = pairs(text).some((one) => cuts(one, start, end));
  return torn ? null : wrap(text, start, end, start, end, sign);
}

/** Whether a selection holds one bracket of a pair and not the other. */
function cuts(pair, start, end) {
  const inside = (place) => start <= place && place < end;
  return inside(pair.start) !== inside(pair.end - 1);
}

/** The innermost brackets that fit, with their weight (null: they are no weight but editing or a choice). */
function innermost(text, fits) {
  return pairs(text).map((pair) => read(text, pair)).find(fits);
}

function read(text, { kind, start, end }) {
  const inner = text.slice(start + 1, end - 1);
  const written = kind === "(" ? inner.match(/:\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*$/) : null;
  const plain = kind === "(" || (kind === "[" && !/[:|]/.test(inner));
  const weight = written ? Number(written[1]) : kind === "(" ? BARE_ROUND : BARE_SQUARE;
  return { start, end, weight: plain ? weight : null, inner: [start + 1, end - 1 - (written?.[0].length ?? 0)] };
}

function changeGroup(text, group, from, to, sign) {
  const content = text.slice(...group.inner);
  const weight = rounded(group.weight + sign * STEP);
  const shift = weight === "1" ? -1 : 0;
  const edit = { start: group.start, end: group.end, text: shift ? content : `(${content}:${weight})` };
  const selection = [from, to].map((place) => Math.min(Math.max(place, group.inner[0]), group.inner[1]) + shift);
  // Several words without brackets are one thing only as long as they are selected.
  const several = shift && /[\s,]/.test(content);
  return { ...edit, selection: several ? [group.start, group.start + content.length] : selection };
}

function wrap(text, start, end, from, to, sign) {
  const weighted = `(${text.slice(start, end)}:${rounded(1 + sign * STEP)})`;
  return { start, end, text: weighted, selection: [from + 1, to + 1] };
}

/** An edit that leaves the selection where it was, as far as that is still there. */
function moved(edit, from, to) {
  const growth = edit.text.length - (edit.end - edit.start);
  const place = (at) => (at >= edit.end && edit.end > edit.start ? at + growth : Math.min(at, edit.start + edit.text.length));
  return { ...edit, selection: [place(from), place(to)] };
}

const rounded = (weight) => String(Math.round(weight * 100) / 100);
