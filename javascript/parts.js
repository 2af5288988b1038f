// Alt+Left and Alt+Right: what stands between two commas (or lines, AND, BREAK) changes places with its neighbour.
import { outermost } from "./brackets.js";

// The weight of a part between AND belongs to its place.
const BORDER = /\s*(?:,|\n|(?::\s*[-+]?[\d.]+\s*)?\b(?:AND|BREAK)\b|:\s*[-+]?[\d.]+(?=\s*$))\s*/g;

/**
 * Move the part under the cursor.
 * @param {string} text
 * @param {number} from the selection's start, or the cursor
 * @param {number} to the selection's end
 * @param {1 | -1} by to the right or to the left
 * @returns {import("./boxes.js").Edit | null} null: there is no part to change places with
 */
export function movePart(text, from, to, by) {
  const pieces = split(text);
  const at = pieces.findLastIndex((piece) => piece.start <= from);
  const [first, second] = by > 0 ? [pieces[at], pieces[at + 1]] : [pieces[at - 1], pieces[at]];
  if (!first || !second || first.start === first.end || second.start === second.end) return null;
  const [left, border, right] = [first, { start: first.end, end: second.start }, second].map((piece) => text.slice(piece.start, piece.end));
  const own = pieces[at];
  const shift = by > 0 ? right.length + border.length : -(left.length + border.length);
  const place = (position) => Math.min(position, own.end) + shift;
  return { start: first.start, end: second.end, text: right + border + left, selection: [place(from), place(to)] };
}

/** The parts without the space around them; brackets and tags hold together. */
function split(text) {
  const start = text.length - text.trimStart().length;
  const pieces = [{ start, end: Math.max(start, text.trimEnd().length) }];
  for (const border of outermost(text).matchAll(BORDER)) {
    const end = border.index + border[0].length;
    const last = pieces.at(-1);
    pieces.push({ start: Math.min(Math.max(end, last.start), last.end), end: last.end });
    last.end = Math.max(last.start, border.index);
  }
  return pieces;
}
