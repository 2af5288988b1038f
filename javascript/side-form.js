// What the forms beside the workbench share (Merge, Extras): sliders beside numbers, and errors at their fields.
import { paint } from "./controls.js";
import { byId, el } from "./dom.js";

/**
 * A slider that follows the number in a block, and the other way round.
 * @param {HTMLElement | null} block
 * @param {[number, number, number]} range ends and step
 * @param {string} label for screen readers, where the block has none
 */
export function addSlider(block, [min, max, step], label) {
  const number = block?.querySelector("input[type=number]");
  if (!number || block.querySelector("input[type=range]")) return;
  const name = block.querySelector("[data-testid=block-info]")?.textContent.trim() ?? label;
  const range = el("input", { type: "range", class: "easel-range", min, max, step, "aria-label": name });
  const follow = () => {
    range.value = number.value;
    paint(range);
  };
  range.addEventListener("input", () => {
    number.value = range.value;
    number.dispatchEvent(new Event("input", { bubbles: true }));
    paint(range);
  });
  number.addEventListener("input", follow);
  block.append(range);
  follow();
}

/**
 * The errors of a form.
 * @param {{form: string, alerts: string, blocks: Object<string, string>}} places ids of the form and of the place of its
 *   errors; fields by the API's names, and the ids of their blocks
 */
export function formErrors({ form, alerts, blocks }) {
  function clear() {
    byId(alerts).replaceChildren();
    for (const input of byId(form).querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  }

  function fail(message, field = null) {
    clear();
    const close = el("button", { type: "button", "aria-label": "Dismiss", onclick: clear }, "×");
    byId(alerts).append(el("div", { class: "easel-alert" }, el("p", {}, message), close));
    const input = byId(blocks[field])?.querySelector("input:not([type=range]), textarea");
    input?.setAttribute("aria-invalid", "true");
    input?.addEventListener("input", () => input.removeAttribute("aria-invalid"), { once: true });
    byId(alerts).scrollIntoView({ block: "nearest" });
  }

  return { clear, fail };
}
