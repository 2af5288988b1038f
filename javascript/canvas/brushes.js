// The shapes of brushes: how much of each pixel a stroke or an area covers.
//
// A stroke is a chain of capsules, and a pixel takes the greatest cover that any of them gives. So a soft brush does
// not grow harder where a stroke crosses itself, and the result does not depend on how events came in.

/**
 * @typedef {Object} Plane the cover of what is being drawn
 * @property {number} width
 * @property {number} height
 * @property {Uint8Array} data one byte a pixel
 * @property {boolean} crisp a hard brush has no half-covered pixels (masks)
 *
 * @typedef {{left: number, top: number, right: number, bottom: number}} Rect right and bottom are outside
 */

/** The smallest radius that always meets the middle of a pixel. */
const LEAST_RADIUS = 0.71;

const STEPS = 4096;
let table = { hardness: NaN, values: null };

/** @returns {Rect} around both; either may be null */
export function united(a, b) {
  if (!a || !b) return a ?? b;
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

/** @returns {Rect | null} whole pixels inside the plane; null: none */
export function clipped({ left, top, right, bottom }, { width, height }) {
  const inside = {
    left: Math.max(0, Math.floor(left)),
    top: Math.max(0, Math.floor(top)),
    right: Math.min(width, Math.ceil(right)),
    bottom: Math.min(height, Math.ceil(bottom)),
  };
  return inside.left < inside.right && inside.top < inside.bottom ? inside : null;
}

/**
 * Cover what a stroke touches, from one of its points on.
 * @param {Plane} plane
 * @param {import("./strokes.js").Operation} stroke
 * @param {number} [from] place of the first point that is new
 * @returns {Rect | null} what may have changed
 */
export function coverStroke(plane, stroke, from = 0) {
  const { points } = stroke;
  let touched = null;
  const end = (place) => {
    const radius = Math.max(LEAST_RADIUS, (stroke.size / 2) * points[3 * place + 2]);
    return { x: points[3 * place], y: points[3 * place + 1], radius };
  };
  for (let place = from; place < points.length / 3; place += 1) {
    touched = united(touched, coverLine(plane, end(Math.max(0, place - 1)), end(place), stroke.hardness));
  }
  return touched;
}

/** A line in pieces, none much longer than the brush is wide: the boxes around them hold little that is not covered. */
function coverLine(plane, a, b, hardness) {
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  const pieces = Math.max(1, Math.ceil(length / (4 * Math.max(a.radius, b.radius, 8))));
  const between = (share) => ({
    x: a.x + (b.x - a.x) * share,
    y: a.y + (b.y - a.y) * share,
    radius: a.radius + (b.radius - a.radius) * share,
  });
  let touched = null;
  for (let piece = 0; piece < pieces; piece += 1) {
    touched = united(touched, coverCapsule(plane, between(piece / pieces), between((piece + 1) / pieces), hardness));
  }
  return touched;
}

function coverCapsule(plane, a, b, hardness) {
  const reach = Math.max(a.radius, b.radius) + 1;
  const box = clipped(
    {
      left: Math.min(a.x, b.x) - reach,
      top: Math.min(a.y, b.y) - reach,
      right: Math.max(a.x, b.x) + reach,
      bottom: Math.max(a.y, b.y) + reach,
    },
    plane,
  );
  if (!box) return null;
  const { width, data, crisp } = plane;
  const [dx, dy, grows] = [b.x - a.x, b.y - a.y, b.radius - a.radius];
  const perLength = dx || dy ? 1 / (dx * dx + dy * dy) : 0;
  const hard = hardness >= 1;
  const faded = hard ? null : fading(hardness);
  const core = hard ? b.radius - (crisp ? 0 : 0.5) : b.radius * hardness;
  for (let y = box.top; y < box.bottom; y += 1) {
    const py = y + 0.5 - a.y;
    const away = Math.max(0, Math.min(a.y, b.y) - y - 0.5, y + 0.5 - Math.max(a.y, b.y));
    const half = Math.sqrt(Math.max(0, reach * reach - away * away)) + 1;
    const left = Math.max(box.left, Math.floor(Math.min(a.x, b.x) - half));
    const right = Math.min(box.right, Math.ceil(Math.max(a.x, b.x) + half));
    // What lies in the full core of the end is covered without a look at each pixel.
    const chord = core * core - (y + 0.5 - b.y) ** 2;
    const from = chord > 0 ? Math.min(right, Math.max(left, Math.ceil(b.x - Math.sqrt(chord) - 0.5))) : right;
    const to = chord > 0 ? Math.max(from, Math.min(right, Math.floor(b.x + Math.sqrt(chord) + 0.5))) : right;
    data.fill(255, y * width + from, y * width + to);
    for (let x = left; x < right; x += 1) {
      if (x === from) x = to;
      const at = y * width + x;
      if (x >= right || data[at] === 255) continue;
      const px = x + 0.5 - a.x;
      const along = Math.min(1, Math.max(0, (px * dx + py * dy) * perLength));
      const [ox, oy, radius] = [px - along * dx, py - along * dy, a.radius + along * grows];
      const square = ox * ox + oy * oy;
      if (square >= (radius + 1) * (radius + 1)) continue;
      const cover = hard ? edge(square, radius, crisp) : faded[((square / (radius * radius)) * STEPS) | 0];
      if (cover > data[at]) data[at] = cover; // Outside of the table there is no number, and nothing happens.
    }
  }
  return box;
}

function edge(square, radius, crisp) {
  if (crisp) return square <= radius * radius ? 255 : 0;
  return (255 * Math.min(1, Math.max(0, radius - Math.sqrt(square) + 0.5))) | 0;
}

/**
 * The cover of a soft brush by the square of the distance, in `STEPS` steps from the middle to the rim: full in the hard
 * core, then down to none without a corner in the curve. A table spares a root and a division for each pixel.
 */
function fading(hardness) {
  if (table.hardness === hardness) return table.values;
  const values = Uint8Array.from({ length: STEPS }, (_, step) => {
    const left = Math.min(1, (1 - Math.sqrt(step / STEPS)) / (1 - hardness));
    return 255 * left * left * (3 - 2 * left);
  });
  table = { hardness, values };
  return values;
}

/**
 * Cover the inside of a polygon; parts that it goes around twice are inside too (the nonzero rule).
 * @param {Plane} plane
 * @param {number[]} points x, y in turn
 * @returns {Rect | null} what may have changed
 */
export function coverArea(plane, points) {
  const count = points.length / 2;
  const [xs, ys] = [points.filter((_, at) => at % 2 === 0), points.filter((_, at) => at % 2 === 1)];
  const extent = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  const [[left, right], [top, bottom]] = [extent(xs), extent(ys)];
  const box = count > 2 ? clipped({ left, top, right, bottom }, plane) : null;
  if (!box) return null;
  for (let y = box.top; y < box.bottom; y += 1) coverRow(plane, xs, ys, y);
  return box;
}

function coverRow({ width, data }, xs, ys, y) {
  const middle = y + 0.5;
  const crossings = [];
  for (let at = 0; at < xs.length; at += 1) {
    const next = (at + 1) % xs.length;
    if (ys[at] <= middle === ys[next] <= middle) continue;
    const x = xs[at] + ((middle - ys[at]) * (xs[next] - xs[at])) / (ys[next] - ys[at]);
    crossings.push({ x, turn: ys[next] > ys[at] ? 1 : -1 });
  }
  crossings.sort((a, b) => a.x - b.x);
  let winding = 0;
  for (let at = 0; at + 1 < crossings.length; at += 1) {
    winding += crossings[at].turn;
    if (!winding) continue;
    const start = Math.max(0, Math.ceil(crossings[at].x - 0.5));
    const end = Math.min(width, Math.ceil(crossings[at + 1].x - 0.5));
    if (start < end) data.fill(255, y * width + start, y * width + end);
  }
}
