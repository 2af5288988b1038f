// The form's values: kept over a reload, filled from a request or by a button, handed to Generate.
//
// Gradio owns the values. It calls `changed` with all of them after every change; to set some, `fill` presses a
// hidden button whose Gradio event asks `filled` for the new ones. (Events: `modules/pages/text_to_image.py`.)
import { clearErrors, showError } from "./alerts.js";
import { byId } from "./dom.js";
import { at, fields } from "./fields.js";
import { state } from "./store.js";
import { choose, withChosen } from "./styles.js";

const KEY = "easel.form.txt2img";
const FALLBACK_SIZE = [512, 512];

/** The values by field names. */
export const values = {};

let pending = {};
let saving = 0;
let size = FALLBACK_SIZE;
let restored = false;
const watchers = [];

/** Call `listener(values)` after every change. */
export function onValues(listener) {
  watchers.push(listener);
}

/** Gradio: these are the values now. */
function take(list) {
  fields.forEach((field, place) => (values[field.name] = list[place]));
  for (const watcher of watchers) watcher(values);
}

function save() {
  clearTimeout(saving);
  if (!restored) return;
  try {
    localStorage.setItem(KEY, JSON.stringify({ values, size }));
  } catch {
    // Private windows may have no storage; then a reload forgets.
  }
}

/**
 * Set some values.
 * @param {Object<string, any>} changes by field names
 */
export function fill(changes) {
  pending = { ...pending, ...changes };
  byId("easel_fill")?.click();
}

/** Fill the form from a request, as the server describes it. Its prompts hold their styles, so none stay chosen. */
export function fillFromRequest(request, changes = {}) {
  choose([]);
  const found = fields.map((field) => [field.name, at(request, field.name)]);
  fill({ ...Object.fromEntries(found.filter(([, value]) => value !== undefined)), ...changes });
}

/** Take over what a checkpoint was made for, where the user has not chosen another size. */
export function suggestSize(resolution) {
  const [width, height] = size;
  size = resolution ?? FALLBACK_SIZE;
  const untouched = values.width === width && values.height === height;
  if (untouched) fill({ width: size[0], height: size[1] });
  save();
}

/** Bring back what was in the form, once, when Gradio and the checkpoint's facts are there. */
export function restore(resolution) {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
  } catch {
    // Something else wrote there: the defaults are as good.
  }
  const known = Object.fromEntries(fields.map((field) => [field.name, true]));
  const entries = Object.entries(kept.values ?? {}).filter(([name]) => known[name]);
  const changes = Object.fromEntries(entries.filter(([name]) => !typed.has(name)));
  const before = kept.size ?? FALLBACK_SIZE;
  size = resolution ?? FALLBACK_SIZE;
  const untouched = !kept.values || (changes.width === before[0] && changes.height === before[1]);
  if (untouched) [changes.width, changes.height] = size;
  restored = true;
  fill(changes);
}

/** Fields that the user has typed in before `restore` was called: they are left alone. */
const typed = new Set();

/** Listen to keys, and give Gradio its counterparts. */
export function wireForm() {
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    if (!event.target.closest("#easel_workbench") || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    generate();
  });
  document.addEventListener("input", (event) => {
    const field = fields.find((one) => event.target.closest?.(`#${one.id}`));
    if (field && !restored) typed.add(field.name);
  });
  document.addEventListener("click", refuseWhenAway, { capture: true });
  addEventListener("pagehide", save);
}

/** Generate takes the last error away; without a server it says so, and Gradio is not asked. */
function refuseWhenAway(event) {
  if (!event.target.closest?.("#txt2img_generate")) return;
  clearErrors();
  if (state.connected) return;
  event.stopImmediatePropagation();
  showError("Easel does not answer. Your prompt is kept; try again when it is back.");
}

/** Press Generate. */
export function generate() {
  // What was typed in a number reaches Gradio when the field is left.
  const active = document.activeElement;
  if (active instanceof HTMLInputElement) active.dispatchEvent(new Event("change", { bubbles: true }));
  requestAnimationFrame(() => byId("txt2img_generate")?.click());
}

window.easel = {
  ...window.easel,
  changed(list) {
    take(list);
    clearTimeout(saving);
    saving = setTimeout(save, 150);
  },
  filled(list) {
    const next = fields.map((field, place) => (field.name in pending ? pending[field.name] : list[place]));
    pending = {};
    take(next);
    save();
    return next;
  },
  submitting(list, names) {
    const sent = Object.fromEntries(names.map((name, place) => [name, list[place]]));
    const { prompt, negative_prompt } = sent;
    if (typeof prompt === "string" && typeof negative_prompt === "string") Object.assign(sent, withChosen(sent));
    return names.map((name) => sent[name]);
  },
  submitted(answer) {
    const { error, field } = JSON.parse(answer || "{}");
    if (error) showError(error, field);
  },
};
