// The lasso: drawn freely, or from corner to corner by clicks; its inside is filled.
import { rounded } from "./strokes.js";

/** CSS pixels: less is a click, and so near to the first corner closes the area. */
const SLACK = 6;

/** Corners set by clicks so far, by board. */
const drafts = new WeakMap();

/** What a press with the lasso starts. */
export function lassoGesture(board, screen, event, erase) {
  const place = (sample) => board.view.toPicture(screen.place(sample));
  const start = place(event);
  const draft = drafts.get(board) ?? { corners: [], erase };
  const near = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) * board.view.scale < SLACK;
  const path = [start];
  const closes = draft.corners.length > 2 && near(start, draft.corners[0]);
  return {
    move(moved) {
      const samples = moved.getCoalescedEvents?.() ?? [];
      for (const sample of samples.length ? samples : [moved]) path.push(place(sample));
      screen.outline([...draft.corners, ...path]);
    },
    end() {
      const drawn = path.some((point) => !near(point, start));
      draft.corners.push(...(drawn ? path : closes ? [] : [start]));
      drafts.set(board, draft);
      if (closes || (drawn && draft.corners.length === path.length)) closeLasso(board, screen);
      else screen.outline(draft.corners);
    },
    cancel: () => screen.outline(draft.corners),
  };
}

/** Fill the area that the corners enclose. @returns {boolean} whether there was one */
export function closeLasso(board, screen) {
  const draft = drafts.get(board);
  dropLasso(board, screen);
  if (!draft || draft.corners.length < 3) return false;
  const points = draft.corners.flatMap(({ x, y }) => [rounded(x), rounded(y)]);
  board.perform({ kind: "area", erase: draft.erase, colour: board.colour, points });
  return true;
}

/** Take the corners back. @returns {boolean} whether there were any */
export function dropLasso(board, screen) {
  screen.outline(null);
  return drafts.delete(board);
}

/** A double click closes; another tool, or another picture, takes the corners back. */
export function wireLasso(board, screen) {
  screen.stage.addEventListener("dblclick", () => board.settings.tool === "lasso" && closeLasso(board, screen));
  board.watch((what) => {
    if (what === "picture" || (what === "tool" && board.settings.tool !== "lasso")) dropLasso(board, screen);
  });
}
