// A picture's memory in square tiles: what an operation touches is copied before, and undo swaps the copies in.
import { united } from "./brushes.js";

const SIDE = 256;

/** @typedef {Map<number, Uint8ClampedArray>} Patch copies of tiles by their number */

export class Tiles {
  /** @param {ImageData} image */
  constructor({ data, width, height }) {
    Object.assign(this, { data, width, height, columns: Math.ceil(width / SIDE) });
  }

  /** @returns {number[]} the tiles that a rectangle touches */
  touching({ left, top, right, bottom }) {
    const found = [];
    for (let row = Math.floor(top / SIDE); row * SIDE < bottom; row += 1) {
      for (let column = Math.floor(left / SIDE); column * SIDE < right; column += 1) found.push(row * this.columns + column);
    }
    return found;
  }

  /** @returns {import("./brushes.js").Rect} */
  box(tile) {
    const [left, top] = [(tile % this.columns) * SIDE, Math.floor(tile / this.columns) * SIDE];
    return { left, top, right: Math.min(this.width, left + SIDE), bottom: Math.min(this.height, top + SIDE) };
  }

  /** Add the tiles of a rectangle to a patch, as they are now; those that it has stay as they are. */
  save(patch, rect) {
    for (const tile of this.touching(rect)) if (!patch.has(tile)) patch.set(tile, this.#copy(tile));
  }

  /** Exchange memory and patch. @returns {import("./brushes.js").Rect | null} what changed */
  swap(patch) {
    let changed = null;
    for (const [tile, pixels] of patch) {
      const box = this.box(tile);
      const row = 4 * (box.right - box.left);
      patch.set(tile, this.#copy(tile));
      for (let y = box.top; y < box.bottom; y += 1) {
        this.data.set(pixels.subarray((y - box.top) * row, (y - box.top + 1) * row), 4 * (y * this.width + box.left));
      }
      changed = united(changed, box);
    }
    return changed;
  }

  #copy(tile) {
    const { left, top, right, bottom } = this.box(tile);
    const row = 4 * (right - left);
    const copy = new Uint8ClampedArray(row * (bottom - top));
    for (let y = top; y < bottom; y += 1) {
      const at = 4 * (y * this.width + left);
      copy.set(this.data.subarray(at, at + row), (y - top) * row);
    }
    return copy;
  }
}
