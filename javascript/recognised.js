// Styles whose text stands in the prompts: said below the prompt after a paste or a recipe, and taken out at a press.
import * as api from "./api.js";
import { showError } from "./alerts.js";
import { PROMPTS, areaOf, rewrite, texts } from "./boxes.js";
import { el } from "./dom.js";
import { blockOf, named } from "./fields.js";
import { choose, chosenStyles, styles } from "./styles.js";

const REST_MS = 400;

let note = null;
let turn = 0;
let timer = 0;

/** Wire the remark, and look after every paste. */
export function wireRecognised() {
  note = el("p", { class: "easel-recognised", role: "status", hidden: true });
  blockOf(named("prompt")).append(note);
  for (const name of PROMPTS) {
    areaOf(name).addEventListener("paste", () => setTimeout(() => lookForStyles(texts())));
    // What was said of a text that has changed since may be wrong.
    areaOf(name).addEventListener("input", () => {
      clearTimeout(timer);
      if (!note.hidden) timer = setTimeout(() => lookForStyles(texts()), REST_MS);
    });
  }
}

/**
 * Say which styles these prompts hold.
 * @param {{prompt?: string, negative_prompt?: string}} prompts
 */
export async function lookForStyles({ prompt = "", negative_prompt = "" }) {
  const mine = ++turn;
  let found = [];
  if (styles().length && (prompt ?? "").trim() + (negative_prompt ?? "").trim()) {
    try {
      found = (await api.recogniseStyles({ prompt: prompt ?? "", negative_prompt: negative_prompt ?? "" })).styles;
    } catch {
      // Only a convenience: without an answer nothing is said.
    }
  }
  if (mine === turn && note) show(found);
}

function show(names) {
  note.hidden = names.length === 0;
  const words = `Holds the ${names.length === 1 ? "style" : "styles"} ${names.join(", ")}`;
  note.replaceChildren(el("span", {}, words), el("button", { type: "button", class: "easel-text-button", onclick: use }, names.length === 1 ? "Use as style" : "Use as styles"));
}

async function use() {
  try {
    const { styles: names, ...rest } = await api.recogniseStyles(texts());
    show([]);
    if (!names.length) return;
    for (const name of [...PROMPTS].reverse()) rewrite(name, rest[name]);
    choose([...chosenStyles().map((style) => style.name), ...names]);
  } catch (error) {
    showError(error.message);
  }
}
