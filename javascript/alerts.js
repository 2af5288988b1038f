// One-sentence errors beside the Generate button, with the field that is to blame marked.
import { byId, el, present } from "./dom.js";
import { blockOf, fields } from "./fields.js";
import { state, watch } from "./store.js";

const SEEN = "easel.seen";

/**
 * Show an error. The one before it goes.
 * @param {string} message one or two sentences
 * @param {string | null} [field] the field's name on the page, or in the API
 */
export function showError(message, field = null) {
  clearErrors();
  const close = el("button", { type: "button", "aria-label": "Dismiss", onclick: clearErrors }, "×");
  byId("easel_alerts")?.append(el("div", { class: "easel-alert", id: "easel_alert" }, el("p", {}, message), close));
  const known = fields.find((one) => field && (one.name === field || one.api === field));
  if (known) mark(known, message);
  else byId("easel_alerts")?.scrollIntoView({ block: "nearest" });
}

/** Take errors and marks away. */
export function clearErrors() {
  byId("easel_alerts")?.replaceChildren();
  byId("easel_field_error")?.remove();
  for (const input of document.querySelectorAll("[aria-invalid='true']")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

/** Mark a field, with the message under it too: on a phone the alert may be far above. */
async function mark(field, message) {
  // The folded part of the form is not there before it was opened once.
  const fold = byId("txt2img_advanced")?.querySelector("button:not(.open)");
  if (field.name.includes(".") && fold) fold.click();
  await present([field.id]);
  const block = blockOf(field);
  for (const input of block.querySelectorAll("input, textarea")) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", "easel_field_error");
    input.addEventListener("input", clearErrors, { once: true });
  }
  const row = block.closest(".easel-pair, .easel-joined") ?? block;
  row.after(el("p", { class: "easel-field-error", id: "easel_field_error" }, message));
  requestAnimationFrame(() => {
    block.scrollIntoView({ block: "nearest" });
    if (block.contains(document.activeElement)) return;
    block.querySelector("input:not([type=range]), textarea")?.focus({ preventScroll: true });
  });
}

/** Errors of jobs: told when they happen, and when they happened while the page was away. */
export function watchJobs() {
  watch((what, data) => {
    if (what === "job") tell(data, true);
    if (what === "snapshot" && state.recent[0]) tell(state.recent[0], false);
  });
}

function tell(job, live) {
  const over = job.status !== "queued" && job.status !== "running";
  if (!over || job.origin !== "page") return;
  const seen = Number(localStorage.getItem(SEEN) ?? 0);
  localStorage.setItem(SEEN, String(Math.max(seen, job.id)));
  if (job.status === "failed" && (live || job.id > seen)) showError(job.error ?? "The job failed.", job.field);
}
