// What Generate sends besides the fields: pictures by their names on the server, the mask, the frame.
import { openKind } from "../tabs.js";
import { framed, sizeWith } from "./outpaint.js";
import { arrived, existing, painterFor } from "./painters.js";
import { openMode } from "./pane.js";
import { saysSomething, source, upload } from "./state.js";

/** Why Generate cannot begin in the open tab: a sentence, or null. */
export function missing() {
  const mode = openMode();
  if (!mode) return null;
  if (mode === "several") return severalMissing(openKind());
  const painter = existing(mode);
  if (!painter?.hasPicture && !source.picture) return "There is no picture yet. Choose one, drop it on the page, or paste it.";
  const untouched = painter && !painted(painter);
  if (openKind() === "inpaint" && untouched) return "Nothing is masked yet. Paint over what is to be drawn anew.";
  if (mode === "outpaint" && painter && !framed()) return "No side is extended yet. Drag a side outwards, or press one of the arrows.";
  return null;
}

function severalMissing(kind) {
  const { several } = source;
  if (!several.length) return "There are no pictures yet. Choose some, or drop them on the page.";
  const bare = several.filter(({ mask }) => !mask).length;
  if (kind !== "inpaint" || !bare) return null;
  return `${bare === several.length ? "The pictures have" : `${bare} of the pictures have`} no mask. Take them from a folder, with a folder of masks.`;
}

/** What Generate sends of several pictures. */
function severalCarried(kind) {
  const { several, ownPrompts } = source;
  const sent = { kind, init_images: several.map(({ name }) => name) };
  if (kind === "inpaint") sent["mask.images"] = several.map(({ mask }) => mask);
  if (ownPrompts && several.some(saysSomething)) {
    sent.own_prompts = several.map((one) => (saysSomething(one) ? { prompt: one.prompt, negative_prompt: one.negative_prompt, seed: one.seed } : null));
  }
  return sent;
}

/** Whether something holds that was painted. */
const painted = (painter) => painter.state().history.place > 0;

/**
 * What the request needs of the open tab. Throws an Error with a sentence for the user.
 * @returns {Promise<Object>} see `CARRIED` in `modules/pages/form.py`
 */
export async function carried() {
  const kind = openKind();
  const mode = openMode();
  if (!mode) return { kind };
  if (mode === "several") return severalCarried(kind);
  const painter = await painterFor(mode);
  await arrived();
  if (!source.picture) throw new Error("There is no picture yet. Choose one, drop it on the page, or paste it.");
  const colours = mode === "sketch" || mode === "colour-mask";
  const init = colours && painted(painter) ? (await upload(await painter.picture())).name : source.picture.name;
  const sent = { kind, init_images: [init] };
  if (kind === "inpaint") {
    const mask = await painter.mask();
    if (!mask) throw new Error("Nothing is masked yet. Paint over what is to be drawn anew.");
    sent["mask.image"] = (await upload(mask)).name;
  }
  if (kind === "outpaint") {
    const frame = painter.frame();
    const { width, height } = sizeWith(frame, painter.size);
    Object.assign(sent, { frame, "outpaint.width": width, "outpaint.height": height });
  }
  return sent;
}
