// What is worked on: the picture, what is painted on it, the tool in hand. Changed by methods, watched by the views.
import { Layer } from "./layer.js";
import { dataUrl, maskValues } from "./png.js";
import { History, NO_FRAME } from "./strokes.js";
import { View } from "./view.js";

/** @typedef {"view" | "mask" | "sketch" | "colour-mask" | "outpaint"} Mode */

const WHITE = [255, 255, 255];
/** CSS pixels around a picture that fits; a frame needs room for its handles and numbers. */
const MARGIN = 16;
const FRAME_MARGIN = 68;
const SIDES = ["left", "right", "top", "bottom"];

/** What a person set; kept with the state. */
const STANDARD = {
  tool: "brush",
  size: 48,
  hardness: 1,
  pressure: true,
  colour: "#cf7a2b",
  overlay: { colour: "#e0402f", opacity: 0.6, striped: true },
};

export class Board {
  /** @type {ImageBitmap | null} */
  picture = null;
  /** @type {Blob | null} the file as it came */
  source = null;
  /** @type {Layer | null} */
  layer = null;
  history = new History();
  view = new View();
  settings = structuredClone(STANDARD);
  /** @type {import("./strokes.js").Operation | null} what is being drawn now */
  current = null;
  #listeners = new Set();
  #sized = false;

  /** @param {Mode} mode */
  constructor(mode) {
    this.mode = mode;
    this.masks = mode === "mask" || mode === "colour-mask";
    this.colours = mode === "sketch" || mode === "colour-mask";
    this.paints = this.masks || this.colours;
    this.frames = mode === "outpaint";
    if (this.colours) this.settings.overlay = { ...this.settings.overlay, opacity: 1, striped: false };
  }

  /** Call `listener(what, data)` after every change; `what`: picture, pixels (a Rect), strokes, frame, view, tool, said (words). */
  watch(listener) {
    this.#listeners.add(listener);
  }

