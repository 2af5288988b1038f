// The bar under the picture, the page's title, and the buttons that end a job.
import * as api from "./api.js";
import { showError } from "./alerts.js";
import { byId } from "./dom.js";
import { activeJob, runningJob, state, watch } from "./store.js";

const TITLE = "Easel";

/** Wire progress. */
export function wireProgress() {
  watch((what, data) => {
    render();
    if (what === "job" || what === "picture") announce(what, data);
  });
  byId("txt2img_interrupt").addEventListener("click", (event) => press(event.currentTarget, stop, "Stopping …"));
  byId("txt2img_skip").addEventListener("click", (event) => press(event.currentTarget, api.skip, "Skipping …"));
  byId("txt2img_finish").addEventListener("click", (event) => press(event.currentTarget, finish, "Stopping after this picture"));
  render();
}

/** "about 3 s", "about 2 min": honest about how little is known. */
export function duration(seconds) {
  if (seconds < 1) return "about 1 s";
  if (seconds < 90) return `about ${Math.round(seconds)} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}

/** Progress in words: "Step 7 of 20 · picture 2 of 4 · about 3 s left". */
export function describe(progress) {
  if (progress.phase === "loading") return `${progress.message} …`;
  const parts = [progress.phase === "decoding" ? "Finishing" : `Step ${progress.step} of ${progress.steps}`];
  if (progress.pictures > 1) {
    const first = progress.picture + 1;
    const last = progress.picture + Math.max(1, progress.count);
    const which = last > first ? `pictures ${first} to ${last}` : `picture ${first}`;
    parts.push(`${which} of ${progress.pictures}`);
  }
  if (progress.eta !== null && progress.phase !== "decoding") parts.push(`${duration(progress.eta)} left`);
  return parts.join(" · ");
}

/** A job that nobody works on although it is the next: its model is being loaded. */
function starting(job) {
  const name = job.request.checkpoint?.split("/").at(-1).replace(/\.[^.]+$/, "");
  return job.status === "queued" && name ? `Loading ${name} …` : "Starting …";
}

/** End the job at work; one that has not begun is taken out of the queue. */
const stop = () => (runningJob() ? api.interrupt() : api.cancel(activeJob().id));

/** End the job after the pictures that are being made. */
async function finish() {
  ending = runningJob()?.id ?? null;
  try {
    await api.finish();
  } catch (error) {
    ending = null;
    throw error;
  }
}

/** The job that was asked to end after its pictures. */
let ending = null;

/** There is something to leave out: pictures behind those that are being made. */
const more = (job, progress) => progress?.job === job.id && job.total > progress.picture + Math.max(1, progress.count);

function render() {
  const { progress } = state;
  const job = activeJob();
  const box = byId("easel_progress");
  const working = Boolean(job);
  box.hidden = !working;
  byId("easel_run_buttons").hidden = !working;
  document.body.classList.toggle("easel-working", working);
  if (!working) {
    document.title = TITLE;
    for (const id of ["txt2img_interrupt", "txt2img_skip", "txt2img_finish"]) release(byId(id));
    return;
  }
  const percent = Math.round(100 * (progress?.fraction ?? 0));
  const text = progress ? describe(progress) : starting(job);
  const bar = box.querySelector("[role=progressbar]");
  bar.classList.toggle("easel-bar-busy", !progress || progress.phase === "loading");
  bar.setAttribute("aria-valuenow", String(percent));
  bar.setAttribute("aria-valuetext", text);
  bar.firstElementChild.style.transform = `scaleX(${progress?.fraction ?? 0})`;
  box.querySelector("p").textContent = text;
  document.title = `${percent}% · ${TITLE}`;
  byId("txt2img_skip").hidden = job.total <= (job.request.batch_size ?? 1) || job.status === "queued";
  if (ending !== job.id) {
    ending = null;
    release(byId("txt2img_finish"));
  }
  byId("txt2img_finish").hidden = !more(job, progress) && ending !== job.id;
  if (progress?.step === 0) release(byId("txt2img_skip"));
}

async function press(button, action, text) {
  button.dataset.rest ??= button.textContent;
  button.textContent = text;
  button.disabled = true;
  try {
    await action();
  } catch (error) {
    release(button);
    showError(error.message);
  }
}

function release(button) {
  if (button.dataset.rest) button.textContent = button.dataset.rest;
  delete button.dataset.rest;
  button.disabled = false;
}

/** Tell screen readers what changed, seldom enough to be bearable. */
function announce(what, data) {
  const texts = {
    queued: "The job is queued.",
    running: "Easel is at work.",
    done: "Done.",
    interrupted: "Interrupted.",
    cancelled: "Taken out of the queue.",
  };
  const place = byId("easel_announcer");
  if (what === "job" && texts[data.status]) place.textContent = texts[data.status];
  if (what === "picture" && state.progress?.pictures > 1) {
    place.textContent = `Picture ${data.number + 1} of ${state.progress.pictures} is done.`;
  }
}
