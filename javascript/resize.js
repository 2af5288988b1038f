// The size of pictures from pictures: swap, the picture's own, so many times larger.
import { paint } from "./controls.js";
import { byId } from "./dom.js";
import { fill, modelSize, onValues, values } from "./form.js";
import { onSource, source } from "./source/state.js";

const MULTIPLE = 8;
/** A picture with up to so many times the pixels that the model was made for is taken as it is. */
const ROOM = 2.5;

const whole = (pixels) => Math.max(MULTIPLE, Math.round(pixels / MULTIPLE) * MULTIPLE);

/** The size that suits a picture and the model: its own where that is not far beyond what the model knows. */
export function suitableSize({ width, height }, [modelWidth, modelHeight]) {
  const share = (ROOM * modelWidth * modelHeight) / (width * height);
  const scale = share >= 1 ? 1 : Math.sqrt(share);
  return { "picture.width": whole(width * scale), "picture.height": whole(height * scale) };
}

/** Wire the controls. */
export function wireResize() {
  const range = byId("img2img_scale_range");
  byId("img2img_res_switch_btn").addEventListener("click", () =>
    fill({ "picture.width": values["picture.height"], "picture.height": values["picture.width"] }),
  );
  byId("img2img_detect_image_size_btn").addEventListener("click", () => scaled(1));
  range.addEventListener("input", () => {
    scaled(Number(range.value));
    paint(range);
  });
  let before = source.picture?.name ?? null;
  onSource((what) => {
    if (what !== "picture") return;
    if (source.picture && source.picture.name !== before) fill(suitableSize(source.picture, modelSize()));
    before = source.picture?.name ?? null;
    show(values);
  });
  onValues(show);
  show(values);
}

function scaled(by) {
  const { picture } = source;
  if (picture) fill({ "picture.width": whole(picture.width * by), "picture.height": whole(picture.height * by) });
}

/** What the size is of the picture's own. */
function show(now) {
  const { picture } = source;
  byId("img2img_scale").hidden = !picture;
  byId("img2img_detect_image_size_btn").disabled = !picture;
  if (!picture) return;
  const range = byId("img2img_scale_range");
  const share = now["picture.width"] / picture.width;
  if (!(share > 0)) return;
  if (document.activeElement !== range) range.value = share;
  paint(range);
  byId("img2img_scale_value").textContent = `${Math.round(share * 100) / 100}×`;
}
