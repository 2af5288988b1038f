// The eyedropper: the colour of a pixel as it is seen, the picture with what is painted on it.

/** Take the colour at a place of the picture for the brush. */
export function pickColour(board, { x, y }) {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  if (column < 0 || row < 0 || column >= board.width || row >= board.height) return;
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  for (const source of [board.picture, board.layer?.canvas]) {
    if (source) context.drawImage(source, column, row, 1, 1, 0, 0, 1, 1);
  }
  const channels = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  board.set({ colour: `#${channels.map((value) => value.toString(16).padStart(2, "0")).join("")}` });
}
