// "Send to": a finished picture becomes the one to begin with, and its prompts and settings go along.
import * as api from "./api.js";
import { showError } from "./alerts.js";
import { byId, confirm, el } from "./dom.js";
import { valuesOf } from "./fields.js";
import { fill } from "./form.js";
import { upscale } from "./hires.js";
import { painterFor, usePicture } from "./source/painters.js";
import { changedSource, fetched, inputUrl, source } from "./source/state.js";
import { choose } from "./styles.js";
import { showTab } from "./tabs.js";

const TARGETS = [
  ["img2img", "Image to image"],
  ["inpaint", "Inpaint"],
  ["outpaint", "Outpaint"],
];
/** What a kind of request has of its own stays as it was chosen in the tab. */
const OWN = /^(denoising_strength|outpaint\.|picture\.|mask\.|resize_mode|hires\.)/;

/**
 * Begin with a finished picture in a tab.
 * @param {Object} picture
 * @param {"img2img" | "inpaint" | "outpaint"} kind
 */
export async function sendTo(picture, kind) {
  try {
    await usePicture(await fetched(api.pictureUrl(picture)));
    if (kind === "img2img" && source.modes.img2img === "several") source.modes.img2img = "view";
    changedSource("mode");
    showTab(kind);
    const { job } = await api.job(picture.job).catch(() => ({ job: null }));
    if (job && job.request.kind !== "extras") {
      choose([]);
      const shared = Object.entries(valuesOf(job.request)).filter(([name]) => !OWN.test(name) && name !== "width" && name !== "height");
      fill({ ...Object.fromEntries(shared), seed: picture.seed, batch_count: 1, batch_size: 1 });
    }
    byId("easel_source").scrollIntoView({ block: "nearest", behavior: "smooth" });
    return true;
  } catch (error) {
    showError(error.message);
    return false;
  }
}

/** The row of buttons; `onSent` is called when a picture is on its way. */
export function sendButtons(picture, { onSent = () => {} } = {}) {
  const button = (text, title, action) => {
    const press = async ({ currentTarget: self }) => {
      self.disabled = true;
      const done = await action();
      self.disabled = false;
      if (!done) return;
      confirm(self, "Done");
      onSent();
    };
    return el("button", { type: "button", class: "easel-button", title, onclick: press }, text);
  };
  const sends = TARGETS.map(([kind, title]) => button(title, `Begin with this picture in "${title}"`, () => sendTo(picture, kind)));
  if (window.easel.sendToExtras) {
    const extras = async () => {
      try {
        await window.easel.sendToExtras(new URL(api.pictureUrl(picture), document.baseURI).href);
        return true;
      } catch (error) {
        showError(error.message);
        return false;
      }
    };
    sends.push(button("Extras", 'Open this picture in "Extras"', extras));
  }
  return el(
    "div",
    { class: "easel-send", role: "group", "aria-label": "Go on with this picture" },
    el("span", {}, "Send to"),
    ...sends,
    el("span", { class: "easel-send-gap" }),
    button("Upscale", "Make this picture larger, with hires fix as it is set in \"Text to image\"", () => upscale(picture)),
  );
}

/** What one of several pictures had of its own, without the form's prompt before it. */
function ownOf(request, place) {
  const { prompts = [], negative_prompts: negatives = [], seeds = [] } = request;
  if (!prompts.length) return {};
  const own = (text, before) => (before && text.startsWith(before) ? text.slice(before.length).replace(/^, /, "") : text);
  return {
    prompt: own(prompts[place % prompts.length], request.prompt),
    negative_prompt: own(negatives[place % negatives.length] ?? "", request.negative_prompt),
    seed: seeds[place],
  };
}

/** Bring back what a request began with: its picture, its mask, its frame. */
export async function beginAs(request) {
  const [name] = request.init_images ?? [];
  if (!name) return;
  if (source.picture?.name !== name) await usePicture(await fetched(inputUrl({ name })));
  if (request.init_images.length > 1) {
    const masks = request.mask?.images ?? [];
    source.several = request.init_images.map((name, place) => ({ name, mask: masks[place], ...ownOf(request, place) }));
    source.ownPrompts = Boolean(request.prompts?.length);
    source.modes[masks.length ? "inpaint" : "img2img"] = "several";
    changedSource("several");
  } else if (source.modes.img2img === "several") source.modes.img2img = "view";
  if (request.frame) (await painterFor("outpaint")).setFrame(request.frame);
  else if (request.mask?.image) {
    source.modes.inpaint = "mask";
    const mask = await fetched(inputUrl({ name: request.mask.image }));
    await (await painterFor("mask")).setMask(mask);
  }
  changedSource("mode");
}

let shown = null;

/** Show the row for the picture on the wall. */
export function showSend(picture) {
  const row = byId("easel_actions");
  if (!row || shown === picture?.id) return;
  shown = picture?.id ?? null;
  row.hidden = !picture;
  row.replaceChildren(...(picture ? [sendButtons(picture)] : []));
}
