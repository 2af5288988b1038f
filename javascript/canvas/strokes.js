// What was done on the canvas, in order, as plain data: undo, redo, and JSON for a reload.

/**
 * @typedef {Object} Operation one entry; places and sizes are pixels of the picture
 * @property {"stroke" | "area" | "fill" | "clear" | "invert" | "mask" | "frame"} kind
 * @property {boolean} [erase] stroke, area: takes away
 * @property {number} [size] stroke: the diameter
 * @property {number} [hardness] stroke: 0 (soft from the middle) to 1 (a hard edge)
 * @property {[number, number, number]} [colour] stroke, area, fill: 0 to 255
 * @property {number[]} [points] stroke: x, y, share of the size (0 to 1) in turn; area: x, y in turn
 * @property {string} [data] mask: an uploaded one, as a data URL
 * @property {Frame} [frame] frame: what is added around the picture
 *
 * @typedef {{left: number, right: number, top: number, bottom: number}} Frame pixels
 */

export const NO_FRAME = Object.freeze({ left: 0, right: 0, top: 0, bottom: 0 });

/** A tenth of a pixel is kept: what is drawn now and what is drawn after a reload are then the same. */
export const rounded = (value) => Math.round(value * 10) / 10;

const KINDS = new Set(["stroke", "area", "fill", "clear", "invert", "mask", "frame"]);

export class History {
  /** @type {Operation[]} */
  operations = [];
  /** How many of them hold; the others were undone. */
  place = 0;

  /** @returns {Operation[]} those that hold */
  get done() {
    return this.operations.slice(0, this.place);
  }

  get canUndo() {
    return this.place > 0;
  }

  get canRedo() {
    return this.place < this.operations.length;
  }

  /** @returns {Frame} as the last operation left it */
  get frame() {
    return this.done.findLast((operation) => operation.kind === "frame")?.frame ?? NO_FRAME;
  }

  /** Add one; what was undone is forgotten. */
  push(operation) {
    this.operations.splice(this.place, Infinity, operation);
    this.place += 1;
  }

  /** @returns {Operation | null} the one that does not hold any more */
  undo() {
    if (!this.canUndo) return null;
    this.place -= 1;
    return this.operations[this.place];
  }

  /** @returns {Operation | null} the one that holds again */
  redo() {
    if (!this.canRedo) return null;
    this.place += 1;
    return this.operations[this.place - 1];
  }

  clear() {
    this.operations = [];
    this.place = 0;
  }

  toJSON() {
    return { operations: this.operations, place: this.place };
  }

  /** Take over what `toJSON` gave; entries that nobody knows are left out. */
  restore(kept) {
    const known = Array.isArray(kept?.operations) ? kept.operations : [];
    this.operations = known.filter((operation) => KINDS.has(operation?.kind));
    this.place = Math.min(Math.max(0, kept?.place ?? this.operations.length), this.operations.length);
  }
}
