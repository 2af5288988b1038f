// A style in a dialog: its name and its two texts. New ones begin with what is in the prompt boxes.
import { el } from "./dom.js";
import { keepStyle, removeStyle, styles } from "./styles.js";

let dialog = null;
let before = null;
let sure = null;
const parts = {};

function field(label, name, input) {
  parts[name] = input;
  input.id = `easel_style_${name}`;
  return el("div", { class: "easel-dialog-field" }, el("label", { for: input.id }, label), input);
}

function build() {
  parts.title = el("h2", { id: "easel_style_title" });
  parts.error = el("p", { class: "easel-dialog-error", role: "alert" });
  parts.remove = el("button", { type: "button", class: "easel-button", onclick: remove }, "Delete");
  parts.save = el("button", { type: "submit", class: "easel-button easel-button-main" }, "Save");
  const cancel = el("button", { type: "button", class: "easel-button", onclick: () => dialog.close() }, "Cancel");
  const form = el(
    "form",
    { method: "dialog", onsubmit: save, oninput: calm },
    parts.title,
    field("Name", "name", el("input", { type: "text", required: true, maxlength: "200", autocomplete: "off" })),
    field("Prompt", "prompt", el("textarea", { rows: "4" })),
    field("Negative prompt", "negative_prompt", el("textarea", { rows: "3" })),
    el("p", { class: "easel-note" }, "Where a text has {prompt} in it, your prompt is put there; otherwise the text goes behind your prompt."),
    parts.error,
    el("footer", {}, parts.remove, cancel, parts.save),
  );
  dialog = el("dialog", { class: "easel-dialog", "aria-labelledby": "easel_style_title" }, form);
  document.body.append(dialog);
}

/**
 * Open the dialog.
 * @param {{name: string, prompt: string, negative_prompt: string}} style what it shows
 * @param {string | null} name the style's name so far; null: it is a new one
 */
export function openStyleDialog(style, name) {
  if (!dialog) build();
  before = name;
  calm();
  parts.title.textContent = name === null ? "Save as style" : "Edit style";
  parts.remove.hidden = name === null;
  for (const key of ["name", "prompt", "negative_prompt"]) parts[key].value = style[key];
  dialog.showModal();
  parts.name.focus();
}

/** Nothing is asked and nothing has failed (any more). */
function calm() {
  sure = null;
  parts.error.textContent = "";
  parts.save.textContent = "Save";
  parts.remove.textContent = "Delete";
}

async function save(event) {
  event.preventDefault();
  const style = Object.fromEntries(["name", "prompt", "negative_prompt"].map((key) => [key, parts[key].value]));
  style.name = style.name.trim();
  const taken = style.name !== before && styles().some((other) => other.name === style.name);
  if (taken && sure !== "replace") {
    calm();
    sure = "replace";
    parts.error.textContent = "There is a style with this name. Save again to replace it.";
    parts.save.textContent = "Replace";
    return;
  }
  await attempt(() => keepStyle(style, before));
}

async function remove() {
  if (sure !== "delete") {
    calm();
    sure = "delete";
    parts.remove.textContent = "Really delete?";
    return;
  }
  await attempt(() => removeStyle(before));
}

async function attempt(action) {
  try {
    await action();
    dialog.close();
  } catch (error) {
    calm();
    parts.error.textContent = error.message;
  }
}
