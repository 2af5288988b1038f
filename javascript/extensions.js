// The tab "Extensions": the list, each one's switch, failures and settings; installing, updates, a restart.
import { byId, el, present } from "./dom.js";

const POLL_MS = 10_000;
const HOOKS_SHOWN = 6;

let latest = null;
let behind = {};
let working = false;

async function ask(path, body) {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(`easel/extensions${path}`, options);
  } catch {
    throw new Error("Easel does not answer. Is it still running?");
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(found.detail ?? `The server answered ${answer.status}.`), { field: found.field });
  return found;
}

const clear = () => byId("extensions_alerts").replaceChildren();

function tell(message, good = false) {
  clear();
  const close = el("button", { type: "button", "aria-label": "Dismiss", onclick: clear }, "×");
  byId("extensions_alerts").append(el("div", { class: good ? "easel-alert easel-extensions-good" : "easel-alert" }, el("p", {}, message), close));
}

/** Do something that the server answers with the new state; one thing at a time. */
async function act(button, path, body, then = () => {}) {
  if (working) return;
  working = true;
  const words = button?.textContent;
  if (button?.tagName === "BUTTON") Object.assign(button, { disabled: true, textContent: "Working ..." });
  try {
    const answer = await ask(path, body);
    clear();
    if (answer.extensions) latest = { ...latest, ...answer };
    then(answer);
  } catch (error) {
    tell(error.message);
  } finally {
    working = false;
    if (button?.tagName === "BUTTON") Object.assign(button, { disabled: false, textContent: words });
    render();
  }
}

function about(one) {
  const parts = [];
  if (one.shipped) parts.push("came with Easel");
  if (one.version) {
    const { tag, commit, date, branch } = one.version;
    const day = date ? new Date(date * 1000).toISOString().slice(0, 10) : "";
    parts.push([branch, tag || commit.slice(0, 8), day].filter(Boolean).join(" "));
  }
  if (one.loaded && one.seconds >= 0.5) parts.push(`took ${one.seconds} s to load`);
  if (one.loaded && one.hooks.length) {
    const more = one.hooks.length > HOOKS_SHOWN ? ` and ${one.hooks.length - HOOKS_SHOWN} more` : "";
    parts.push(`hooks: ${one.hooks.slice(0, HOOKS_SHOWN).join(", ")}${more}`);
  }
  return parts.join(" · ");
}

function state(one) {
  if (one.failures.length) return ["failed", one.loaded ? "On, with a problem" : "Not loaded"];
  if (one.loaded) return one.enabled ? ["on", "On"] : ["waits", "Off after a restart"];
  return one.enabled ? ["waits", "On after a restart"] : ["off", "Off"];
}

function failure(one) {
  const often = one.times > 1 ? ` (${one.times} times)` : "";
  const words = el("p", {}, el("strong", {}, `${one.where}: `), `${one.message.split("\n")[0]}${often}`);
  const rest = one.details || (one.message.includes("\n") ? one.message : "");
  if (!rest) return el("div", { class: "easel-extensions-failure" }, words);
  return el("div", { class: "easel-extensions-failure" }, words, el("details", {}, el("summary", {}, "What happened"), el("pre", { tabindex: "0" }, rest)));
}

/** The schema of one field, with what `$ref` and "or null" point to. */
function resolved(field, root) {
  const plain = field.anyOf?.find((one) => one.type !== "null") ?? field.allOf?.[0] ?? field;
  const target = plain.$ref ? root.$defs?.[plain.$ref.split("/").pop()] : plain;
  return { ...target, ...field };
}

