// Pictures come in: chosen, dropped, pasted, or handed over by the page.
import { el } from "../dom.js";

/** Pixels; more than that some browsers cannot hold on a canvas. */
const MOST_PIXELS = 64e6;

/**
 * @param {Blob | URL | string | HTMLImageElement} source
 * @returns {Promise<{bitmap: ImageBitmap, blob: Blob}>} upright; throws an Error with a sentence for the user
 */
export async function readPicture(source) {
  const blob = source instanceof Blob ? source : await fetched(source instanceof HTMLImageElement ? source.currentSrc || source.src : source);
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    const name = blob instanceof File && blob.name ? `"${blob.name}"` : "This file";
    throw new Error(`${name} is no picture that the browser can read. PNG, JPEG and WebP work everywhere.`);
  }
  if (bitmap.width * bitmap.height <= MOST_PIXELS) return { bitmap, blob };
  const size = `${bitmap.width} × ${bitmap.height}`;
  bitmap.close();
  throw new Error(`This picture is too large to paint on: ${size} pixels. Make it smaller first; 64 megapixels are the most.`);
}

async function fetched(address) {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) throw new Error("The picture could not be fetched. Save it as a file and drop that here.");
  return answer.blob();
}

/** A picture among what is dropped or pasted: a file, or the address of one that this page shows. */
function pictureIn(data) {
  const files = [...(data?.files ?? [])];
  const file = files.find(({ type }) => type.startsWith("image/")) ?? files[0];
  if (file) return file;
  const address = data?.getData("text/uri-list").split("\n")[0].trim();
  if (!address || !URL.canParse(address)) return null;
  const url = new URL(address);
  return url.origin === location.origin || url.protocol === "data:" ? url : null;
}

/**
 * @param {HTMLElement} host
 * @param {(source: Blob | URL) => void} take
 * @param {AbortSignal} signal ends it
 * @returns {{choose: () => void}}
 */
export function wireFiles(host, take, signal) {
  const input = el("input", { type: "file", accept: "image/*", class: "easel-hidden", tabindex: "-1", "aria-hidden": "true" });
  input.addEventListener("change", () => {
    if (input.files[0]) take(input.files[0]);
    input.value = ""; // The same file may be chosen again.
  });
  host.append(input);

  const carries = ({ dataTransfer }) => dataTransfer?.types.some((type) => type === "Files" || type === "text/uri-list");
  const light = (on) => host.toggleAttribute("data-dropping", on);
  host.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    light(true);
  });
  host.addEventListener("dragleave", (event) => !host.contains(event.relatedTarget) && light(false));
  host.addEventListener("drop", (event) => {
    light(false);
    if (!carries(event)) return;
    event.preventDefault();
    event.stopPropagation();
    const picture = pictureIn(event.dataTransfer);
    if (picture) take(picture);
  });
  document.addEventListener(
    "paste",
    (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      const picture = files.find(({ type }) => type.startsWith("image/"));
      if (!picture || !(host.contains(document.activeElement) || host.matches(":hover"))) return;
      event.preventDefault();
      take(picture);
    },
    { signal },
  );
  return { choose: () => input.click() };
}
