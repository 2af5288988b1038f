// The settings in a dialog, made from what the server says of them: a new setting needs nothing here.
import * as api from "./api.js";
import { showError } from "./alerts.js";
import { byId, el } from "./dom.js";
import { watch } from "./store.js";

const EMPTY = "The first one found";

let dialog = null;
let rows = [];
const parts = {};

/** Wire the button in the bar. */
export function wireSettings() {
  byId("easel_settings_open").addEventListener("click", open);
  watch((what, data) => {
    if (what !== "settings" || !dialog?.open) return;
    for (const row of rows) {
      const [group, key] = row.setting.name.split(".");
      if (data[group] && key in data[group] && !row.busy) row.take(data[group][key]);
    }
  });
}

function build() {
  parts.search = el("input", { type: "search", placeholder: "Search the settings", "aria-label": "Search the settings", autocomplete: "off", spellcheck: "false", oninput: search });
  parts.none = el("p", { class: "easel-settings-none", role: "status", hidden: true }, "No setting has these words.");
  parts.groups = el("div");
  parts.body = el("div", { class: "easel-settings-body" }, parts.groups, parts.none);
  const close = el("button", { type: "button", class: "easel-button", onclick: () => dialog.close() }, "Done");
  dialog = el(
    "dialog",
    { class: "easel-dialog easel-settings", id: "easel_settings", "aria-labelledby": "easel_settings_title", onclick: (event) => event.target === dialog && dialog.close() },
    el("header", { class: "easel-settings-head" }, el("h2", { id: "easel_settings_title" }, "Settings"), close, parts.search),
    parts.body,
  );
  document.body.append(dialog);
}

async function open() {
  try {
    const { groups } = await api.settings();
    if (!dialog) build();
    rows = [];
    parts.groups.replaceChildren(...groups.map(section));
    parts.search.value = "";
    search();
    dialog.showModal();
    parts.search.focus();
  } catch (error) {
    showError(error.message);
  }
}

function section({ name, label, description, settings }) {
  const id = `easel_settings_${name}`;
  const heading = el("h3", { id }, label, description ? el("small", {}, description) : null);
  return el("section", { "aria-labelledby": id }, heading, ...settings.map((setting) => newRow(setting, `${label} ${description}`)));
}

/** Show the settings that have all of the words. */
function search() {
  const words = parts.search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) row.node.hidden = !words.every((word) => row.words.includes(word));
  for (const group of parts.groups.children) group.hidden = !group.querySelector(".easel-setting:not([hidden])");
  parts.body.scrollTop = 0;
  parts.none.hidden = rows.some((row) => !row.node.hidden);
}

const shown = (value) => (value === true ? "on" : value === false ? "off" : String(value).replaceAll(",", ", ") || "empty");

/** A setting: its words, its control, and how it differs from the default. */
function newRow(setting, group) {
  if (setting.control === "note") return note(setting, group);
  // Scripts of older extensions look for an option by `setting_<its name>`, and for its control in there.
  const older = !setting.name.includes(".");
  const own = `setting_${setting.name.replace(".", "_")}`;
  const id = older ? `${own}_control` : own;
  const { input, show, read } = control(setting, id);
  const undo = el("button", { type: "button", class: "easel-text-button", onclick: () => save(setting.default, true) });
  const changed = el("p", { class: "easel-setting-changed" }, "Changed", undo);
  const error = el("p", { class: "easel-setting-error", id: `${id}_error`, role: "alert" });
  input.setAttribute("aria-describedby", `${id}_about ${id}_error`);
  const holder = setting.control === "switch" ? el("div", { class: "easel-switch" }, input) : input;
  const about = el("div", {}, el("label", { for: id }, setting.label), el("p", { id: `${id}_about` }, setting.description, limits(setting)), changed);
  const node = el("div", { class: "easel-setting", "data-name": setting.name, "data-control": setting.control }, about, holder, error);
  if (older) node.id = own;
  const row = { setting, node, words: wordsOf(setting, group), busy: false, take };
  rows.push(row);

  function take(value) {
    setting.value = value;
    show(value);
    complain("");
    changed.hidden = !setting.frozen && JSON.stringify(value) === JSON.stringify(setting.default);
  }
  function complain(message) {
    error.textContent = message;
    input.toggleAttribute("aria-invalid", Boolean(message));
    if (message) input.setAttribute("aria-invalid", "true");
  }
  async function save(value, back = false) {
    row.busy = true;
    try {
      take((await api.changeSettings({ [setting.name]: value })).values[setting.name]);
      if (back) input.focus();
    } catch (fault) {
      complain(fault.message);
    }
    row.busy = false;
  }
  if (setting.frozen) {
    input.disabled = true;
    changed.replaceChildren("Frozen by whoever started Easel");
  }
  undo.textContent = setting.default === null ? "Back to the first one found" : `Back to ${shown(setting.default)}`;
  input.addEventListener("change", () => {
    const value = read();
    if (value === undefined) return complain(`${setting.label} is empty. Enter a number.`);
    save(value);
  });
  take(setting.value);
  return node;
}

