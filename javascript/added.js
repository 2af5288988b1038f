// The values of controls that extensions and scripts add: kept over a reload, filled from requests and recipes.
// The name of a value is "extension/<extension>/<control>/<tabs>" or "script/<title>/<control>/<tabs>", each quoted.
import { send } from "./api.js";
import { byId } from "./dom.js";
import { onRequest } from "./form.js";
import { keep, recall } from "./kept.js";

const KEPT = "added";
const SAVE_MS = 150;

let pending = {};
let kept = {};
let saving = 0;
let open = false;
/** The names of all values. @type {string[]} */
let known = [];

/** Wire them. */
export async function wireAdded() {
  onRequest(fromRequest);
  const before = await recall(KEPT);
  open = true;
  if (before && typeof before === "object") set(before);
}

/** What a recipe says of them. @param {string} kind the tab @param {[string, string][]} parameters */
export async function fillFromRecipe(kind, { prompt, negative, parameters }) {
  if (!byId("easel_fill_added")) return;
  const said = { Prompt: prompt, "Negative prompt": negative, ...Object.fromEntries(parameters) };
  const found = await send("POST", "easel/scripts/recipe", { kind, parameters: said }).catch(() => ({}));
  fill("extension", found, kind);
}

function fromRequest({ kind, script, extensions, mask, frame }) {
  const tab = kind === "txt2img" ? kind : frame ? "outpaint" : mask ? "inpaint" : "img2img";
  if (extensions) fill("extension", extensions, tab);
  if (script) fill("script", { [script.name]: script.values }, tab);
}

/** Set values in a tab. @param {Object<string, Object<string, any>>} changes by owner and control */
function fill(group, changes, tab) {
  if (!known.length) byId("easel_fill_added")?.click(); // asks for the names
  const next = {};
  for (const name of known) {
    const [its, owner, key, tabs] = name.split("/").map(decodeURIComponent);
    if (its === group && tabs.split(",").includes(tab) && key in (changes[owner] ?? {})) next[name] = changes[owner][key];
  }
  if (Object.keys(next).length) set(next);
}

function set(changes) {
  pending = { ...pending, ...changes };
  byId("easel_fill_added")?.click();
}

function save(list, names) {
  known = names;
  names.forEach((name, place) => (kept[name] = list[place]));
  clearTimeout(saving);
  if (open) saving = setTimeout(() => keep(KEPT, JSON.parse(JSON.stringify(kept))), SAVE_MS);
}

/** The choice that a number in a request stands for, or those of a list. */
function choiceOf(value, choices) {
  if (Array.isArray(value)) return value.map((one) => choiceOf(one, choices));
  return typeof value === "number" && !choices.includes(value) ? (choices[value] ?? null) : value;
}

window.easel = {
  ...window.easel,
  addedChanged: save,
  addedFilled(list, names, numbered = {}) {
    const filled = (name) => (name in numbered ? choiceOf(pending[name], numbered[name]) : pending[name]);
    const next = list.map((value, place) => (names[place] in pending ? filled(names[place]) : value));
    pending = {};
    save(next, names);
    return next;
  },
};
