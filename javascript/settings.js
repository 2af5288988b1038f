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

const shown = (value) => (value === true ? "on" : value === false ? "off" : value === "" ? "empty" : String(value));

/** A setting: its words, its control, and how it differs from the default. */
function newRow(setting, group) {
  const id = `setting_${setting.name.replace(".", "_")}`;
  const { input, show, read } = control(setting, id);
  const undo = el("button", { type: "button", class: "easel-text-button", onclick: () => save(setting.default, true) });
  const changed = el("p", { class: "easel-setting-changed" }, "Changed", undo);
  const error = el("p", { class: "easel-setting-error", id: `${id}_error`, role: "alert" });
  input.setAttribute("aria-describedby", `${id}_about ${id}_error`);
  const holder = setting.control === "switch" ? el("div", { class: "easel-switch" }, input) : input;
  const about = el("div", {}, el("label", { for: id }, setting.label), el("p", { id: `${id}_about` }, setting.description, limits(setting)), changed);
  const node = el("div", { class: "easel-setting", "data-name": setting.name, "data-control": setting.control }, about, holder, error);
  const words = [setting.name, setting.label, setting.description, ...(setting.choices ?? []), group].join(" ").toLowerCase();
  const row = { setting, node, words, busy: false, take };
  rows.push(row);

  function take(value) {
    setting.value = value;
    show(value);
    complain("");
    changed.hidden = JSON.stringify(value) === JSON.stringify(setting.default);
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
  undo.textContent = setting.default === null ? "Back to the first one found" : `Back to ${shown(setting.default)}`;
  input.addEventListener("change", () => {
    const value = read();
    if (value === undefined) return complain(`${setting.label} is empty. Enter a number.`);
    save(value);
  });
  take(setting.value);
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
  if (setting.control === "choice") {
    const missing = setting.value !== null && !setting.choices.includes(setting.value) ? [setting.value] : [];
    const options = [...setting.choices, ...missing].map((choice) => el("option", { value: choice }, choice));
    if (setting.empty) options.unshift(el("option", { value: "" }, EMPTY));
    const input = el("select", { id }, ...options);
    return { input, show: (value) => (input.value = value ?? ""), read: () => (setting.empty && input.value === "" ? null : input.value) };
  }
  if (setting.control === "number") {
    const input = el("input", { type: "number", id, min: setting.minimum, max: setting.maximum, step: setting.whole ? 1 : "any", inputmode: setting.whole ? "numeric" : "decimal" });
    return { input, show: (value) => (input.value = value ?? ""), read: () => (input.value === "" ? (setting.empty ? null : undefined) : Number(input.value)) };
  }
  const input = el("input", { type: "text", id, autocomplete: "off", spellcheck: "false" });
  return { input, show: (value) => (input.value = value ?? ""), read: () => (setting.empty && input.value === "" ? null : input.value) };
}
