// Small controls of the painter: a slider with its value, a switch, a number.
import { el } from "../dom.js";

let made = 0;
/** An id for a control and its label. */
const fresh = () => `easel_painter_${(made += 1)}`;

/**
 * A slider. Its places 0 to 1 need not lie evenly on the values: see `from` and `to`.
 * @param {{label: string, hint?: string, from: (share: number) => number, to: (value: number) => number,
 *   write: (value: number) => string, change: (value: number) => void}} options
 * @returns {{node: HTMLElement, show: (value: number) => void}}
 */
export function slider({ label, hint, from, to, write, change }) {
  const id = fresh();
  const range = el("input", { type: "range", id, class: "easel-range", min: "0", max: "1", step: "0.005", title: hint });
  const shown = el("span", { class: "easel-painter-value", "aria-hidden": "true" });
  range.addEventListener("input", () => change(from(Number(range.value))));
  const node = el("div", { class: "easel-painter-slider" }, el("label", { for: id }, label), range, shown);
  const show = (value) => {
    const share = Math.min(1, Math.max(0, to(value)));
    if (document.activeElement !== range || Math.abs(from(Number(range.value)) - value) > 1e-6) range.value = share;
    range.style.setProperty("--easel-share", `${100 * share}%`);
    range.setAttribute("aria-valuetext", write(value));
    shown.textContent = write(value);
  };
  return { node, show };
}

/** @returns {{node: HTMLElement, show: (on: boolean) => void}} a check box with its words */
export function check(label, change) {
  const id = fresh();
  const box = el("input", { type: "checkbox", id });
  box.addEventListener("change", () => change(box.checked));
  return { node: el("label", { class: "easel-painter-check", for: id }, box, label), show: (on) => (box.checked = on) };
}

/** @returns {{node: HTMLElement, show: (colour: string) => void}} a well of colour */
export function well(label, change) {
  const input = el("input", { type: "color", class: "easel-painter-well", "aria-label": label, title: label });
  input.addEventListener("input", () => change(input.value));
  return { node: input, show: (colour) => (input.value = colour) };
}

/** @returns {{node: HTMLElement, show: (value: number) => void}} a whole number, taken when it is complete */
export function number(label, step, change) {
  const id = fresh();
  const input = el("input", { type: "number", id, min: "0", step: String(step), inputmode: "numeric" });
  input.addEventListener("change", () => change(Number(input.value)));
  return {
    node: el("div", { class: "easel-painter-number" }, el("label", { for: id }, label), input),
    show: (value) => (input.value = String(value)),
  };
}
