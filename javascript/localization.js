// The page in another language: texts that the chosen language has a translation for are put in its words.
import { ask } from "./api.js";

const ATTRIBUTES = ["placeholder", "title", "aria-label"];
/** What people wrote or made is left alone, and so is code. */
const LEFT_ALONE = "textarea, script, style, code, pre, [contenteditable], #easel_gallery, #easel_recipe, .easel-network-name, .easel-completion";

let texts = new Map();

/** Translate the page and what comes into it later, where a language is chosen. */
export async function localize() {
  const { texts: said } = await ask("easel/localization").catch(() => ({ texts: {} }));
  texts = new Map(Object.entries(said));
  if (!texts.size) return;
  translate(document.body);
  new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "characterData") text(target);
      else if (type === "attributes") attributes(target);
      else for (const node of addedNodes) translate(node);
    }
  }).observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES });
}

function translate(node) {
  if (node.nodeType === Node.TEXT_NODE) return text(node);
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  const walker = document.createTreeWalker(node, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let one = walker.currentNode; one; one = walker.nextNode()) {
    if (one.nodeType === Node.TEXT_NODE) text(one);
    else attributes(one);
  }
}

function text(node) {
  const words = node.data.trim();
  const other = words && texts.get(words);
  if (!other || other === words || node.parentElement?.closest(LEFT_ALONE)) return;
  node.data = node.data.replace(words, () => other);
}

function attributes(element) {
  if (element.closest(LEFT_ALONE) && element.tagName !== "TEXTAREA") return;
  for (const name of ATTRIBUTES) {
    const other = texts.get(element.getAttribute(name));
    if (other) element.setAttribute(name, other);
  }
}
