// Pictures to and from files. Masks are written by hand: eight bits of grey, exact to the byte, where a canvas would
// write four channels and some browsers add noise against tracking.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** The check sum of PNG's chunks (CRC-32). */
function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}

/** A chunk: length, name, content, check sum of name and content (PNG specification, 5.3). */
function chunk(name, content) {
  const bytes = new Uint8Array(12 + content.length);
  const numbers = new DataView(bytes.buffer);
  numbers.setUint32(0, content.length);
  bytes.set([...name].map((letter) => letter.charCodeAt(0)), 4);
  bytes.set(content, 8);
  numbers.setUint32(8 + content.length, checksum(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

/**
 * @param {Uint8Array} values one byte a pixel, row by row
 * @returns {Promise<Blob>} a PNG in greyscale
 */
export async function greyPng(values, width, height) {
  const rows = new Uint8Array((width + 1) * height); // each row starts with its filter: 0, none
  for (let y = 0; y < height; y += 1) rows.set(values.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  const packed = await new Response(new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
  const head = new Uint8Array(13);
  new DataView(head.buffer).setUint32(0, width);
  new DataView(head.buffer).setUint32(4, height);
  head[8] = 8; // bits; the zeros behind it: grey, deflate, no interlacing
  const signature = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
  const chunks = [chunk("IHDR", head), chunk("IDAT", new Uint8Array(packed)), chunk("IEND", new Uint8Array())];
  return new Blob([signature, ...chunks], { type: "image/png" });
}

/**
 * @param {number} width
 * @param {number} height
 * @param {...CanvasImageSource} sources drawn over each other, all at this size
 * @returns {Promise<Blob>} a PNG in colour
 */
export function colourPng(width, height, ...sources) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  for (const source of sources) context.drawImage(source, 0, 0, width, height);
  return canvas.convertToBlob({ type: "image/png" });
}

/** @returns {Promise<string>} */
export function dataUrl(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

/**
 * A mask from a picture: white is masked, black and transparent are not.
 * @param {Blob} blob any size; it is brought to the one asked for, without making grey edges
 * @returns {Promise<Uint8Array>} one byte a pixel
 */
export async function maskValues(blob, width, height) {
  const bitmap = await createImageBitmap(blob);
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmap, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Uint8Array(width * height);
  for (let at = 0; at < values.length; at += 1) {
    values[at] = Math.round(0.299 * data[4 * at] + 0.587 * data[4 * at + 1] + 0.114 * data[4 * at + 2]);
  }
  return values;
}
