// What the form's small controls do: sliders beside numbers, swap, dice, seed, examples, hints for screen readers.
import { byId, el, present } from "./dom.js";
import { blockOf, fields } from "./fields.js";
import { fill, onValues, values } from "./form.js";
import { state, shownPicture, watch } from "./store.js";

/** Wire the controls. */
export function wireControls() {
  for (const field of fields) if (field.slider) present([field.id]).then(() => addSlider(field));
  byId("txt2img_res_switch_btn").addEventListener("click", () => fill({ width: values.height, height: values.width }));
  byId("txt2img_random_seed").addEventListener("click", () => fill({ seed: -1 }));
  byId("txt2img_reuse_seed").addEventListener("click", () => {
    const picture = shownPicture();
    if (picture) fill({ seed: picture.seed });
  });
  watch(() => (byId("txt2img_reuse_seed").disabled = state.pictures.length === 0));
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  const generate = byId("txt2img_generate");
  generate.setAttribute("aria-keyshortcuts", mac ? "Meta+Enter" : "Control+Enter");
  generate.dataset.keys = mac ? "⌘ ↵" : "Ctrl ↵";
  byId("refresh_sd_model_checkpoint").title = "Look for new checkpoint files";
}

/** A slider that follows the number beside it, and the other way round. */
function addSlider(field) {
  const block = blockOf(field);
  const number = block?.querySelector("input[type=number]");
  if (!number || block.querySelector("input[type=range]")) return;
  const [min, max, step] = field.slider;
  const range = el("input", { type: "range", class: "easel-range", min, max, step, "aria-label": field.label });
  range.addEventListener("input", () => {
    number.value = range.value;
    number.dispatchEvent(new Event("input", { bubbles: true }));
    paint(range);
  });
  onValues((now) => {
    if (now[field.name] !== null) range.value = now[field.name];
    paint(range);
  });
  range.value = number.value;
  block.append(range);
  paint(range);
}

/** The part of the slider that is behind the knob is coloured by the style sheet. */
export function paint(range) {
  const share = (range.value - range.min) / (range.max - range.min);
  range.style.setProperty("--easel-share", `${100 * Math.min(1, Math.max(0, share))}%`);
}

/** Offer the checkpoint's example prompts, under the form and on the empty stage. */
export function showExamples(examples) {
  const button = (text) =>
    el("button", { type: "button", class: "easel-idea", title: text, onclick: () => use(text) }, text);
  const row = byId("easel_examples");
  row.hidden = examples.length === 0;
  row.replaceChildren(el("span", {}, "Try"), ...examples.map(button));
  byId("easel_ideas").replaceChildren(...examples.slice(0, 4).map(button));
}

function use(prompt) {
  fill({ prompt });
  byId("txt2img_prompt").querySelector("textarea")?.focus();
}