function control(name, field, value) {
  const common = { name, id: `extension_${Math.random().toString(36).slice(2)}` };
  if (field.enum) return el("select", common, ...field.enum.map((one) => el("option", { value: String(one), selected: one === value }, String(one))));
  if (field.type === "boolean") return el("input", { ...common, type: "checkbox", checked: value === true });
  if (field.type === "integer" || field.type === "number") {
    const ends = { min: field.minimum, max: field.maximum };
    return el("input", { ...common, ...ends, type: "number", step: field.type === "integer" ? "1" : "any", value: value ?? "" });
  }
  if (field.type === "string") return el("input", { ...common, type: "text", value: value ?? "" });
  return el("input", { ...common, type: "text", value: JSON.stringify(value), "data-json": true });
}

function read(input, field, before) {
  if (input.type === "checkbox") return input.checked;
  if (input.dataset.json !== undefined) return JSON.parse(input.value || "null");
  if (field.enum) return field.enum.find((one) => String(one) === input.value);
  if (input.type === "number") return input.value === "" ? null : Number(input.value);
  return input.value === "" && before === null ? null : input.value;
}

function settings(one) {
  const { schema, values } = one.settings;
  const inputs = [];
  const form = el("form", { class: "easel-extensions-settings" });
  for (const [name, given] of Object.entries(schema.properties ?? {})) {
    const field = resolved(given, schema);
    const input = control(name, field, values[name]);
    inputs.push([name, field, input]);
    const label = el("label", { for: input.id }, field.title ?? name);
    const note = field.description && el("p", { class: "easel-note" }, field.description);
    form.append(el("div", { class: input.type === "checkbox" ? "easel-extensions-check" : null }, label, input, note || null));
  }
  const save = el("button", { type: "submit", class: "easel-button" }, "Save settings");
  form.append(save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    let changes;
    try {
      changes = Object.fromEntries(inputs.map(([name, field, input]) => [name, read(input, field, values[name])]));
    } catch {
      return tell("What is written in a field is no JSON.");
    }
    act(save, "/settings", { name: one.name, values: changes }, () => tell(`The settings of ${one.title} are kept.`, true));
  });
  return el("details", { "data-settings": one.name }, el("summary", {}, "Settings"), form);
}

function item(one, open) {
  const [kind, words] = state(one);
  const flip = (event) => act(event.target, "/switch", { name: one.name, on: event.target.checked });
  const box = el("input", { type: "checkbox", role: "switch", checked: one.enabled, disabled: !latest.allowed || latest.disable === "all", "aria-label": `${one.title} on`, onchange: flip });
  const reload = el("button", { type: "button", class: "easel-button", disabled: !latest.allowed }, "Reload");
  reload.addEventListener("click", () => act(reload, "/reload", { name: one.name }));
  const buttons = el("div", { class: "easel-extensions-buttons" });
  if (behind[one.name] > 0) {
    const update = el("button", { type: "button", class: "easel-button easel-extensions-primary" }, "Update");
    update.addEventListener("click", () => act(update, "/update", { name: one.name }, () => delete behind[one.name]));
    buttons.append(update);
  }
  if (one.loaded || one.enabled) buttons.append(reload);
  const news = typeof behind[one.name] === "string" ? behind[one.name] : behind[one.name] > 0 ? `${behind[one.name]} commits behind.` : behind[one.name] === 0 ? "Up to date." : "";
  const notes = [...one.notes, news].filter(Boolean);
  const head = el("div", { class: "easel-extensions-head" }, box, el("h3", {}, one.title), el("span", { class: `easel-extensions-state easel-extensions-${kind}` }, words), buttons);
  const row = el("li", { "data-name": one.name }, head);
  if (one.description) row.append(el("p", {}, one.description));
  if (about(one)) row.append(el("p", { class: "easel-note" }, about(one)));
  for (const note of notes) row.append(el("p", { class: "easel-note" }, note));
  row.append(...one.failures.map(failure));
  if (one.settings) row.append(settings(one));
  for (const details of row.querySelectorAll("details")) details.open = open.has(`${one.name} ${details.firstChild.textContent}`);
  return row;
}

