// Generating again and again: when a job is done and none waits, what the form says then is queued once more.
import { byId } from "./dom.js";
import { generate } from "./form.js";
import { activeJob, watch } from "./store.js";

let on = false;

/** Wire the button. It is off after a reload: nobody comes back to a machine that has worked all night unasked. */
export function wireRepeat() {
  byId("txt2img_repeat").addEventListener("click", () => {
    turn(!on);
    if (on && !activeJob()) generate();
  });
  watch((what, job) => what === "job" && on && next(job));
}

function turn(value) {
  on = value;
  byId("txt2img_repeat").setAttribute("aria-pressed", String(on));
}

function next({ status }) {
  if (status === "queued" || status === "running") return;
  if (status !== "done") turn(false); // somebody stopped it, or it can't be done
  else if (!activeJob()) generate();
}