const wordsOf = (setting, group) => [setting.name, setting.label, setting.description, ...(setting.labels ?? setting.choices ?? []), group].join(" ").toLowerCase();

/** A text between an extension's options. */
function note(setting, group) {
  const node = el("p", { class: "easel-setting easel-setting-note", "data-name": setting.name, "data-control": "note", id: `setting_${setting.name}` }, setting.label);
  rows.push({ setting, node, words: wordsOf(setting, group), busy: false, take: () => {} });
  return node;
}

function limits({ control: kind, minimum, maximum }) {
  if (kind !== "number" || minimum === null || maximum === null) return null;
  return ` ${minimum} to ${maximum}.`;
}

/** What changes a setting: `show` puts a value in, `read` takes it out (undefined: there is none). */
function control(setting, id) {
  if (setting.control === "switch") {
    const input = el("input", { type: "checkbox", role: "switch", id });
    return { input, show: (value) => (input.checked = value), read: () => input.checked };
  }
  if (setting.control === "several") return several(setting, id);
  if (setting.control === "choice" && setting.free) return freeText(setting, id);
  if (setting.control === "choice") {
    const missing = setting.value !== null && !setting.choices.includes(setting.value) ? [setting.value] : [];
    const options = [...setting.choices, ...missing].map((choice, place) => el("option", { value: choice }, setting.labels?.[place] ?? String(choice)));
    if (setting.empty) options.unshift(el("option", { value: "" }, EMPTY));
    const input = el("select", { id }, ...options);
    return { input, show: (value) => (input.value = value ?? ""), read: () => (setting.empty && input.value === "" ? null : input.value) };
  }
  if (setting.control === "number") {
    const input = el("input", { type: "number", id, min: setting.minimum, max: setting.maximum, step: setting.whole ? 1 : (setting.step ?? "any"), inputmode: setting.whole ? "numeric" : "decimal" });
    return { input, show: (value) => (input.value = value ?? ""), read: () => (input.value === "" ? (setting.empty ? null : undefined) : Number(input.value)) };
  }
  const input = setting.lines > 1
    ? el("textarea", { id, rows: Math.min(setting.lines, 12), spellcheck: "false" })
    : el("input", { type: textKind(setting), id, autocomplete: "off", spellcheck: "false" });
  return { input, show: (value) => (input.value = value ?? ""), read: () => (setting.empty && input.value === "" ? null : input.value) };
}

function textKind({ control: kind, secret }) {
  if (kind === "colour") return "color";
  return secret ? "password" : "text";
}

/** A list of which some are chosen; what was chosen and isn't offered any more stays in it. */
function several(setting, id) {
  const choices = setting.choices.map((value, place) => ({ value, label: setting.labels?.[place] ?? String(value) }));
  for (const value of setting.value ?? []) if (!setting.choices.includes(value)) choices.push({ value, label: String(value) });
  const boxes = choices.map(({ value, label }) => ({ value, box: el("input", { type: "checkbox" }), label }));
  const input = el("div", { id, class: "easel-setting-choices", role: "group", "aria-label": setting.label, tabindex: "-1" }, ...boxes.map(({ box, label }) => el("label", {}, box, label)));
  const show = (chosen) => boxes.forEach(({ value, box }) => (box.checked = (chosen ?? []).includes(value)));
  return { input, show, read: () => boxes.filter(({ box }) => box.checked).map(({ value }) => value) };
}

/** A text for which some are offered. */
function freeText(setting, id) {
  const offered = el("datalist", { id: `${id}_offered` }, ...setting.choices.map((choice) => el("option", { value: choice })));
  const input = el("input", { type: "text", id, list: offered.id, autocomplete: "off", spellcheck: "false" });
  byId(offered.id)?.remove(); // of the last time
  dialog.append(offered);
  return { input, show: (value) => (input.value = value ?? ""), read: () => input.value };
}
