// A network in a dialog: its notes to change, what its file says to read. Saved into the JSON file beside it.
import { paint } from "../controls.js";
import { confirm, copy, el } from "../dom.js";
import { shownPicture } from "../store.js";
import { icon, picture } from "./card.js";
import { metadata } from "./metadata.js";
import * as server from "./server.js";

const TEXTS = {
  description: ["Description", 1, "A line on the card"],
  "activation text": ["Activation text", 2, "Words that a click adds to the prompt"],
  "negative text": ["Negative text", 1, "Words that a click adds to the negative prompt"],
  notes: ["Notes", 4, "Where it is from, what it is good at"],
};
const VERSIONS = ["SD1", "SD2", "SDXL", "SD3", "Flux"];
const WEIGHT = "preferred weight";

let dialog = null;
let card = null;
let saved = () => {};
let before = {};
const parts = {};
const inputs = {};

function field(label, input, id) {
  input.id = `easel_network_${id}`;
  return el("div", { class: "easel-dialog-field" }, el("label", { for: input.id }, label), input);
}

function build() {
  for (const [key, [, rows, hint]] of Object.entries(TEXTS)) inputs[key] = el("textarea", { rows, placeholder: hint });
  inputs["sd version"] = el("input", { type: "text", list: "easel_network_versions", placeholder: "As the file says", autocomplete: "off" });
  inputs[WEIGHT] = el("input", { type: "number", step: "0.05", min: "-2", max: "2", placeholder: "1" });
  parts.range = el("input", { type: "range", class: "easel-range", min: "0", max: "2", step: "0.05", "aria-label": "Preferred weight" });
  parts.range.addEventListener("input", () => {
    inputs[WEIGHT].value = parts.range.value === "0" ? "" : parts.range.value;
    paint(parts.range);
  });
  inputs[WEIGHT].addEventListener("input", followWeight);
  const versions = el("datalist", { id: "easel_network_versions" }, ...VERSIONS.map((value) => el("option", { value })));
  const texts = Object.entries(TEXTS).map(([key, [label]], at) => field(label, inputs[key], `text_${at}`));
  parts.weight = el("div", { class: "easel-network-weight" }, field("Preferred weight", inputs[WEIGHT], "weight"), parts.range);
  parts.title = el("h2", { id: "easel_network_title", tabindex: "-1" });
  parts.file = el("p", { class: "easel-file" });
  parts.picture = el("div", { class: "easel-network-picture" });
  parts.take = el("button", { type: "button", class: "easel-button", onclick: take }, "Use the shown picture");
  parts.upload = el("input", { type: "file", accept: "image/png,image/jpeg,image/webp", hidden: true, onchange: upload });
  const choose = el("button", { type: "button", class: "easel-button", onclick: () => parts.upload.click() }, "Choose a file …");
  parts.about = el("div", { class: "easel-network-about" });
  parts.error = el("p", { class: "easel-dialog-error", role: "alert" });
  const close = el("button", { type: "button", class: "easel-icon-button", "aria-label": "Close", title: "Close", onclick: () => dialog.close() }, icon("close"));
  const copyName = el("button", { type: "button", class: "easel-button", onclick: ({ currentTarget: self }) => copied(self, card.label) }, "Copy name");
  const copyHash = el("button", { type: "button", class: "easel-button", onclick: hashOf }, "Copy hash");
  const cancel = el("button", { type: "button", class: "easel-button", onclick: () => dialog.close() }, "Cancel");
  const save = el("button", { type: "submit", class: "easel-button easel-button-main" }, "Save");
  const form = el(
    "form",
    { method: "dialog", onsubmit: keep },
    el("header", {}, el("div", {}, parts.title, parts.file), close),
    el(
      "div",
      { class: "easel-network-columns" },
      el("div", { class: "easel-network-side" }, parts.picture, parts.take, choose, parts.upload),
      el("div", { class: "easel-network-fields" }, texts[0], texts[1], el("div", { class: "easel-network-pair" }, parts.weight, field("Made for", inputs["sd version"], "version")), texts[2], texts[3], versions),
    ),
    parts.about,
    parts.error,
    el("footer", {}, el("div", {}, copyName, copyHash), cancel, save),
  );
  dialog = el("dialog", { class: "easel-dialog easel-network-dialog", "aria-labelledby": "easel_network_title" }, form);
  // Keys of the page behind mean nothing here.
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  document.body.append(dialog);
}

