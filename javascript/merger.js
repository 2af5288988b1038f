// The tab "Merge": says what the method does, starts a merge, shows how far it is. Gradio owns the form's values and
// hands them over in the order of `FIELDS` in `modules/pages/merger.py`.
import * as api from "./api.js";
import { byId, el, present } from "./dom.js";
import { addSlider, formErrors } from "./side-form.js";

const FIELDS = ["primary", "secondary", "tertiary", "method", "multiplier", "name", "half", "vae", "discard", "overwrite"];
const BLOCKS = {
  primary: "modelmerger_primary_model_name",
  secondary: "modelmerger_secondary_model_name",
  tertiary: "modelmerger_tertiary_model_name",
  multiplier: "modelmerger_interp_amount",
  name: "modelmerger_custom_name",
  vae: "modelmerger_bake_in_vae",
  discard: "modelmerger_discard_weights",
};
const POLL_MS = 400;
const SLOW_POLL_MS = 2000;

let values = { method: "weighted sum", multiplier: 0.3 };
let filename = "";
let following = false;

const short = (number) => String(Math.round(number * 1000) / 1000).replace("-", "−");
const bare = (name) => (name || "").split("/").at(-1).replace(/\.(safetensors|ckpt)$/, "");

/** The formula and one sentence about it. */
export function explain(method, m) {
  if (method === "add difference") {
    return [`A + (B − C) × ${short(m)}`, "What B learned beyond C, its base, is added to A."];
  }
  if (method === "no interpolation") return ["A", "Nothing is mixed: change A's precision or bake in a VAE."];
  const share = Math.round(100 * m);
  const words = m < 0 || m > 1 ? "Beyond the two: what sets them apart is exaggerated." : `Every weight is ${100 - share} % of A and ${share} % of B.`;
  return [`A × ${short(1 - m)} + B × ${short(m)}`, words];
}

/** The name that the server gives a merge without one. */
function proposal() {
  const [a, b, c] = [values.primary, values.secondary, values.tertiary].map(bare);
  const m = Number(values.multiplier) || 0;
  if (values.method === "no interpolation") return a && `${a}-converted`;
  if (values.method === "add difference") return a && b && c && `${a} + ${m}(${b} - ${c})`;
  return a && b && `${Math.round(1e4 * (1 - m)) / 1e4}(${a}) + ${m}(${b})`;
}

function render() {
  byId("modelmerger").dataset.method = values.method;
  const [formula, words] = explain(values.method, Number(values.multiplier) || 0);
  const place = byId("modelmerger_formula");
  place.firstElementChild.textContent = formula;
  place.lastElementChild.textContent = words;
  const name = byId(BLOCKS.name)?.querySelector("input, textarea");
  if (name) name.placeholder = proposal() || "Made from the files' names";
}

const errors = formErrors({ form: "modelmerger", alerts: "modelmerger_alerts", blocks: BLOCKS });

function clear() {
  errors.clear();
  byId("modelmerger_result").replaceChildren();
}

function fail(message, field = null) {
  clear();
  errors.fail(message, field);
}

/** Show a state of the server; see `MergeState` in `modules/jobs/merging.py`. */
function show(state) {
  const working = state.status === "running";
  byId("modelmerger_work").hidden = !working;
  byId("modelmerger_merge").disabled = working;
  if (!working) return;
  const bar = byId("modelmerger_work").querySelector("[role=progressbar]");
  const percent = Math.round(100 * state.fraction);
  bar.classList.toggle("easel-bar-busy", state.fraction === 0);
  bar.setAttribute("aria-valuenow", String(percent));
  bar.firstElementChild.style.transform = `scaleX(${state.fraction})`;
  const left = state.seconds_left === null ? "" : ` · ${Math.max(1, Math.round(state.seconds_left))} s left`;
  byId("modelmerger_words").textContent = `${state.message} · ${percent} %${left}`;
}

function finish(state) {
  byId("modelmerger_cancel").disabled = false;
  if (state.status === "failed") return fail(state.error, state.field);
  clear();
  const result = byId("modelmerger_result");
  if (state.status !== "done") return result.append(el("p", {}, state.message));
  filename = state.filename;
  const use = () => byId("modelmerger_use").click();
  result.append(
    el("p", {}, el("strong", {}, bare(filename)), " is ready."),
    el("button", { type: "button", class: "easel-button", id: "modelmerger_use_now", onclick: use }, "Use it now"),
  );
  byId("modelmerger_look").click();
  byId("easel_look_again")?.click();
}

/** Ask again and again while a merge is at work. */
async function follow(state) {
  if (following) return;
  following = true;
  while (state.status === "running") {
    show(state);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    state = await api.mergeState().catch(async () => {
      await new Promise((resolve) => setTimeout(resolve, SLOW_POLL_MS));
      return state;
    });
  }
  following = false;
  show(state);
  finish(state);
}

async function start() {
  clear();
  byId("modelmerger_merge").disabled = true;
  try {
    follow(await api.beginMerge(values));
  } catch (error) {
    byId("modelmerger_merge").disabled = following;
    fail(error.message, error.field);
  }
}

async function cancel(event) {
  event.target.disabled = true;
  await api.cancelMerge().catch((error) => fail(error.message));
}

const take = (list) => (values = Object.fromEntries(FIELDS.map((name, place) => [name, list[place]])));

/** Wire the tab, once Gradio has built it (when it is opened for the first time). */
export async function wireMerger() {
  await present(["modelmerger_merge", "modelmerger_work", "modelmerger_formula", "modelmerger_look", "modelmerger_buttons", ...Object.values(BLOCKS)]);
  addSlider(byId(BLOCKS.multiplier), [0, 1, 0.05], "Multiplier");
  for (const input of byId("modelmerger_files").querySelectorAll("input")) input.placeholder = "Choose a checkpoint";
  for (const button of byId("modelmerger_buttons").querySelectorAll("[data-press]")) {
    button.addEventListener("click", () => byId(button.dataset.press).click());
  }
  byId("modelmerger_cancel").addEventListener("click", cancel);
  byId("modelmerger_look").click();
  render();
  const state = await api.mergeState().catch(() => ({ status: "idle" }));
  if (state.status === "running") follow(state);
}

window.easel = {
  ...window.easel,
  merge(list) {
    take(list);
    start();
  },
  mergeChanged(list) {
    take(list);
    render();
  },
  merged: () => filename,
  mergeUsed(answer) {
    const { error } = JSON.parse(answer || "{}");
    if (error) return fail(error);
    byId("easel_look_again")?.click();
    byId("modelmerger_use_now")?.replaceWith(el("span", { class: "easel-note" }, "In use"));
  },
};
