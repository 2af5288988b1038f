// How large a picture is shown: as large as fits, but a small one only enlarged by whole device pixels, up to 4x.

export const MAX_SCALE = 4;

/**
 * @param {number} width the picture's own
 * @param {number} height
 * @param {number} roomWidth what there is, in CSS pixels
 * @param {number} roomHeight
 * @returns {{width: number, height: number, scale: number}} CSS pixels
 */
export function fitted(width, height, roomWidth, roomHeight) {
  const fit = Math.min(roomWidth / width, roomHeight / height, MAX_SCALE);
  const pixel = 1 / Math.max(1, Math.round(devicePixelRatio));
  const scale = fit <= 1 ? fit : Math.max(1, Math.floor(fit / pixel) * pixel);
  return { width: Math.round(width * scale), height: Math.round(height * scale), scale };
}
