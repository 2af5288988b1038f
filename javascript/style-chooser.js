// The styles beside the prompts: which are chosen, put into the text for good, kept, changed.
import { showError } from "./alerts.js";
import { PROMPTS, rewrite, texts } from "./boxes.js";
import { byId, el } from "./dom.js";
import { openStyleDialog } from "./style-dialog.js";
import { choose, chosenStyles, loadStyles, onStyles, restoreChoice, styles, toggle, withChosen } from "./styles.js";

/** Wire the chooser. */
export function wireStyles() {
  restoreChoice();
  onStyles(render);
  byId("easel_styles_toggle").addEventListener("click", () => unfold(byId("easel_styles").hidden));
  byId("easel_styles_apply").addEventListener("click", applyToPrompt);
  byId("easel_styles_save").addEventListener("click", () => openStyleDialog({ name: "", ...texts() }, null));
  byId("easel_styles").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    unfold(false);
    byId("easel_styles_toggle").focus();
  });
  loadStyles().catch(() => {});
}

function unfold(on) {
  byId("easel_styles").hidden = !on;
  byId("easel_styles_toggle").setAttribute("aria-expanded", String(on));
  // The file may have been changed by hand.
  if (on) loadStyles().catch((error) => showError(error.message));
}

/** Put the chosen styles into the boxes. */
function applyToPrompt() {
  const styled = withChosen(texts());
  choose([]);
  for (const name of [...PROMPTS].reverse()) rewrite(name, styled[name]);
}

function render() {
  const chosen = chosenStyles();
  const names = new Set(chosen.map((style) => style.name));
  const button = byId("easel_styles_toggle");
  button.querySelector("span").textContent = chosen.length ? `Styles: ${chosen.length}` : "Styles";
  byId("easel_styles_chosen").hidden = chosen.length === 0;
  byId("easel_styles_chosen").replaceChildren(...chosen.map(chip));
  byId("easel_styles_apply").disabled = chosen.length === 0;
  byId("easel_styles_none").hidden = styles().length > 0;
  const list = byId("easel_styles_list");
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.style : null;
  list.replaceChildren(...styles().map((style) => row(style, names.has(style.name))));
  if (focused) [...list.querySelectorAll("input")].find((input) => input.dataset.style === focused)?.focus();
}

/** A chosen style; pressed, it is not chosen any more. */
function chip({ name }) {
  const remove = el("button", { type: "button", "aria-label": `Leave out the style ${name}`, onclick: () => toggle(name, false) }, "×");
  return el("li", { class: "easel-chip" }, el("span", {}, name), remove);
}

function row(style, on) {
  const box = el("input", { type: "checkbox", "data-style": style.name, checked: on, onchange: (event) => toggle(style.name, event.currentTarget.checked) });
  const about = [style.prompt, style.negative_prompt && `Negative: ${style.negative_prompt}`].filter(Boolean).join("\n");
  const edit = el("button", { type: "button", class: "easel-text-button", "aria-label": `Edit the style ${style.name}`, onclick: () => openStyleDialog(style, style.name) }, "Edit");
  return el("li", {}, el("label", { title: about }, box, el("span", {}, style.name)), edit);
}
