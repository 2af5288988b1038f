// The frame around the picture, for outpainting: four sides with handles, and the same as numbers.
import { el } from "../dom.js";
import { number } from "./controls.js";
import { NO_FRAME } from "./strokes.js";

const STEP = 8;
const LARGE_STEP = 64;
/** Pixels on one side; more than a model can paint, and it keeps a slip from making a huge canvas. */
const MOST = 4096;

const SIDES = {
  left: { label: "Left", axis: "x", outwards: -1, more: "ArrowLeft", less: "ArrowRight" },
  right: { label: "Right", axis: "x", outwards: 1, more: "ArrowRight", less: "ArrowLeft" },
  top: { label: "Top", axis: "y", outwards: -1, more: "ArrowUp", less: "ArrowDown" },
  bottom: { label: "Bottom", axis: "y", outwards: 1, more: "ArrowDown", less: "ArrowUp" },
};

const within = (value) => Math.min(MOST, Math.max(0, value));
const snapped = (value, large) => within(Math.round(value / (large ? LARGE_STEP : STEP)) * (large ? LARGE_STEP : STEP));

/** Put the frame on the stage. */
export function wireFrame(board, screen) {
  const area = el("div", { class: "easel-painter-frame", hidden: true });
  const handles = Object.entries(SIDES).map(([side, about]) => handle(board, screen, side, about));
  screen.stage.prepend(area);
  screen.stage.append(...handles.map(({ node }) => node));

  function show() {
    const hidden = !board.picture;
    area.hidden = hidden;
    for (const { node } of handles) node.hidden = hidden;
    if (hidden) return;
    const { left, top, right, bottom } = board.bounds;
    const [from, to] = [board.view.toScreen({ x: left, y: top }), board.view.toScreen({ x: right, y: bottom })];
    Object.assign(area.style, {
      transform: `translate(${from.x}px, ${from.y}px)`,
      width: `${to.x - from.x}px`,
      height: `${to.y - from.y}px`,
    });
    const middle = { x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 };
    for (const { place } of handles) place(from, to, middle);
  }
  board.watch((what) => what !== "pixels" && show());
}

function handle(board, screen, side, { label, axis, outwards, more, less }) {
  const text = el("span", { class: "easel-painter-added" });
  const grip = el("span", { class: "easel-painter-grip" });
  const node = el(
    "div",
    {
      class: "easel-painter-handle",
      "data-side": side,
      role: "slider",
      tabindex: "0",
      "aria-label": `${label}: pixels to add`,
      "aria-valuemin": "0",
      "aria-valuemax": String(MOST),
      title: "Drag; with Shift in steps of 64 pixels",
      hidden: true,
    },
    ...[grip, text],
  );

  node.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || board.current) return;
    event.stopPropagation();
    event.preventDefault();
    node.focus({ preventScroll: true });
    node.setPointerCapture(event.pointerId);
    const before = board.frame;
    const start = screen.place(event)[axis];
    board.begin({ kind: "frame", frame: { ...before } });
    const move = (moved) => {
      const by = (outwards * (screen.place(moved)[axis] - start)) / board.view.scale;
      board.current.frame[side] = snapped(before[side] + by, moved.shiftKey);
      board.changed("view");
    };
    const end = () => {
      node.removeEventListener("pointermove", move);
      if (board.current?.frame[side] === before[side]) return board.cancel();
      board.commit();
      if (board.view.fits) board.fit();
    };
    node.addEventListener("pointermove", move);
    node.addEventListener("lostpointercapture", end, { once: true });
  });

  node.addEventListener("keydown", (event) => {
    const sign = { [more]: 1, [less]: -1 }[event.key];
    if (!sign || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    board.setFrame({ [side]: within(board.frame[side] + sign * (event.shiftKey ? LARGE_STEP : STEP)) });
    if (board.view.fits) board.fit();
  });

  function place(from, to, middle) {
    const edge = outwards < 0 ? from[axis] : to[axis];
    const [x, y] = axis === "x" ? [edge, middle.y] : [middle.x, edge];
    node.style.transform = `translate(${x}px, ${y}px) translate(-50%, -50%)`;
    const added = board.frame[side];
    text.textContent = added ? `+${added}` : "0";
    node.setAttribute("aria-valuenow", String(added));
    node.setAttribute("aria-valuetext", `${added} pixels`);
  }
  return { node, place };
}

/** The four sides as numbers, for exact values. */
export function frameNumbers(board) {
  const fields = Object.entries(SIDES).map(([side, { label }]) => {
    const field = number(label, STEP, (value) => {
      board.setFrame({ [side]: within(value) });
      if (board.view.fits) board.fit();
      show();
    });
    return { side, ...field };
  });
  const show = () => {
    const frame = board.picture ? board.frame : NO_FRAME;
    for (const { side, show: write } of fields) write(frame[side]);
  };
  board.watch((what) => what !== "pixels" && show());
  show();
  return el("div", { class: "easel-painter-group easel-painter-numbers", role: "group", "aria-label": "Pixels to add" }, ...fields.map(({ node }) => node));
}