function render() {
  if (!latest || !byId("extensions_list")) return;
  const list = byId("extensions_list");
  const focused = list.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), select");
  if (focused) return; // somebody is typing there
  const open = new Set([...list.querySelectorAll("details[open]")].map((one) => `${one.closest("li").dataset.name} ${one.firstChild.textContent}`));
  const order = (one) => (one.failures.length ? 0 : one.loaded ? 1 : one.enabled ? 2 : 3);
  const sorted = [...latest.extensions].sort((a, b) => order(a) - order(b) || a.name.localeCompare(b.name));
  list.replaceChildren(...sorted.map((one) => item(one, open)));
  const count = (what) => latest.extensions.filter(what).length;
  const failed = count((one) => one.failures.length);
  byId("extensions_summary").textContent = `${latest.extensions.length} found, ${count((one) => one.loaded)} on${failed ? `, ${failed} with a problem` : ""}. New ones lie in ${latest.folder}.`;
  byId("extensions_disable").value = latest.disable;
  for (const id of ["extensions_disable", "extensions_check", "extensions_source"]) byId(id).disabled = !latest.allowed;
  byId("extensions_install").querySelector("button").disabled = !latest.allowed;
  byId("extensions_install").querySelector("p").textContent = latest.allowed ? "An extension is a program that runs with all your rights. Install what you trust." : latest.refusal;
  byId("extensions_restart").hidden = !(latest.restart || latest.notice);
  byId("extensions_restart_now").hidden = !latest.can_restart || !latest.allowed;
  const slow = latest.busy?.[0];
  if (slow) tell(`The extension ${slow.name} has been at work in ${slow.hook} for ${Math.round(slow.seconds)} s. If it never ends, switch it off and restart.`);
}

async function look() {
  try {
    latest = { ...latest, ...(await ask("")) };
    render();
  } catch (error) {
    tell(error.message);
  }
}

async function check(event) {
  await act(event.target, "/check", {}, (answer) => {
    behind = answer;
    const known = Object.values(answer);
    if (!known.length) tell("None of the extensions came by git, so there is nothing to check.", true);
    else if (known.every((one) => one === 0)) tell("All extensions are up to date.", true);
  });
}

function install(event) {
  event.preventDefault();
  const source = byId("extensions_source");
  if (!source.value.trim()) return tell("Give the address of a git repository, or the whole path of a folder.");
  const button = event.target.querySelector("button");
  act(button, "/install", { source: source.value }, (answer) => {
    source.value = "";
    latest.notice = true;
    tell(`${answer.installed} is installed. It is loaded when Easel starts anew.`, true);
  });
}

/** Ask for a restart, and load the page anew once the new server answers. */
async function restart(event) {
  const button = event.target;
  Object.assign(button, { disabled: true, textContent: "Restarting ..." });
  try {
    await ask("/restart", {});
  } catch (error) {
    Object.assign(button, { disabled: false, textContent: "Restart now" });
    return tell(error.message);
  }
  let gone = false;
  for (let tries = 0; tries < 240; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const there = await fetch("internal/ping").then((answer) => answer.ok, () => false);
    if (gone && there) return location.reload();
    gone ||= !there;
    if (there && tries > 20) return location.reload(); // it was away between two questions
  }
  tell("Easel has not come back. Look at its terminal.");
}

/** Wire the tab, once Gradio has built it (when it is opened for the first time). */
export async function wireExtensions() {
  await present(["extensions_list", "extensions_install", "extensions_check"]);
  byId("extensions_check").addEventListener("click", check);
  byId("extensions_install").addEventListener("submit", install);
  byId("extensions_restart_now").addEventListener("click", restart);
  byId("extensions_disable").addEventListener("change", (event) => act(event.target, "/disable", { which: event.target.value }));
  await look();
  setInterval(() => {
    if (byId("extensions_list")?.checkVisibility() && !working && !document.hidden) look();
  }, POLL_MS);
}
