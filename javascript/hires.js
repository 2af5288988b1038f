// Hires fix: the size that comes out, in words, and the second pass on a finished picture.
import * as api from "./api.js";
import { showError } from "./alerts.js";
import { byId } from "./dom.js";
import { HIRES, valuesOf } from "./fields.js";
import { onValues, submitInstead, values } from "./form.js";
import { fetched, upload } from "./source/state.js";

const CELL = 8;

/** Wire the panel. */
export function wireHires() {
  onValues(show);
  show(values);
}

/** The size after the second pass, as the server reckons it (`modules/generation/hires.py`): whole latent cells. */
export function hiresSize({ width, height }, { scale, toWidth, toHeight }) {
  let size = [width * scale, height * scale];
  if (toWidth && toHeight) size = [toWidth, toHeight];
  else if (toWidth) size = [toWidth, (toWidth * height) / width];
  else if (toHeight) size = [(toHeight * width) / height, toHeight];
  return size.map((side) => Math.floor(Math.floor(side) / CELL) * CELL);
}

/** The size of what a request makes. */
export function finalSize(request) {
  const { hires } = request;
  if (!hires) return request;
  const [width, height] = hiresSize(request, { scale: hires.scale, toWidth: hires.width, toHeight: hires.height });
  return { width, height };
}

function show(now) {
  const on = Boolean(now[HIRES]);
  byId("txt2img_hires").dataset.on = String(on);
  const toSize = Boolean(now["hires.width"] || now["hires.height"]);
  byId("txt2img_hr_scale")?.toggleAttribute("data-idle", toSize);
  const size = hiresSize(now, { scale: now["hires.scale"], toWidth: now["hires.width"], toHeight: now["hires.height"] });
  const known = now.width > 0 && now.height > 0 && size.every((side) => side > 0);
  byId("txt2img_hires_summary").textContent = on && known ? `${now.width} × ${now.height} → ${size[0]} × ${size[1]}` : "";
}

/** Make a finished picture larger: its recipe again, with the second pass as the panel says, and the picture as the first. */
export async function upscale(picture) {
  try {
    const { job } = await api.job(picture.job);
    const { name } = await upload(await fetched(api.pictureUrl(picture)));
    const changes = {
      ...valuesOf({ ...job.request, init_images: undefined, hires: undefined }),
      width: picture.width,
      height: picture.height,
      seed: picture.seed,
      batch_count: 1,
      batch_size: 1,
      [HIRES]: true,
    };
    submitInstead(changes, { kind: "txt2img", first_pass: name });
    return true;
  } catch (error) {
    showError(error.message);
    return false;
  }
}
