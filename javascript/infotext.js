// Recipes that come as text (pasted into the prompt) or in a picture (dropped on it): they fill the form.
import { fillFromRecipe } from "./added.js";
import * as api from "./api.js";
import { showError } from "./alerts.js";
import { PROMPTS, areaOf } from "./boxes.js";
import { dataUrl } from "./canvas/png.js";
import { byId } from "./dom.js";
import { BY_SETTINGS, HIRES, NO_REFINER, named } from "./fields.js";
import { fill } from "./form.js";
import { parse } from "./recipe.js";
import { lookForStyles } from "./recognised.js";
import { choose } from "./styles.js";
import { showTab } from "./tabs.js";

/** Names of an infotext, and the fields that they fill as they are. */
const TEXTS = {
  Sampler: "sampler",
  "Schedule type": "scheduler",
  "Hires upscaler": "hires.upscaler",
  "Hires sampler": "hires.sampler",
  "Hires schedule type": "hires.scheduler",
  "Hires prompt": "hires.prompt",
  "Hires negative prompt": "hires.negative_prompt",
  VAE: "vae",
  Refiner: "refiner.checkpoint",
};
const NUMBERS = {
  Steps: "steps",
  "CFG scale": "cfg_scale",
  Seed: "seed",
  "Clip skip": "text.clip_skip",
  Eta: "sampling.eta",
  "Variation seed": "noise.variation_seed",
  "Variation seed strength": "noise.variation_strength",
  "Hires upscale": "hires.scale",
  "Hires steps": "hires.steps",
  "Hires CFG scale": "hires.cfg_scale",
  "Mask blur": "mask.blur",
  "Masked area padding": "mask.padding",
  "Conditional mask weight": "picture.mask_weight",
  "Image CFG scale": "image_cfg_scale",
  "Refiner switch at": "refiner.switch_at",
};
const CONTENTS = { fill: 1, original: 0, "latent noise": 2, "latent nothing": 3 };

const label = (name, place) => named(name).choices[place][0];

/**
 * What a recipe says of the form's fields.
 * @param {{prompt: string, negative: string, parameters: [string, string][]}} recipe
 * @returns {{kind: import("./fields.js").Kind, changes: Object<string, any>}} the tab that it is for, and the values
 */
export function fieldsFrom({ prompt, negative, parameters }) {
  const said = Object.fromEntries(parameters);
  const size = (text) => text?.match(/^(\d+)\s*[x×]\s*(\d+)$/)?.slice(1).map(Number) ?? [];
  const hires = "Hires upscaler" in said || "Hires upscale" in said || "Hires resize" in said;
  const masked = ["Mask blur", "Mask mode", "Inpaint area", "Masked content", "Masked area padding"].some((name) => name in said);
  const strength = Number(said["Denoising strength"]);
  let kind = "txt2img";
  if (!hires && "Outpaint" in said) kind = "outpaint";
  else if (!hires && masked) kind = "inpaint";
  else if (!hires && strength >= 0) kind = "img2img";

  const changes = { prompt, negative_prompt: negative, "noise.variation_strength": 0, vae: BY_SETTINGS, "refiner.checkpoint": NO_REFINER };
  for (const [name, field] of Object.entries(TEXTS)) if (name in said) changes[field] = said[name];
  for (const [name, field] of Object.entries(NUMBERS)) if (Number.isFinite(parseFloat(said[name]))) changes[field] = parseFloat(said[name]);
  const [width, height] = size(said.Size);
  const own = { txt2img: ["width", "height"], img2img: ["picture.width", "picture.height"], inpaint: ["picture.width", "picture.height"] }[kind];
  if (width && own) Object.assign(changes, { [own[0]]: width, [own[1]]: height });
  const [fromWidth = 0, fromHeight = 0] = size(said["Seed resize from"]);
  Object.assign(changes, { "noise.resize_from_width": fromWidth, "noise.resize_from_height": fromHeight });
  if (kind === "txt2img") {
    changes[HIRES] = hires;
    const [toWidth, toHeight] = size(said["Hires resize"]);
    if (hires) Object.assign(changes, { "hires.width": toWidth || null, "hires.height": toHeight || null });
  }
  const strengths = { txt2img: "hires.denoising_strength", outpaint: "outpaint.denoising_strength" };
  if (strength >= 0) changes[strengths[kind] ?? "denoising_strength"] = strength;
  if (kind === "inpaint") {
    changes["mask.invert"] = label("mask.invert", said["Mask mode"] ? 1 : 0);
    changes["mask.only_masked"] = label("mask.only_masked", /only masked/i.test(said["Inpaint area"] ?? "") ? 1 : 0);
    changes["mask.content"] = label("mask.content", CONTENTS[said["Masked content"]] ?? 0);
  }
  return { kind, changes };
}

/** Whether a text is a recipe and not a prompt. */
const isRecipe = (text) => /(^|\n)Steps: \d+, /.test(text);

/** Fill the form from a recipe. */
export function useRecipe(text) {
  const recipe = parse(text);
  const { kind, changes } = fieldsFrom(recipe);
  choose([]);
  showTab(kind);
  fill(changes);
  fillFromRecipe(kind, recipe);
  lookForStyles(changes);
}

/** Wire the prompt boxes. */
export function wireInfotext() {
  for (const name of PROMPTS) {
    areaOf(name).addEventListener("paste", (event) => {
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (!isRecipe(text)) return;
      event.preventDefault();
      useRecipe(text);
    });
  }
  const compose = byId("easel_compose");
  compose.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  compose.addEventListener("drop", (event) => {
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    readFile(file);
  });
}

/** Fill the form from the recipe in a picture or a text file. */
async function readFile(file) {
  try {
    const text = file.type.startsWith("text/") ? await file.text() : (await api.pngInfo(await dataUrl(file))).info;
    if (!text) return showError(`There is no recipe in "${file.name}".`);
    useRecipe(text);
  } catch (error) {
    showError(error.message);
  }
}
