// The toolbar above the stage, and the zoom buttons on it. What a mode has no use for is not there.
import { el } from "../dom.js";
import { slider, well } from "./controls.js";
import { frameNumbers } from "./frame.js";
import { iconButton } from "./icons.js";
import { optionsButton } from "./options.js";

const ZOOM_STEP = 1.25;

const group = (label, ...children) => el("div", { class: "easel-painter-group", role: "group", "aria-label": label }, ...children);

/**
 * @param {import("./board.js").Board} board
 * @param {{choose: () => void, remove: () => void}} actions
 * @returns {HTMLElement}
 */
export function toolbar(board, actions) {
  const bar = el("div", { class: "easel-painter-tools" });
  if (board.paints) bar.append(...painting(board));
  if (board.frames) bar.append(frameNumbers(board));
  if (board.paints || board.frames) bar.append(history(board));
  bar.append(
    group(
      "Picture",
      iconButton("open", "Another picture", null, actions.choose),
      iconButton("remove", "Remove the picture", null, actions.remove),
    ),
  );
  return bar;
}

function painting(board) {
  const tools = {
    brush: iconButton("brush", "Brush", "B", () => board.set({ tool: "brush" })),
    eraser: iconButton("eraser", "Eraser", "E", () => board.set({ tool: "eraser" })),
    lasso: iconButton("lasso", "Lasso: fill an area", "L", () => board.set({ tool: "lasso" })),
  };
  if (board.colours) tools.dropper = iconButton("dropper", "Eyedropper", "I", () => board.set({ tool: "dropper" }));
  const colour = board.colours ? well("Colour of the brush", (value) => board.set({ colour: value })) : null;
  // Small brushes need finer steps than large ones: the slider runs over the square root.
  const size = slider({
    label: "Size",
    hint: "Size of the brush ([ and ], or Shift and the wheel)",
    from: (share) => Math.max(1, Math.round(share * share * board.largest)),
    to: (value) => Math.sqrt(value / board.largest),
    write: (value) => `${value} px`,
    change: (value) => board.set({ size: value }),
  });
  const show = () => {
    const { settings } = board;
    for (const [name, button] of Object.entries(tools)) button.setAttribute("aria-pressed", String(settings.tool === name));
    colour?.show(settings.colour);
    size.show(settings.size);
  };
  board.watch((what) => (what === "tool" || what === "picture") && show());
  show();
  const options = optionsButton(board);
  return [group("Tools", ...Object.values(tools), colour?.node), group("Brush", size.node, options)];
}

function history(board) {
  const undo = iconButton("undo", "Undo", "Ctrl+Z", () => board.undo());
  const redo = iconButton("redo", "Redo", "Ctrl+Shift+Z", () => board.redo());
  const invert = iconButton("invert", "Invert the mask", "V", () => board.invert());
  const fill = iconButton("fill", board.mode === "mask" ? "Mask everything" : "Fill all", "F", () => board.fill());
  const clear = iconButton("clear", board.frames ? "Take the frame away" : "Clear", "Del", () => board.wipe());
  const show = () => {
    undo.disabled = !board.history.canUndo;
    redo.disabled = !board.history.canRedo;
  };
  board.watch((what) => (what === "strokes" || what === "frame" || what === "picture") && show());
  show();
  const all = [undo, redo, board.mode === "mask" && invert, board.paints && fill, clear];
  return group("Changes", ...all.filter(Boolean));
}

/** The buttons in the stage's corner, and the picture's size in the other. */
export function corners(board) {
  const share = el("button", {
    type: "button",
    class: "easel-painter-share",
    title: "One pixel of the picture on one of the screen (1)",
    onclick: () => board.zoom(1 / (board.view.scale * devicePixelRatio)),
  });
  const size = el("p", { class: "easel-painter-size" });
  const show = () => {
    const percent = `${Math.round(board.view.scale * devicePixelRatio * 100)}%`;
    share.textContent = percent;
    share.setAttribute("aria-label", `Zoom: ${percent}. Show at 100%`);
    const { left, top, right, bottom } = board.bounds;
    size.textContent = `${right - left} × ${bottom - top}`;
  };
  board.watch((what) => what !== "pixels" && show());
  show();
  const zoom = group(
    "Zoom",
    iconButton("farther", "Zoom out", "-", () => board.zoom(1 / ZOOM_STEP)),
    share,
    iconButton("closer", "Zoom in", "+", () => board.zoom(ZOOM_STEP)),
    iconButton("fit", "Show all", "0", () => board.fit()),
  );
  zoom.classList.add("easel-painter-zoom");
  return [size, zoom];
}
