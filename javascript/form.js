// The form's values: kept over a reload, filled from a request or by a button, handed to Generate.
//
// Gradio owns the values. It calls `changed` with all of them after every change; to set some, `fill` presses a
// hidden button whose Gradio event asks `filled` for the new ones. (Events: `modules/pages/text_to_image.py`.)
import { clearErrors, showError } from "./alerts.js";
import { texts } from "./boxes.js";
import { byId } from "./dom.js";
import { fields, valuesOf } from "./fields.js";
import { lookForStyles } from "./recognised.js";
import { state } from "./store.js";
import { choose, withChosen } from "./styles.js";
import { openKind } from "./tabs.js";

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
  const next = { ...valuesOf(request), ...changes };
  fill(next);
  for (const follower of followers) follower(request);
  lookForStyles(next);
}

const followers = [];

/** Call `follower(request)` when the form is filled from a request. */
export function onRequest(follower) {
  followers.push(follower);
}

/** What the open tab adds to a request, and what stands in its way: see `source/carry.js`. */
let ahead = { missing: () => null, carried: async () => ({ kind: openKind() }), lead: () => {}, sent: () => {} };

/**
 * Say what is sent besides the fields.
 * @param {{missing: () => string | null, carried: () => Promise<Object>, lead: () => void, sent: (job: number, kind: string) => void}} source
 *   `missing` says why Generate cannot begin, `lead` brings a person to the place where that is mended
 */
export function sendAlong(source) {
  ahead = source;
}

/** A request that is no matter of the open tab: it is sent at the next press, once. */
let instead = null;

/** Queue other values than those in the form, with what goes along. */
export function submitInstead(changes, along) {
  instead = { changes, along };
  byId("txt2img_generate").click();
}

/** Take over what a checkpoint was made for, where the user has not chosen another size. */
export function suggestSize(resolution) {
  const [width, height] = size;
  size = resolution ?? FALLBACK_SIZE;
  const untouched = values.width === width && values.height === height;
  if (untouched) fill({ width: size[0], height: size[1] });
  save();
}

/** The size that the checkpoint in use was made for. */
export const modelSize = () => size;

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
  document.addEventListener("click", press, { capture: true });
  addEventListener("pagehide", save);
}

/** The texts at the presses of Generate that Gradio has not yet answered with the values, the earliest first. */
let pressed = [];
const PRESS_MS = 10_000;
/** The texts when the keys were pressed, for the click that follows. */
let keyed = null;

/** Generate takes the last error away; where it cannot begin it says why, and Gradio is not asked. */
function press(event) {
  if (!event.target.closest?.("#txt2img_generate")) return;
  const now = keyed ?? texts();
  keyed = null;
  clearErrors();
  const missing = instead ? null : ahead.missing();
  if (state.connected && !missing) return remember(now);
  event.stopImmediatePropagation();
  instead = null;
  if (!state.connected) return showError("Easel does not answer. Your prompt is kept; try again when it is back.");
  showError(missing, null, { text: "Show me where", action: ahead.lead });
}

/** A press that an extension's script keeps from Gradio must not lend its texts to a later one. */
function remember(now) {
  pressed.push(now);
  setTimeout(() => (pressed = pressed.filter((one) => one !== now)), PRESS_MS);
}

let sentKind = null;

/** What Gradio sends to the server: the values, with the styles in the prompts, and what goes along. */
async function outgoing(list, names) {
  const sent = Object.fromEntries(names.map((name, place) => [name, list[place]]));
  const own = instead;
  instead = null;
  // Gradio comes for the values a while after the press: what was typed since is for the next picture.
  Object.assign(sent, pressed.shift());
  if (own) Object.assign(sent, own.changes);
  else Object.assign(sent, withChosen(sent));
  try {
    const along = own?.along ?? (await ahead.carried());
    // Each of several pictures makes as many as are asked for.
    if (along.init_images?.length > 1) sent.batch_count *= along.init_images.length;
    sentKind = along.kind;
    sent.source = JSON.stringify(along);
  } catch (error) {
    showError(error.message);
    sent.source = JSON.stringify({ cancelled: true });
  }
  return names.map((name) => sent[name]);
}

/** Press Generate. */
export function generate() {
  // What was typed in a number reaches Gradio when the field is left.
  const active = document.activeElement;
  if (active instanceof HTMLInputElement) active.dispatchEvent(new Event("change", { bubbles: true }));
  const now = texts();
  const soon = document.hidden ? setTimeout : requestAnimationFrame; // there are no frames in a hidden tab
  soon(() => {
    keyed = now;
    byId("txt2img_generate")?.click();
  });
}

/** Some numbers mean "not said" (Gradio begins with them in empty fields): they are shown as nothing. */
const blanked = (field, value) => (field.blank !== undefined && field.blank !== null && value === field.blank ? null : value);

const sieves = {};

/** Have a value looked over before it is filled in: `sieve(value)` is what is filled in then. */
export function sift(name, sieve) {
  sieves[name] = sieve;
}

const allowed = (name, value) => (sieves[name] ? sieves[name](value) : value);

window.easel = {
  ...window.easel,
  changed(list) {
    take(list);
    clearTimeout(saving);
    saving = setTimeout(save, 150);
  },
  filled(list) {
    const next = fields.map((field, place) => blanked(field, field.name in pending ? allowed(field.name, pending[field.name]) : list[place]));
    pending = {};
    take(next);
    save();
    return next;
  },
  submitting: outgoing,
  submitted(answer) {
    const { error, field, job } = JSON.parse(answer || "{}");
    if (error) showError(error, field);
    if (job) ahead.sent(job, sentKind);
  },
};
