// The painted layer: pixels at the picture's full resolution, changed one operation at a time.
//
// The pixels live in memory of our own; a canvas only shows them. So nothing is ever read back from the graphics
// card, a mask is exact to the byte, and undo swaps the touched tiles with their copies from before.
import { coverArea, coverStroke } from "./brushes.js";
import { Tiles } from "./tiles.js";

/** Bytes of tiles kept for undo; older operations are undone by drawing the rest anew. */
const UNDO_BYTES = 192 * 2 ** 20;

export class Layer {
  /**
   * @param {number} width
   * @param {number} height
   * @param {boolean} crisp hard brushes without half-covered pixels
   */
  constructor(width, height, crisp) {
    Object.assign(this, { width, height });
    this.image = new ImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer); // the same, a pixel at a time
    this.plane = { width, height, crisp, data: new Uint8Array(width * height) };
    this.canvas = document.createElement("canvas");
    Object.assign(this.canvas, { width, height });
    this.context = this.canvas.getContext("2d");
    this.tiles = new Tiles(this.image);
    this.patches = new Map();
    this.saved = new Map();
    this.bytes = 0;
  }

  get whole() {
    return { left: 0, top: 0, right: this.width, bottom: this.height };
  }

  get empty() {
    const { data } = this.image;
    for (let at = 3; at < data.length; at += 4) if (data[at]) return false;
    return true;
  }

  /**
   * Draw an operation, or what is new of a stroke.
   * @param {import("./strokes.js").Operation} operation
   * @param {number} [from] stroke: the first point that is new
   * @returns {import("./brushes.js").Rect | null} what changed
   */
  draw(operation, from = 0) {
    const { kind, points } = operation;
    if (kind === "stroke") return this.#blend(operation, coverStroke(this.plane, operation, from));
    if (kind === "area") return this.#blend(operation, coverArea(this.plane, points));
    if (kind === "frame") return null;
    this.tiles.save(this.saved, this.whole);
    const { data } = this.image;
    if (kind === "clear") data.fill(0);
    if (kind === "fill") this.words.fill(packed(operation.colour));
    if (kind === "invert") this.#each((at) => 255 - data[4 * at + 3]);
    if (kind === "mask") this.#each((at) => operation.values[at]);
    return this.whole;
  }

  /** The operation is complete: keep what it takes to undo it. */
  commit(operation) {
    this.#keep(operation, this.saved);
    this.#wipe();
  }

  /** Forget the operation that is being drawn. @returns {import("./brushes.js").Rect | null} what changed */
  cancel() {
    const changed = this.tiles.swap(this.saved);
    this.#wipe();
    return changed;
  }

  /**
   * Undo or redo: both are an exchange.
   * @returns {import("./brushes.js").Rect | null | undefined} what changed; undefined: not known any more
   */
  exchange(operation) {
    if (operation.kind === "frame") return null;
    const patch = this.patches.get(operation);
    return patch && this.tiles.swap(patch);
  }

  /** Draw these operations and nothing else. */
  rebuild(operations) {
    this.image.data.fill(0);
    this.patches.clear();
    this.bytes = 0;
    for (const operation of operations) {
      this.draw(operation);
      this.commit(operation);
    }
    this.show(this.whole);
  }

  /** Bring a part of the canvas up to date. */
  show({ left, top, right, bottom }) {
    this.context.putImageData(this.image, 0, 0, left, top, right - left, bottom - top);
  }

  #keep(operation, patch) {
    this.patches.set(operation, patch);
    for (const pixels of patch.values()) this.bytes += pixels.length;
    for (const [oldest, tiles] of this.patches) {
      if (this.bytes <= UNDO_BYTES || oldest === operation) break;
      for (const pixels of tiles.values()) this.bytes -= pixels.length;
      this.patches.delete(oldest);
    }
  }

  /** Make the cover blank again where the operation was. */
  #wipe() {
    for (const tile of this.saved.keys()) {
      const { left, top, right, bottom } = this.tiles.box(tile);
      for (let y = top; y < bottom; y += 1) this.plane.data.fill(0, y * this.width + left, y * this.width + right);
    }
    this.saved = new Map();
  }

  /** Make every pixel white, and as opaque as `value` says. */
  #each(value) {
    const { data } = this.image;
    for (let at = 0; at < this.width * this.height; at += 1) {
      const opacity = value(at);
      data[4 * at] = data[4 * at + 1] = data[4 * at + 2] = 255;
      data[4 * at + 3] = opacity;
    }
  }

  /** Put colour, or the eraser, on what was there before the operation, as far as it covers. */
  #blend({ erase, colour }, rect) {
    if (!rect) return null;
    this.tiles.save(this.saved, rect);
    const { width, words } = this;
    const { data } = this.image;
    const covers = this.plane.data;
    const solid = erase ? 0 : packed(colour);
    for (const tile of this.tiles.touching(rect)) {
      const box = this.tiles.box(tile);
      const before = this.saved.get(tile);
      const [left, right] = [Math.max(rect.left, box.left), Math.min(rect.right, box.right)];
      for (let y = Math.max(rect.top, box.top); y < Math.min(rect.bottom, box.bottom); y += 1) {
        let old = 4 * ((y - box.top) * (box.right - box.left) + left - box.left);
        for (let at = y * width + left; at < y * width + right; at += 1, old += 4) {
          const cover = covers[at];
          if (!cover) continue;
          if (cover === 255) words[at] = solid;
          else if (erase) data[4 * at + 3] = Math.round((before[old + 3] * (255 - cover)) / 255);
          else over(data, 4 * at, before, old, colour, cover);
        }
      }
    }
    return rect;
  }
}

/** Put a colour over a pixel: the usual formula for colours that are not multiplied by their alpha. */
function over(data, at, before, old, [red, green, blue], cover) {
  const under = (before[old + 3] * (255 - cover)) / 255;
  const total = cover + under;
  const share = cover / total;
  data[at] = before[old] + (red - before[old]) * share;
  data[at + 1] = before[old + 1] + (green - before[old + 1]) * share;
  data[at + 2] = before[old + 2] + (blue - before[old + 2]) * share;
  data[at + 3] = total;
}

/** A colour as the bytes of one opaque pixel, in the machine's order. */
function packed(colour) {
  return new Uint32Array(new Uint8Array([...colour, 255]).buffer)[0];
}
