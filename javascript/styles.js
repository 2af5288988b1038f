// Styles: the list that the server keeps, those chosen for the next pictures, and what they make of a prompt.
//
// Chosen styles stay out of the boxes. When Generate is pressed, the page puts them into the prompts that it sends
// (`form.js`, `submitting`): so the picture's recipe holds the whole text, and needs no styles to be made again.
import * as api from "./api.js";

const KEY = "easel.styles.txt2img";
const PLACEHOLDER = "{prompt}";

let list = [];
let chosen = [];
const watchers = [];

/** Call `listener()` when the list or the choice has changed. */
export function onStyles(listener) {
  watchers.push(listener);
}

/** @returns {{name: string, prompt: string, negative_prompt: string}[]} in the order of the file */
export const styles = () => list;

/** The chosen styles, in the order in which they were chosen. */
export const chosenStyles = () => chosen.map((name) => list.find((style) => style.name === name)).filter(Boolean);

/** Ask the server for the list. */
export async function loadStyles() {
  list = (await api.styles()).styles;
  tell();
}

/** Take up what was chosen before the page was loaded. */
export function restoreChoice() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    if (Array.isArray(kept)) chosen = kept;
  } catch {
    // No storage, or something else in it: nothing is chosen.
  }
}

/** Choose these styles, by name. */
export function choose(names) {
  chosen = [...new Set(names)];
  try {
    localStorage.setItem(KEY, JSON.stringify(chosen));
  } catch {
    // Then a reload forgets.
  }
  tell();
}

/** Choose a style, or don't any more. */
export function toggle(name, on) {
  const others = chosenStyles().map((style) => style.name).filter((other) => other !== name);
  choose(on ? [...others, name] : others);
}

/** Keep a style; `before` is its name so far, where it has one. */
export async function keepStyle(style, before = null) {
  await api.putStyle(style);
  if (before !== null && before !== style.name) await api.deleteStyle(before);
  if (chosen.includes(before)) choose(chosen.map((name) => (name === before ? style.name : name)));
  await loadStyles();
}

/** Remove a style. */
export async function removeStyle(name) {
  await api.deleteStyle(name);
  await loadStyles();
  toggle(name, false);
}

/** Both prompts with the chosen styles around or behind them, as the server would apply them. */
export function withChosen({ prompt, negative_prompt }) {
  const used = chosenStyles();
  return {
    prompt: used.reduce((text, style) => merged(text, style.prompt), prompt),
    negative_prompt: used.reduce((text, style) => merged(text, style.negative_prompt), negative_prompt),
  };
}

function merged(prompt, text) {
  if (text.includes(PLACEHOLDER)) return text.replaceAll(PLACEHOLDER, () => prompt);
  return [prompt.trim(), text.trim()].filter(Boolean).join(", ");
}

function tell() {
  for (const watcher of watchers) watcher();
}
