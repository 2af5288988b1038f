// The stage on the screen: the picture and what is painted, each on a canvas as large as the stage, and the cursor.
//
// The picture is drawn when the view changes. Painting redraws only the part of the upper canvas that it touched.
import { el } from "../dom.js";
import { united } from "./brushes.js";

const SVG = "http://www.w3.org/2000/svg";
/** Pixels of the picture are shown as squares from this many device pixels on. */
const SQUARES = 3;
const STRIPE = 7;

export class Screen {
  /** @param {import("./board.js").Board} board */
  constructor(board) {
    this.board = board;
    this.paper = el("div", { class: "easel-painter-paper" });
    this.picture = el("canvas", { class: "easel-painter-picture" });
    this.ink = el("canvas", { class: "easel-painter-ink" });
    this.lasso = document.createElementNS(SVG, "svg");
    this.lasso.setAttribute("class", "easel-painter-lasso");
    this.cursor = el("div", { class: "easel-painter-cursor", hidden: true });
    this.stage = el(
      "div",
      { class: "easel-painter-stage", role: "application", tabindex: "0", "data-tool": "" },
      ...[this.paper, this.picture, this.ink, this.lasso, this.cursor],
    );
    this.dirty = null;
    this.moved = true;
    this.waiting = 0;
    this.pointer = null;
    board.watch((what, data) => this.#hear(what, data));
    this.observer = new ResizeObserver(() => this.#resize());
    this.observer.observe(this.stage);
  }

  /** A place of an event, in CSS pixels from the stage's corner. */
  place({ clientX, clientY }) {
    const { left, top } = this.stage.getBoundingClientRect();
    return { x: clientX - left - this.stage.clientLeft, y: clientY - top - this.stage.clientTop };
  }

  /** Show the brush at a place, or nowhere (null). */
  point(place) {
    this.pointer = place;
    this.#ask();
  }

  /** Show the outline of an area that is being drawn: places of the picture, or none (null). */
  outline(points) {
    this.outlined = points;
    this.#ask();
  }

  #hear(what, data) {
    if (what === "pixels" && data) {
      this.board.layer.show(data);
      this.dirty = united(this.dirty, data);
    }
    if (what === "picture" || what === "view" || what === "tool" || what === "frame") this.moved = true;
    this.#ask();
  }

  #ask() {
    this.waiting ||= requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw();
    });
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    const { board } = this;
    if (!width || !height) return;
    board.view.resize(width, height);
    for (const canvas of [this.picture, this.ink]) {
      canvas.width = Math.round(width * devicePixelRatio);
      canvas.height = Math.round(height * devicePixelRatio);
    }
    if (board.view.fits) board.fit();
    else board.changed("view");
    this.moved = true;
    this.draw(); // At once: a canvas that was given a size is blank until it is drawn.
  }

  /** Bring the screen up to date. */
  draw() {
    const { board } = this;
    if (this.moved) {
      this.#drawPicture();
      this.dirty = board.layer?.whole ?? null;
    }
    if (this.dirty && board.layer) this.#drawInk(this.dirty);
    if (!board.layer) this.ink.getContext("2d").clearRect(0, 0, this.ink.width, this.ink.height);
    this.#drawLasso();
    this.#drawCursor();
    Object.assign(this, { moved: false, dirty: null });
  }

  /** The picture's place in device pixels. */
  #target() {
    const { view, width, height } = this.board;
    const ratio = devicePixelRatio;
    return [view.x, view.y, width * view.scale, height * view.scale].map((value) => value * ratio);
  }

  #drawPicture() {
    const { board } = this;
    const context = this.picture.getContext("2d");
    context.clearRect(0, 0, this.picture.width, this.picture.height);
    this.paper.hidden = !board.picture;
    this.ink.style.opacity = board.settings.overlay.opacity;
    if (!board.picture) return;
    const { view } = board;
    Object.assign(this.paper.style, {
      transform: `translate(${view.x}px, ${view.y}px)`,
      width: `${board.width * view.scale}px`,
      height: `${board.height * view.scale}px`,
    });
    context.imageSmoothingEnabled = view.scale * devicePixelRatio < SQUARES;
    context.imageSmoothingQuality = "high";
    context.drawImage(board.picture, ...this.#target());
  }

  #drawInk(rect) {
    const { board, ink } = this;
    const { view, settings } = board;
    const context = ink.getContext("2d");
    const ratio = devicePixelRatio;
    const [from, to] = [view.toScreen({ x: rect.left, y: rect.top }), view.toScreen({ x: rect.right, y: rect.bottom })];
    const [left, top] = [Math.floor(from.x * ratio) - 2, Math.floor(from.y * ratio) - 2];
    const [right, bottom] = [Math.ceil(to.x * ratio) + 2, Math.ceil(to.y * ratio) + 2];
    context.save();
    context.beginPath();
    if (this.moved) context.rect(0, 0, ink.width, ink.height);
    else context.rect(left, top, right - left, bottom - top);
    context.clip();
    context.clearRect(0, 0, ink.width, ink.height);
    context.imageSmoothingEnabled = view.scale * ratio < SQUARES;
    context.drawImage(board.layer.canvas, ...this.#target());
    if (board.mode === "mask") {
      context.globalCompositeOperation = "source-in";
      context.fillStyle = settings.overlay.striped ? this.#stripes(context) : settings.overlay.colour;
      context.fillRect(0, 0, ink.width, ink.height);
    }
    context.restore();
  }

  /** Diagonal stripes, which move with the picture but do not grow with it. */
  #stripes(context) {
    const side = Math.round(STRIPE * devicePixelRatio) * 2;
    const tile = new OffscreenCanvas(side, side);
    const pen = tile.getContext("2d");
    pen.fillStyle = this.board.settings.overlay.colour;
    pen.globalAlpha = 0.45;
    pen.fillRect(0, 0, side, side);
    pen.globalAlpha = 1;
    for (const shift of [-side, 0, side]) {
      pen.beginPath();
      pen.moveTo(shift, side);
      pen.lineTo(shift + side, 0);
      pen.lineTo(shift + side * 1.5, 0);
      pen.lineTo(shift + side / 2, side);
      pen.fill();
    }
    const pattern = context.createPattern(tile, "repeat");
    pattern.setTransform(new DOMMatrix().translate(...this.#target().slice(0, 2)));
    return pattern;
  }

  #drawLasso() {
    const points = this.outlined?.map((point) => this.board.view.toScreen(point));
    const path = points?.map(({ x, y }, at) => `${at ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    const shapes = ["easel-painter-lasso-under", "easel-painter-lasso-over"].map((name) => `<path class="${name}" d="${path}" />`);
    this.lasso.innerHTML = path ? shapes.join("") : "";
  }

  #drawCursor() {
    const { board, pointer } = this;
    const { tool, size } = board.settings;
    const round = board.paints && (tool === "brush" || tool === "eraser");
    this.cursor.hidden = !pointer || !board.picture || !round;
    if (this.cursor.hidden) return;
    const across = Math.max(5, size * board.view.scale);
    Object.assign(this.cursor.style, {
      width: `${across}px`,
      height: `${across}px`,
      transform: `translate(${pointer.x - across / 2}px, ${pointer.y - across / 2}px)`,
    });
  }
}
