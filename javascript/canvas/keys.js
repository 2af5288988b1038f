// Keys and the wheel. They act where the painter has the focus, or the mouse while nobody types elsewhere.
import { closeLasso, dropLasso } from "./lasso.js";

const ZOOM_STEP = 1.25;
/** How much a wheel's notch (100 CSS pixels in most browsers) zooms and grows the brush. */
const WHEEL_ZOOM = 0.0022;
const WHEEL_SIZE = 0.002;
const PAN_STEP = 48;
const TYPING = "textarea, select, [contenteditable], input:not([type=range], [type=checkbox], [type=color])";
const PRESSABLE = "button, a, summary, input, [role=slider]";

/** The next size of the brush: a tenth more or less, at least a pixel. */
export const grown = (size, sign) => size + sign * Math.max(1, Math.round(size * 0.1));

/**
 * @param {import("./board.js").Board} board
 * @param {import("./screen.js").Screen} screen
 * @param {HTMLElement} host
 * @param {{space: boolean}} held is told whether the space bar is down
 * @param {AbortSignal} signal ends it
 */
export function wireKeys(board, screen, host, held, signal) {
  let ctrl = false;

  const mine = () => {
    const active = document.activeElement;
    if (document.querySelector("dialog[open]") && !host.closest("dialog[open]")) return false;
    if (host.contains(active)) return !active.matches(TYPING);
    return host.matches(":hover") && !active?.matches(`${TYPING}, ${PRESSABLE}`);
  };

  const tool = (name, allowed) => allowed && (() => board.set({ tool: name }));
  const pan = (dx, dy) => document.activeElement === screen.stage && (() => board.pan(dx * PAN_STEP, dy * PAN_STEP));

  function plain(key) {
    const { paints, colours, settings } = board;
    return {
      b: tool("brush", paints),
      e: tool(settings.tool === "eraser" ? "brush" : "eraser", paints),
      l: tool("lasso", paints),
      i: tool("dropper", colours),
      f: paints && (() => board.fill()),
      v: board.mode === "mask" && (() => board.invert()),
      "[": paints && (() => board.set({ size: grown(settings.size, -1) })),
      "]": paints && (() => board.set({ size: grown(settings.size, 1) })),
      "+": () => board.zoom(ZOOM_STEP),
      "=": () => board.zoom(ZOOM_STEP),
      "-": () => board.zoom(1 / ZOOM_STEP),
      0: () => board.fit(),
      1: () => board.zoom(1 / (board.view.scale * devicePixelRatio)),
      arrowleft: pan(1, 0),
      arrowright: pan(-1, 0),
      arrowup: pan(0, 1),
      arrowdown: pan(0, -1),
      delete: (paints || board.frames) && (() => board.wipe()),
      enter: document.activeElement === screen.stage && settings.tool === "lasso" && (() => closeLasso(board, screen)),
    }[key];
  }

  function actionOf(event) {
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      if (key === "z") return event.shiftKey ? () => board.redo() : () => board.undo();
      return key === "y" ? () => board.redo() : null;
    }
    return event.altKey || event.ctrlKey || event.metaKey ? null : plain(key);
  }

  function press(event) {
    ctrl = event.ctrlKey;
    if (!board.picture || event.defaultPrevented || event.isComposing || !mine()) return;
    if (event.key === " " && !document.activeElement?.matches(PRESSABLE)) {
      held.space = true;
      screen.stage.dataset.space = "";
      return event.preventDefault();
    }
    if (event.key === "Escape" && dropLasso(board, screen)) return event.preventDefault();
    const action = actionOf(event);
    if (!action) return;
    event.preventDefault();
    action();
  }

  function release(event) {
    ctrl = event.ctrlKey;
    if (event.key === " ") drop();
  }

  function drop() {
    held.space = false;
    delete screen.stage.dataset.space;
  }

  function wheel(event) {
    if (!board.picture) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 33 : 1;
    const delta = (event.deltaY || event.deltaX) * lines; // With Shift some browsers turn the wheel sideways.
    // A pinch on a touchpad comes as a wheel with Ctrl that nobody presses.
    const pinch = event.ctrlKey && !ctrl;
    if ((event.shiftKey || event.ctrlKey) && !pinch) {
      const { size } = board.settings;
      const next = Math.round(size * Math.exp(-delta * WHEEL_SIZE));
      if (board.paints) board.set({ size: next === size ? size - Math.sign(delta) : next });
    } else board.zoom(Math.exp(-delta * (pinch ? 4 : 1) * WHEEL_ZOOM), screen.place(event));
  }

  document.addEventListener("keydown", press, { signal });
  document.addEventListener("keyup", release, { signal });
  addEventListener("blur", drop, { signal });
  screen.stage.addEventListener("wheel", wheel, { passive: false });
}
