// Mouse, pen and fingers on the stage. One gesture at a time: paint, lasso, pick a colour, move the picture, pinch.
import { pickColour } from "./dropper.js";
import { lassoGesture } from "./lasso.js";
import { rounded } from "./strokes.js";

const RIGHT_BUTTON = 2;
const MIDDLE_BUTTON = 1;
const ERASER_BUTTON = 5;
/** The thinnest line of a pen, as a share of the brush. */
const LIGHTEST = 0.15;
const nothing = () => {};
const IDLE = { move: nothing, end: nothing, cancel: nothing };

/** @param {import("./board.js").Board} board @param {import("./screen.js").Screen} screen */
export function wirePointers(board, screen, held) {
  const { stage } = screen;
  const down = new Map();
  let gesture = null;
  let pen = false; // is at work: the hand that rests on the screen is no finger
  let last = null; // the end of the last stroke, where Shift+click starts

  board.watch((what) => what === "picture" && (last = null));

  function choose(event) {
    const { tool } = board.settings;
    if (event.pointerType === "touch" && !stage.hasAttribute("data-holds")) return IDLE; // The finger scrolls the page.
    const erase = tool === "eraser" || event.button === RIGHT_BUTTON || event.button === ERASER_BUTTON;
    if (event.button === MIDDLE_BUTTON || held.space || !board.paints) return panning(event);
    if (board.colours && (tool === "dropper" || event.altKey)) return picking(event);
    if (tool === "lasso") return lassoGesture(board, screen, event, erase);
    return painting(event, erase);
  }

  function painting(event, erase) {
    const { size, hardness } = board.settings;
    const points = event.shiftKey && last ? [...last] : [];
    board.begin({ kind: "stroke", erase, size, hardness, colour: board.colour, points });
    let drawn = 0;
    let frame = 0;
    const flush = () => {
      cancelAnimationFrame(frame);
      frame = 0;
      const rect = board.draw(drawn);
      drawn = points.length / 3;
      if (rect) board.changed("pixels", rect);
    };
    const add = (sample, always) => {
      const { x, y } = board.view.toPicture(screen.place(sample));
      const step = Math.max(0.5, size * 0.03);
      const near = points.length && Math.hypot(x - points.at(-3), y - points.at(-2)) < step;
      if (near && !always) return;
      const presses = board.settings.pressure && sample.pointerType === "pen";
      const share = presses ? LIGHTEST + (1 - LIGHTEST) * sample.pressure : 1;
      points.push(rounded(x), rounded(y), Math.round(100 * share) / 100);
    };
    add(event, true);
    flush();
    return {
      move(moved) {
        const samples = moved.getCoalescedEvents?.() ?? [];
        for (const sample of samples.length ? samples : [moved]) add(sample);
        frame ||= requestAnimationFrame(flush);
      },
      end() {
        flush();
        last = points.slice(-3);
        board.commit();
      },
      cancel() {
        cancelAnimationFrame(frame);
        board.cancel();
      },
    };
  }

  function panning(event) {
    let from = screen.place(event);
    stage.dataset.panning = "";
    const stop = () => delete stage.dataset.panning;
    return {
      move(moved) {
        const to = screen.place(moved);
        board.pan(to.x - from.x, to.y - from.y);
        from = to;
      },
      end: stop,
      cancel: stop,
    };
  }

  function picking(event) {
    const pick = (sample) => pickColour(board, board.view.toPicture(screen.place(sample)));
    pick(event);
    return { move: pick, end: () => board.settings.tool === "dropper" && board.set({ tool: "brush" }), cancel() {} };
  }

  /** Two fingers: what lay under them stays under them. */
  function pinching() {
    const measure = () => {
      const [a, b] = [...down.values()];
      return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, apart: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
    };
    let from = measure();
    return {
      ...IDLE,
      move() {
        const to = measure();
        board.pan(to.x - from.x, to.y - from.y);
        board.zoom(to.apart / from.apart, to);
        from = to;
      },
    };
  }

  function press(event) {
    if (!board.picture || (event.pointerType === "touch" && pen)) return;
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    down.set(event.pointerId, screen.place(event));
    if (event.pointerType === "touch" && down.size === 2) {
      gesture?.cancel();
      gesture = pinching();
    } else if (down.size === 1) {
      gesture = choose(event);
      pen = event.pointerType === "pen";
    }
    event.preventDefault();
  }

  function move(event) {
    screen.point(event.pointerType === "touch" ? null : screen.place(event));
    if (!down.has(event.pointerId)) return;
    down.set(event.pointerId, screen.place(event));
    gesture?.move(event);
  }

  function release(event) {
    if (!down.delete(event.pointerId)) return;
    gesture?.end(event);
    pen = false;
    gesture = null; // The second finger of a pinch is not to paint.
    if (event.pointerType === "touch") screen.point(null);
  }

  stage.addEventListener("pointerdown", press);
  stage.addEventListener("pointermove", move);
  stage.addEventListener("pointerup", release);
  stage.addEventListener("pointercancel", release);
  stage.addEventListener("lostpointercapture", release);
  stage.addEventListener("pointerleave", () => !gesture && screen.point(null));
  // Where one finger may scroll the page, two are still ours.
  const two = (event) => board.picture && event.touches.length > 1 && event.cancelable && event.preventDefault();
  stage.addEventListener("touchstart", two, { passive: false });
  stage.addEventListener("contextmenu", (event) => board.picture && event.preventDefault());
  stage.addEventListener("mousedown", (event) => event.button === MIDDLE_BUTTON && event.preventDefault());
}