  changed(what, data) {
    for (const listener of this.#listeners) listener(what, data);
  }

  get width() {
    return this.picture?.width ?? 0;
  }

  get height() {
    return this.picture?.height ?? 0;
  }

  /** The picture with its frame, in the picture's pixels. */
  get bounds() {
    const { left, right, top, bottom } = this.frame;
    return { left: -left, top: -top, right: this.width + right, bottom: this.height + bottom };
  }

  get frame() {
    return this.current?.frame ?? (this.frames ? this.history.frame : NO_FRAME);
  }

  /** The largest brush: half of the picture. */
  get largest() {
    return Math.max(64, Math.round(Math.max(this.width, this.height) / 2));
  }

  /** Work on another picture, or on none. What was painted goes, unless it is to stay and fits. */
  setPicture(bitmap, source, keep = false) {
    const stays = keep && bitmap && bitmap.width === this.width && bitmap.height === this.height;
    this.picture?.close();
    Object.assign(this, { picture: bitmap, source, current: null });
    if (stays) return;
    this.history.clear();
    this.layer = bitmap && this.paints ? new Layer(bitmap.width, bitmap.height, this.mode === "mask") : null;
    if (bitmap && !this.#sized) this.settings.size = Math.max(4, Math.round(Math.max(this.width, this.height) * 0.07));
    this.fit();
  }

  /** Start a stroke, an area or a frame. */
  begin(operation) {
    this.current = operation;
  }

  /** Draw what is new of it. @returns {import("./brushes.js").Rect | null} what changed */
  draw(from = 0) {
    return this.layer?.draw(this.current, from) ?? null;
  }

  /** It is done and can be undone. */
  commit() {
    this.layer?.commit(this.current);
    this.history.push(this.current);
    const what = this.current.kind === "frame" ? "frame" : "strokes";
    this.current = null;
    this.changed(what);
  }

  /** It is not to be. */
  cancel() {
    const rect = this.layer?.cancel();
    this.current = null;
    if (rect) this.changed("pixels", rect);
  }

  /** Do something that is done at once: fill, clear, invert, an area, an uploaded mask, a frame. */
  perform(operation) {
    if (!this.picture || this.current) return;
    this.begin(operation);
    const rect = this.draw();
    if (rect) this.changed("pixels", rect);
    this.commit();
  }

  fill() {
    this.perform({ kind: "fill", colour: this.colour });
    this.changed("said", "All is painted.");
  }

  invert() {
    this.perform({ kind: "invert" });
    this.changed("said", "The mask is inverted.");
  }

  /** Take everything away that was painted, or the frame; this too can be undone. */
  wipe() {
    this.perform(this.frames ? { kind: "frame", frame: { ...NO_FRAME } } : { kind: "clear" });
    this.changed("said", "Cleared.");
  }

  /** @param {Partial<import("./strokes.js").Frame>} sides */
  setFrame(sides) {
    const frame = { ...this.frame };
    for (const side of SIDES) if (side in sides) frame[side] = Math.max(0, Math.round(Number(sides[side]) || 0));
    if (SIDES.some((side) => frame[side] !== this.frame[side])) this.perform({ kind: "frame", frame });
  }

  /** @param {Blob} blob white is masked. Throws an Error with a sentence where it is no picture. */
  async setMask(blob) {
    if (!this.picture || this.mode !== "mask") return;
    const operation = { kind: "mask", data: await dataUrl(blob) };
    try {
      await this.#decode(operation);
    } catch {
      throw new Error("This mask is no picture that the browser can read. PNG, JPEG and WebP work everywhere.");
    }
    this.perform(operation);
    this.changed("said", "The mask was taken over.");
  }

  undo() {
    this.#step(this.current ? null : this.history.undo(), "Undone.");
  }

  redo() {
    this.#step(this.current ? null : this.history.redo(), "Done again.");
  }

  #step(operation, words) {
    if (!operation) return;
    let rect = this.layer?.exchange(operation);
    if (rect === undefined && this.layer) {
      this.layer.rebuild(this.history.done);
      rect = this.layer.whole;
    }
    if (rect) this.changed("pixels", rect);
    this.changed(operation.kind === "frame" ? "frame" : "strokes");
    this.changed("said", words);
  }

  /** The colour that the brush paints with. */
  get colour() {
    if (!this.colours) return WHITE;
    return [1, 3, 5].map((at) => parseInt(this.settings.colour.slice(at, at + 2), 16));
  }

  /** @param {Object} changes of the settings */
  set(changes) {
    if ("size" in changes) {
      this.#sized = true;
      changes.size = Math.min(this.largest, Math.max(1, Math.round(changes.size) || 1));
    }
    Object.assign(this.settings, changes);
    this.changed("tool");
  }

  fit() {
    this.view.fits = true; // Also where there is no room yet: in a tab that is not open.
    if (!this.picture || !this.view.width) return;
    this.view.fit(this.bounds, this.frames ? FRAME_MARGIN : MARGIN);
    this.changed("view");
  }

  /** Zoom about a place of the screen; without one, about the middle. */
  zoom(factor, place = { x: this.view.width / 2, y: this.view.height / 2 }) {
    if (!this.picture) return;
    this.view.zoom(factor, place, this.bounds);
    this.changed("view");
  }

  pan(dx, dy) {
    if (!this.picture) return;
    this.view.pan(dx, dy, this.bounds);
    this.changed("view");
  }

  /** Plain data: everything but the picture. */
  state() {
    const { width, height } = this;
    return structuredClone({ size: { width, height }, history: this.history.toJSON(), view: this.view.toJSON(), settings: this.settings });
  }

  /** Take over what `state` gave. What was painted on a picture of another size is left out. */
  async restore(state) {
    const { overlay, ...settings } = structuredClone(state.settings ?? {});
    this.settings = { ...this.settings, ...settings, overlay: { ...this.settings.overlay, ...overlay } };
    this.#sized = "size" in settings;
    this.changed("tool");
    if (!this.picture || state.size?.width !== this.width || state.size?.height !== this.height) return;
    this.current = null;
    this.history.restore(structuredClone(state.history));
    await Promise.all(this.history.operations.filter(({ kind }) => kind === "mask").map((one) => this.#decode(one)));
    this.layer?.rebuild(this.history.done);
    if (!this.view.restore(state.view)) this.fit();
    this.changed("pixels", this.layer?.whole);
    this.changed("view");
    this.changed(this.frames ? "frame" : "strokes");
  }

  /** The bytes of an uploaded mask stand beside its operation, out of JSON's sight. */
  async #decode(operation) {
    const blob = await (await fetch(operation.data)).blob();
    const value = await maskValues(blob, this.width, this.height);
    Object.defineProperty(operation, "values", { value, enumerable: false });
  }
}
