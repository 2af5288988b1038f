// The painter: a picture that one paints a mask or colours on, or puts a frame around. The other files are its parts.
//
//   board.js     what is worked on            strokes.js  what was done: undo, redo, JSON
//   layer.js     the painted pixels           brushes.js  how much of a pixel a stroke covers
//   view.js      zoom and pan                 screen.js   drawing it all on the stage
//   pointers.js, lasso.js, dropper.js, keys.js, files.js  what a person does
//   tools.js, options.js, controls.js, icons.js, frame.js what a person sees
import { el } from "../dom.js";
import { Board } from "./board.js";
import { readPicture, wireFiles } from "./files.js";
import { wireFrame } from "./frame.js";
import { icon } from "./icons.js";
import { wireKeys } from "./keys.js";
import { wireLasso } from "./lasso.js";
import { colourPng, greyPng } from "./png.js";
import { wirePointers } from "./pointers.js";
import { Screen } from "./screen.js";
import { corners, toolbar } from "./tools.js";

const LABELS = {
  view: "Picture",
  mask: "Picture: paint over what is to be redrawn",
  sketch: "Picture: paint on it",
  "colour-mask": "Picture: paint where it is to be redrawn, in the colours it should have",
  outpaint: "Picture: drag its sides outwards to add to it",
};

/**
 * Put a painter into an element.
 * @param {HTMLElement} host
 * @param {{mode: import("./board.js").Mode, onChange?: (what: string, detail?: any) => void}} options `onChange` hears
 *   "picture" (a person chose, dropped, pasted or removed one), "strokes", "frame", "view", "tool", and "error" with a sentence
 */
export function createPainter(host, { mode, onChange = () => {} }) {
  const board = new Board(mode);
  const screen = new Screen(board);
  const ends = new AbortController();
  const held = { space: false };
  let asked = 0;
  let kept = null;

  const files = wireFiles(host, take, ends.signal);
  const problem = el("p", { class: "easel-painter-problem", role: "alert", hidden: true });
  const said = el("p", { class: "easel-hidden", role: "status" });
  const choose = el("button", { type: "button", class: "easel-button easel-button-main", onclick: files.choose }, "Choose a picture");
  const hint = el("p", {}, "or drop one here, or paste it");
  const empty = el("div", { class: "easel-painter-empty" }, icon("picture"), choose, hint);
  const tools = toolbar(board, { choose: files.choose, remove });
  screen.stage.setAttribute("aria-label", LABELS[mode]);
  const overlaid = corners(board);
  host.classList.add("easel-painter");
  host.dataset.mode = mode;
  host.append(tools, el("div", { class: "easel-painter-body" }, screen.stage, ...overlaid, empty), problem, said);

  wirePointers(board, screen, held);
  wireLasso(board, screen);
  wireKeys(board, screen, host, held, ends.signal);
  if (board.frames) wireFrame(board, screen);
  board.watch((what, data) => {
    if (what === "pixels") return;
    if (what === "said") said.textContent = data;
    if (["strokes", "frame", "view", "tool"].includes(what)) onChange(what);
    show();
  });
  show();

  function show() {
    const holds = Boolean(board.picture) && (board.paints || !board.view.fits);
    screen.stage.toggleAttribute("data-holds", holds);
    screen.stage.dataset.tool = board.paints ? board.settings.tool : "";
    empty.hidden = Boolean(board.picture);
    for (const node of [screen.stage, tools, ...overlaid]) node.hidden = !board.picture;
  }

  function complain(sentence) {
    problem.textContent = sentence ?? "";
    problem.hidden = !sentence;
    if (sentence) onChange("error", sentence);
  }

  /** A person brings a picture. */
  async function take(source) {
    try {
      await load(source);
      onChange("picture");
    } catch (error) {
      complain(error.message);
    }
  }

  /** A person takes it away. */
  function remove() {
    clear();
    choose.focus();
    onChange("picture");
  }

  async function load(source, { keep = false } = {}) {
    const turn = (asked += 1);
    const { bitmap, blob } = await readPicture(source);
    if (turn !== asked) return bitmap.close(); // Another one was asked for meanwhile.
    complain(null);
    board.setPicture(bitmap, blob, keep);
    board.changed("picture");
    if (kept) await restore(kept);
  }

  function clear() {
    asked += 1;
    kept = null;
    complain(null);
    board.setPicture(null, null);
    board.changed("picture");
  }

  async function restore(state) {
    kept = board.picture ? null : state;
    await board.restore(state);
  }

  /** The alpha of what was painted, as a mask. In colours an edge's half-covered pixels belong to it, unless it is soft. */
  function maskBytes() {
    const { data } = board.layer.image;
    const soft = mode === "mask" || board.history.done.some(({ kind, hardness }) => kind === "stroke" && hardness < 1);
    const values = new Uint8Array(board.width * board.height);
    for (let at = 0; at < values.length; at += 1) values[at] = soft ? data[4 * at + 3] : data[4 * at + 3] && 255;
    return values;
  }

  return {
    /** Show a picture. `keep`: leave what was painted, if it fits. Throws an Error with a sentence for the user. */
    load,
    /** Show none. */
    clear,
    get hasPicture() {
      return Boolean(board.picture);
    },
    /** @returns {{width: number, height: number} | null} pixels */
    get size() {
      return board.picture && { width: board.width, height: board.height };
    },
    /** @returns {Promise<Blob | null>} a PNG at full resolution, with what was painted in colour */
    async picture() {
      if (!board.picture) return null;
      const sources = board.colours ? [board.picture, board.layer.canvas] : [board.picture];
      return colourPng(board.width, board.height, ...sources);
    },
    /** @returns {Promise<Blob | null>} a grey PNG at full resolution, white where it was painted; null: nowhere */
    async mask() {
      if (!board.picture || !board.masks || board.layer.empty) return null;
      return greyPng(maskBytes(), board.width, board.height);
    },
    /** @returns {Blob | null} the file as it came */
    original: () => board.source,
    /** Use a picture as the mask, white is masked; it can be undone. */
    setMask: (blob) => board.setMask(blob),
    /** @returns {import("./strokes.js").Frame} */
    frame: () => ({ ...board.frame }),
    setFrame(frame) {
      board.setFrame(frame);
      board.fit();
    },
    /** @returns {Object} JSON-able: what was painted, the frame, the view, the tool; not the picture */
    state: () => board.state(),
    /** Take over what `state` gave; before a picture is loaded it waits for it. */
    restore,
    undo: () => board.undo(),
    redo: () => board.redo(),
    /** Take it off the page. */
    destroy() {
      ends.abort();
      screen.observer.disconnect();
      board.setPicture(null, null);
      host.replaceChildren();
    },
  };
}
