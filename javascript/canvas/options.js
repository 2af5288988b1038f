// The panel behind the options button: the brush's edge, the pen, and how the mask is shown.
import { el } from "../dom.js";
import { check, slider, well } from "./controls.js";
import { iconButton } from "./icons.js";

const percent = (value) => `${Math.round(100 * value)}%`;
const same = (value) => value;

/** @returns {HTMLElement} the button with its panel */
export function optionsButton(board) {
  const panel = el("div", { class: "easel-painter-panel", role: "group", "aria-label": "Brush and mask", hidden: true });
  const button = iconButton("options", "Brush and mask options", null, () => open(panel.hidden), { "aria-expanded": "false" });
  const holder = el("div", { class: "easel-painter-options" }, button, panel);

  function open(on) {
    panel.hidden = !on;
    button.setAttribute("aria-expanded", String(on));
  }

  holder.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || panel.hidden) return;
    event.preventDefault();
    open(false);
    button.focus();
  });
  // A press anywhere else closes it, and paints at once.
  const outside = (event) => {
    if (!holder.isConnected) return document.removeEventListener("pointerdown", outside, { capture: true });
    if (!holder.contains(event.target)) open(false);
  };
  document.addEventListener("pointerdown", outside, { capture: true });

  const overlay = (changes) => board.set({ overlay: { ...board.settings.overlay, ...changes } });
  const soft = slider({
    label: "Soft edge",
    from: (share) => 1 - share,
    to: (hardness) => 1 - hardness,
    write: (hardness) => percent(1 - hardness),
    change: (hardness) => board.set({ hardness }),
  });
  const pressure = check("A pen's pressure changes the width", (on) => board.set({ pressure: on }));
  const opacity = slider({
    label: board.mode === "mask" ? "Mask shows" : "Paint shows",
    from: same,
    to: same,
    write: percent,
    change: (value) => overlay({ opacity: value }),
  });
  const colour = well("Colour of the mask on the screen", (value) => overlay({ colour: value }));
  const striped = check("Stripes", (on) => overlay({ striped: on }));
  const mask = board.mode === "mask";
  panel.append(soft.node, pressure.node, opacity.node);
  if (mask) panel.append(el("div", { class: "easel-painter-line" }, el("span", {}, "Mask colour"), colour.node, striped.node));

  const show = () => {
    const { settings } = board;
    soft.show(settings.hardness);
    pressure.show(settings.pressure);
    opacity.show(settings.overlay.opacity);
    colour.show(settings.overlay.colour);
    striped.show(settings.overlay.striped);
  };
  board.watch((what) => what === "tool" && show());
  show();
  return holder;
}
