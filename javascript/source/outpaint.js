// Outpainting: the buttons that extend the sides, the size that comes out, and going on with the result.
import { pictureUrl } from "../api.js";
import { byId, el } from "../dom.js";
import { generate } from "../form.js";
import { state, watch } from "../store.js";
import { openKind } from "../tabs.js";
import { existing, painterFor, usePicture } from "./painters.js";
import { changedSource, fetched } from "./state.js";

const SIDES = {
  left: ["Extend to the left", "M19 12H5M11 6l-6 6 6 6"],
  top: ["Extend upwards", "M12 19V5M6 11l6-6 6 6"],
  bottom: ["Extend downwards", "M12 5v14M6 13l6 6 6-6"],
  right: ["Extend to the right", "M5 12h14M13 6l6 6-6 6"],
};
const AMOUNTS = [64, 128, 256];
const MULTIPLE = 8;

let amount = 128;

/** The amounts and the arrows. */
export function extendButtons() {
  const amounts = AMOUNTS.map((pixels) =>
    el("button", { type: "button", role: "radio", "aria-checked": String(pixels === amount), "aria-label": `${pixels} pixels`, onclick: choose }, String(pixels)),
  );
  function choose({ currentTarget }) {
    amount = Number(currentTarget.textContent);
    for (const one of amounts) one.setAttribute("aria-checked", String(one === currentTarget));
  }
  const arrows = Object.entries(SIDES).map(([side, [label, path]]) => arrow(label, path, [side]));
  return el(
    "div",
    { class: "easel-extend" },
    el("div", { class: "easel-amounts" }, el("div", { class: "easel-segment-row", role: "radiogroup", "aria-label": "Pixels that a press adds" }, ...amounts), "px"),
    el("div", { class: "easel-arrows", role: "group", "aria-label": "Extend" }, ...arrows, arrow("Extend all sides", "M9 4H4v5M15 4h5v5M20 15v5h-5M4 15v5h5M4 4l6 6M20 4l-6 6M20 20l-6-6M4 20l6-6", Object.keys(SIDES))),
  );
}

function arrow(label, path, sides) {
  const button = el("button", { type: "button", class: "easel-icon-button", "aria-label": label, title: label, onclick: () => extend(sides) });
  button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}" /></svg>`;
  return button;
}

function extend(sides) {
  const painter = existing("outpaint");
  if (!painter?.hasPicture) return;
  const frame = painter.frame();
  painter.setFrame(Object.fromEntries(sides.map((side) => [side, frame[side] + amount])));
}

/** The size with the frame, in the multiples of 8 that the server makes of it. */
export function sizeWith(frame, { width, height }) {
  const whole = (pixels) => Math.ceil(pixels / MULTIPLE) * MULTIPLE;
  return { width: whole(width + frame.left + frame.right), height: whole(height + frame.top + frame.bottom) };
}

/** How often the sides are still to be extended, and the job that is waited for. */
let repeating = null;

/** A job was begun with this frame: its result is extended again, as often as was asked for. */
export function outpainted(job) {
  const times = repeating?.goes ? repeating.left : Math.min(20, Math.max(1, Math.round(Number(byId("outpaint_repeat").value)) || 1)) - 1;
  repeating = times > 0 ? { job, left: times, goes: false } : null;
  tell();
}

function tell() {
  const left = repeating?.left ?? 0;
  byId("outpaint_note").textContent = left ? `${left} more to come. Interrupt ends it.` : "Each time the picture grows by the same sides again.";
}

/** Wire it. */
export function wireOutpaint() {
  watch(async (what, job) => {
    if (what !== "job" || !repeating || job.id !== repeating.job) return;
    if (job.status === "queued" || job.status === "running") return;
    const { left } = repeating;
    const picture = state.pictures.find((one) => one.job === job.id);
    if (job.status !== "done" || !picture || openKind() !== "outpaint") {
      repeating = null;
      return tell();
    }
    await goOnWith(picture);
    repeating = { job: null, left: left - 1, goes: true };
    generate();
  });
}

/** Extend a result by the same sides. */
async function goOnWith(picture) {
  const frame = existing("outpaint").frame();
  await usePicture(await fetched(pictureUrl(picture)));
  const painter = await painterFor("outpaint");
  painter.setFrame(frame);
  changedSource("strokes");
}

/** Whether a frame was set. */
export const framed = () => Object.values(existing("outpaint")?.frame() ?? {}).some((pixels) => pixels > 0);
