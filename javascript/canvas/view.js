// Where the picture lies on the screen: zoom and pan. Screen places are CSS pixels from the stage's corner.
import { fitted } from "../scale.js";

const MAX_SCALE = 40;
/** CSS pixels of the picture that stay in sight however far it is moved. */
const KEPT = 48;

export class View {
  scale = 1;
  x = 0;
  y = 0;
  width = 0;
  height = 0;
  /** The whole picture is shown, and stays so when the stage changes its size. */
  fits = true;
  kept = null;

  /** @returns {{x: number, y: number}} the place in the picture under a place of the screen */
  toPicture({ x, y }) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  /** @returns {{x: number, y: number}} */
  toScreen({ x, y }) {
    return { x: x * this.scale + this.x, y: y * this.scale + this.y };
  }

  /** Show all of these bounds, in the middle, with a margin. */
  fit(bounds, margin) {
    const [width, height] = [bounds.right - bounds.left, bounds.bottom - bounds.top];
    const room = [this.width - 2 * margin, this.height - 2 * margin].map((side) => Math.max(1, side));
    this.scale = fitted(width, height, ...room).scale;
    this.x = Math.round((this.width - width * this.scale) / 2 - bounds.left * this.scale);
    this.y = Math.round((this.height - height * this.scale) / 2 - bounds.top * this.scale);
    this.fits = true;
    this.kept = null;
  }

  /** Zoom about a place of the screen, which stays where it is. */
  zoom(factor, { x, y }, bounds) {
    const least = Math.min(1, (0.25 * this.width) / (bounds.right - bounds.left), (0.25 * this.height) / (bounds.bottom - bounds.top));
    const scale = Math.min(MAX_SCALE, Math.max(least, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.#settle(bounds);
  }

  /** Move by CSS pixels. */
  pan(dx, dy, bounds) {
    this.x += dx;
    this.y += dy;
    this.#settle(bounds);
  }

  /** The stage has another size: what was in its middle stays there. */
  resize(width, height) {
    if (this.width) {
      this.x += (width - this.width) / 2;
      this.y += (height - this.height) / 2;
    }
    const first = !this.width;
    Object.assign(this, { width, height });
    if (first && this.kept) this.restore(this.kept);
  }

  #settle({ left, top, right, bottom }) {
    this.fits = false;
    this.x = Math.min(this.width - KEPT - left * this.scale, Math.max(KEPT - right * this.scale, this.x));
    this.y = Math.min(this.height - KEPT - top * this.scale, Math.max(KEPT - bottom * this.scale, this.y));
  }

  /** The stage may have another size after a reload: the place in its middle is what is kept. */
  toJSON() {
    if (this.fits) return { fits: true };
    return { fits: false, scale: this.scale, middle: this.toPicture({ x: this.width / 2, y: this.height / 2 }) };
  }

  /** @returns {boolean} whether there was something to take over */
  restore(kept) {
    if (!kept || kept.fits || !(kept.scale > 0) || !Number.isFinite(kept.middle?.x + kept.middle?.y)) return false;
    this.kept = this.width ? null : kept; // Without a size yet, it waits for one.
    this.scale = Math.min(MAX_SCALE, kept.scale);
    this.x = this.width / 2 - kept.middle.x * this.scale;
    this.y = this.height / 2 - kept.middle.y * this.scale;
    this.fits = false;
    return true;
  }
}