/** Open the dialog. Args: `saved(card)` is called when the card has changed. */
export async function openEditor(which, options) {
  if (!dialog) build();
  card = which;
  saved = options.saved;
  before = {};
  parts.error.textContent = "";
  parts.title.textContent = card.label;
  parts.file.textContent = [card.folder, card.file].filter(Boolean).join("/");
  parts.picture.replaceChildren(picture(card));
  parts.about.replaceChildren();
  for (const input of Object.values(inputs)) input.value = "";
  parts.weight.hidden = !card.insertion.tag;
  for (const key of ["activation text", "negative text"]) inputs[key].parentElement.hidden = !card.insertion.name;
  const shown = shownPicture();
  parts.take.disabled = !shown;
  parts.take.title = shown ? "Make the picture on the wall the preview" : "There is no picture yet";
  dialog.showModal();
  dialog.scrollTop = 0;
  // A screen keyboard would cover what is to be read.
  (matchMedia("(pointer: coarse)").matches ? parts.title : inputs.description).focus();
  await attempt(async () => show(await server.details(card.kind, card.name)));
}

function show(found) {
  if (found.card.name !== card.name) return;
  card = found.card;
  before = { ...found.notes };
  for (const [key, input] of Object.entries(inputs)) input.value = key === WEIGHT && !found.notes[key] ? "" : found.notes[key];
  inputs["sd version"].placeholder = card.base || "Not known";
  inputs[WEIGHT].placeholder = "1";
  followWeight();
  parts.picture.replaceChildren(picture(card));
  parts.about.replaceChildren(...metadata(found, addTag));
}

function followWeight() {
  parts.range.value = inputs[WEIGHT].value || "1";
  paint(parts.range);
}

function addTag(tag) {
  const area = inputs["activation text"];
  const words = area.value.split(",").map((word) => word.trim()).filter(Boolean);
  const rest = words.filter((word) => word !== tag);
  area.value = (rest.length < words.length ? rest : [...words, tag]).join(", ");
}

function changes() {
  const now = Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, key === WEIGHT ? Number(input.value || 0) : input.value]));
  return Object.fromEntries(Object.entries(now).filter(([key, value]) => value !== before[key]));
}

async function keep(event) {
  event.preventDefault();
  await attempt(async () => {
    const fields = changes();
    if (Object.keys(fields).length) saved((await server.saveNotes(card.kind, card.name, fields)).card);
    dialog.close();
  });
}

async function take() {
  await newPreview({ picture: shownPicture().id });
}

async function upload() {
  const [file] = parts.upload.files;
  parts.upload.value = "";
  if (!file) return;
  const reader = new FileReader();
  reader.onload = () => newPreview({ image: reader.result });
  reader.readAsDataURL(file);
}

async function newPreview(body) {
  await attempt(async () => {
    card = (await server.setPreview(card.kind, card.name, body)).card;
    parts.picture.replaceChildren(picture(card));
    saved(card);
  });
}

async function hashOf({ currentTarget: self }) {
  await attempt(async () => copied(self, (await server.hash(card.kind, card.name)).hash));
}

async function copied(button, text) {
  await copy(text);
  confirm(button, "Copied");
}

async function attempt(action) {
  parts.error.textContent = "";
  try {
    await action();
  } catch (error) {
    parts.error.textContent = error.message;
    parts.error.scrollIntoView({ block: "nearest" });
  }
}
