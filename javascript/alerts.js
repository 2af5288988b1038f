// One-sentence errors beside the Generate button, with the field that is to blame marked.
import { byId, el, present } from "./dom.js";
import { blockOf, fieldsOf } from "./fields.js";
import { state, watch } from "./store.js";
import { openKind } from "./tabs.js";

const SEEN = "easel.seen";

/**
 * Show an error. The one before it goes.
 * @param {string} message one or two sentences
 * @param {string | null} [field] the field's name on the page, or in the API
 * @param {{text: string, action: () => void} | null} [help] a button that leads on
 */
export function showError(message, field = null, help = null) {
  clearErrors();
  const close = el("button", { type: "button", class: "easel-alert-close", "aria-label": "Dismiss", onclick: clearErrors }, "×");
  const lead = help && el("button", { type: "button", class: "easel-button", onclick: help.action }, help.text);
  const words = el("div", { class: "easel-alert-words" }, el("p", {}, message), lead);
  byId("easel_alerts")?.append(el("div", { class: "easel-alert", id: "easel_alert" }, words, close));
  const known = fieldsOf(openKind()).find((one) => field && (one.name === field || one.api === field || one.path === field));
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
  if (field.fold) byId(field.fold)?.querySelector("button:not(.open)")?.click();
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
