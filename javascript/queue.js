// The jobs that wait behind the one at work.
import * as api from "./api.js";
import { showError } from "./alerts.js";
import { byId, el } from "./dom.js";
import { state, watch } from "./store.js";

/** Wire the list. */
export function wireQueue() {
  watch((what) => {
    if (what === "job" || what === "snapshot") render();
  });
}

function render() {
  const waiting = state.waiting.slice(1);
  const list = byId("easel_queue");
  const hadFocus = list.contains(document.activeElement);
  list.hidden = waiting.length === 0;
  const heading = waiting.length === 1 ? "1 job waits" : `${waiting.length} jobs wait`;
  list.replaceChildren(el("h3", {}, heading), el("ol", {}, ...waiting.map(line)));
  if (hadFocus) list.querySelector("button")?.focus();
}

function line(job) {
  const prompt = job.request.kind === "extras" ? "Upscaling" : job.request.prompt?.trim() || "No prompt";
  const count = job.total === 1 ? "1 picture" : `${job.total} pictures`;
  const remove = async ({ currentTarget: button }) => {
    button.disabled = true;
    try {
      await api.cancel(job.id);
    } catch (error) {
      button.disabled = false;
      showError(error.message);
    }
  };
  return el(
    "li",
    {},
    el("span", { class: "easel-queue-prompt", title: prompt }, prompt),
    el("span", { class: "easel-queue-count" }, job.origin === "api" ? `${count}, from a program` : count),
    el("button", { type: "button", class: "easel-button", "aria-label": `Cancel: ${prompt}`, onclick: remove }, "Cancel"),
  );
}
