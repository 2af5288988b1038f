// The two prompt boxes: their text areas, and edits in them that Ctrl+Z takes back.
import { byId } from "./dom.js";
import { blockOf, named } from "./fields.js";

/** The names of the fields that are prompts. */
export const PROMPTS = ["prompt", "negative_prompt"];

/** @returns {HTMLTextAreaElement} */
export const areaOf = (name) => blockOf(named(name)).querySelector("textarea");

/** What is in the boxes now; Gradio hears of it a moment later. */
export const texts = () => Object.fromEntries(PROMPTS.map((name) => [name, areaOf(name).value]));

let editing = false;

/** Whether the input event that is being handled comes from `applyEdit` and not from a person's typing. */
export const isOwnEdit = () => editing;

/**
 * An edit of a text: what stands between `start` and `end` becomes `text`, and `selection` is selected then.
 * @typedef {{start: number, end: number, text: string, selection: [number, number]}} Edit
 */

/**
 * Make an edit as if it were typed: the browser can undo it, and Gradio notices.
 * @param {HTMLTextAreaElement} area
 * @param {Edit} edit
 */
export function applyEdit(area, { start, end, text, selection }) {
  area.focus();
  const before = area.value;
  if (before.slice(start, end) !== text) {
    editing = true;
    area.setSelectionRange(start, end);
    // Declared obsolete, and still the only way that keeps the browser's undo.
    document.execCommand(text ? "insertText" : "delete", false, text);
    if (area.value === before) {
      area.setRangeText(text, start, end, "end");
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
    editing = false;
  }
  area.setSelectionRange(...selection);
}

/** Replace all of a box's text, as one edit. */
export function rewrite(name, text) {
  const area = areaOf(name);
  applyEdit(area, { start: 0, end: area.value.length, text, selection: [text.length, text.length] });
}

/** Show a place in a box. */
export function selectIn(name, start, end) {
  const area = areaOf(name);
  byId(named(name).id).scrollIntoView({ block: "nearest" });
  area.focus({ preventScroll: true });
  area.setSelectionRange(start, end);
}
