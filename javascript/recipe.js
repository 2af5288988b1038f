// A picture's recipe (infotext), read for people, and the buttons that use it again.
import * as api from "./api.js";
import { showError } from "./alerts.js";
import { byId, confirm, copy, el } from "./dom.js";
import { kindOf } from "./fields.js";
import { fill, fillFromRequest } from "./form.js";
import { tellMissing } from "./networks/missing.js";
import { beginAs } from "./send.js";
import { showTab } from "./tabs.js";

/**
 * Split an infotext into prompt, negative prompt and parameters.
 * @param {string} text
 * @returns {{prompt: string, negative: string, parameters: [string, string][]}}
 */
export function parse(text) {
  const lines = text.trim().split("\n");
  const last = lines.at(-1) ?? "";
  const parameters = /^[\w .-]+: [^,]+(,|$)/.test(last) && !last.startsWith("Negative prompt:") ? lines.pop() : "";
  const at = lines.findIndex((line) => line.startsWith("Negative prompt:"));
  const negative = at < 0 ? [] : lines.splice(at);
  return {
    prompt: lines.join("\n").trim(),
    negative: negative.join("\n").replace("Negative prompt:", "").trim(),
    parameters: pairs(parameters ?? ""),
  };
}

/** "Steps: 20, Size: 64x64, Hashes: \"a, b\"" as pairs; quoted values are JSON strings. */
function pairs(line) {
  const pattern = /\s*([\w .\-/+]+):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)/g;
  return [...line.matchAll(pattern)].map(([, name, value]) => [name.trim(), unquoted(value.trim())]);
}

function unquoted(value) {
  try {
    return value.startsWith('"') ? JSON.parse(value) : value;
  } catch {
    return value;
  }
}

/** Put the settings of a picture's job into the form; the seed is the picture's own. */
export async function reuse(picture) {
  try {
    const { job } = await api.job(picture.job);
    if (job.request.kind === "extras") throw new Error("This picture was made larger from another one: it has no settings of its own.");
    const changes = { seed: picture.seed, batch_count: 1, batch_size: 1 };
    const [, variation] = parse(picture.infotext).parameters.find(([name]) => name === "Variation seed") ?? [];
    if (variation) changes["noise.variation_seed"] = Number(variation);
    fillFromRequest(job.request, changes);
    tellMissing(picture.infotext);
    showTab(kindOf(job.request));
    await beginAs(job.request);
    return true;
  } catch (error) {
    showError(error.message);
    return false;
  }
}

/** The buttons "Copy", "Use these settings" and "Use the seed". */
export function recipeButtons(picture, { onUsed = () => {} } = {}) {
  const button = (text, action) => el("button", { type: "button", class: "easel-button", onclick: action }, text);
  return el(
    "div",
    { class: "easel-recipe-buttons" },
    button("Use these settings", async ({ currentTarget: self }) => {
      if (await reuse(picture)) confirm(self, "Done");
      onUsed();
    }),
    button("Use the seed", ({ currentTarget: self }) => {
      fill({ seed: picture.seed });
      confirm(self, "Done");
      onUsed();
    }),
    button("Copy recipe", async ({ currentTarget: self }) => {
      await copy(picture.infotext);
      confirm(self, "Copied");
    }),
  );
}

/** A recipe as elements: texts, parameters as chips. */
function body({ prompt, negative, parameters }) {
  const text = (label, value) =>
    value ? el("div", { class: "easel-recipe-text" }, el("h3", {}, label), el("p", {}, value)) : null;
  const chips = parameters.map(([name, value]) =>
    el("div", { class: "easel-chip" }, el("dt", {}, name), el("dd", { title: value }, value)),
  );
  return [text("Prompt", prompt), text("Negative prompt", negative), el("dl", { class: "easel-chips" }, ...chips)];
}

/** The recipe of a finished picture. */
export function recipeBody(picture) {
  const note = picture.complete ? null : el("p", { class: "easel-note" }, "Interrupted before its last step.");
  return [...body(parse(picture.infotext)), note];
}

/** The recipe of a job at work, in the words of an infotext. */
function recipeOfJob({ request }) {
  const parameters = [
    ["Steps", request.steps],
    ["Sampler", request.sampler],
    ["Schedule type", request.scheduler],
    ["CFG scale", request.cfg_scale],
    ["Seed", request.seed < 0 ? "random" : request.seed],
    ["Size", `${request.width}x${request.height}`],
  ];
  return body({
    prompt: request.prompt,
    negative: request.negative_prompt,
    parameters: parameters.map(([name, value]) => [name, String(value)]),
  });
}

let shown = "";

/**
 * Show a recipe beside the stage.
 * @param {Object | null} picture
 * @param {Object | null} [job] the job at work, where no picture is to be shown; neither hides the panel
 */
export function showRecipe(picture, job = null) {
  const panel = byId("html_info_txt2img");
  const key = picture ? `picture ${picture.id}` : job ? `job ${job.id}` : "";
  if (!panel || shown === key) return;
  shown = key;
  panel.hidden = !key;
  const file = picture && el("p", { class: "easel-file" }, picture.file);
  const parts = picture ? [...recipeBody(picture), recipeButtons(picture), file] : job ? recipeOfJob(job) : [];
  panel.replaceChildren(...parts.filter(Boolean));
}
