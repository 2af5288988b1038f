// Small helpers for building and finding elements.

/** @returns {HTMLElement | null} */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element: `el("button", {class: "x", onclick: f}, "text", child)`.
 * @param {string} tag
 * @param {Object<string, any>} [attributes] functions become listeners; null, false and undefined are left out
 * @param {...(Node | string | null)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/**
 * Wait until elements are there (Gradio builds the page piece by piece).
 * @param {string[]} ids
 * @returns {Promise<void>}
 */
export function present(ids) {
  const there = () => ids.every((id) => byId(id));
  return new Promise((resolve) => {
    if (there()) return resolve();
    const observer = new MutationObserver(() => {
      if (!there()) return;
      observer.disconnect();
      resolve();
    });
    observer.observe(document.documentElement, { childList: true, subtree: true });
  });
}

/** Put text on the clipboard, also where the page is not served over HTTPS. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return;
  } catch {
    // No permission, or no secure context: the older way.
  }
  const area = el("textarea", { "aria-hidden": "true", style: "position:fixed;opacity:0" });
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Show on a button for a moment that it worked. */
export function confirm(button, text) {
  if (button.dataset.label) return;
  button.dataset.label = button.textContent;
  button.textContent = text;
  setTimeout(() => {
    button.textContent = button.dataset.label;
    delete button.dataset.label;
  }, 1500);
}
