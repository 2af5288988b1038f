// The tab "Extras": takes pictures, starts the upscaling, shows how far it is, and the results beside their originals.
// Gradio owns the form's values and hands them over in the order of `FIELDS` in `modules/pages/extras.py`.
import * as api from "./api.js";
import { byId, el, present } from "./dom.js";
import { duration } from "./progress.js";
import { addSlider, formErrors } from "./side-form.js";
import { fetched } from "./source/state.js";
import { state, watch } from "./store.js";
import { showTab } from "./tabs.js";

const FIELDS = ["folder", "upscaler_1", "resize", "scale", "width", "height", "crop", "upscaler_2", "upscaler_2_visibility", "gfpgan_visibility", "codeformer_visibility", "codeformer_weight", "upscale_first"];
const SLIDERS = { scale: [1, 4, 0.25], upscaler_2_visibility: [0, 1, 0.05], gfpgan_visibility: [0, 1, 0.05], codeformer_visibility: [0, 1, 0.05], codeformer_weight: [0, 1, 0.05] };
/** The API's names of fields, which errors use, and our blocks. */
const BLOCKS = {
  folder: "extras_folder",
  files: "extras_folder",
  upscaler_1: "extras_upscaler_1",
  upscaler_2: "extras_upscaler_2",
  upscaling_resize: "extras_scale",
  upscaling_resize_w: "extras_width",
  upscaling_resize_h: "extras_height",
  extras_upscaler_2_visibility: "extras_upscaler_2_visibility",
  gfpgan_visibility: "extras_gfpgan_visibility",
  codeformer_visibility: "extras_codeformer_visibility",
  codeformer_weight: "extras_codeformer_weight",
};

const { clear, fail } = formErrors({ form: "extras_form", alerts: "extras_alerts", blocks: BLOCKS });

/** Pictures that were given: `{file, url, name, width, height}`; `name` comes when the server has the picture. */
let sources = [];
/** Jobs that were begun here: number -> the names of their pictures, in order. */
const jobs = new Map();
/** Finished pictures of those jobs, newest first. */
let results = [];
let shown = null;
let values = { resize: "by" };

const thisTab = () => byId("extras_choose")?.offsetParent !== null;

// ── Pictures ──────────────────────────────────────────────────────────────────────────────────────────────────

async function add(files) {
  clear();
  const known = sources.map((source) => `${source.file.name} ${source.file.size} ${source.file.lastModified}`);
  for (const file of files) {
    if (known.includes(`${file.name} ${file.size} ${file.lastModified}`)) continue;
    const source = { file, url: URL.createObjectURL(file), name: null, item: null };
    sources.push(source);
    source.item = line(source);
    byId("extras_pictures").append(source.item);
    source.sent = send(source);
  }
  arrange();
}

async function send(source) {
  try {
    Object.assign(source, await api.keepPicture(source.file));
    source.item.removeAttribute("data-busy");
    source.item.querySelector("img").title = `${source.file.name}, ${source.width} × ${source.height}`;
  } catch (error) {
    remove(source);
    fail(`${source.file.name}: ${error.message.replace(/^picture(:| holds)/, (_, end) => (end === ":" ? "" : "it holds")).trim()}`);
  }
}

function line(source) {
  const off = el("button", { type: "button", "aria-label": `Take ${source.file.name} away`, title: "Take away", onclick: () => remove(source) }, "×");
  return el("li", { "data-busy": true }, el("img", { src: source.url, alt: source.file.name }), off);
}

function remove(source) {
  sources = sources.filter((other) => other !== source);
  source.item.remove();
  arrange();
}

function arrange() {
  byId("extras_drop").dataset.filled = String(sources.length > 0);
  byId("extras_drop").dataset.many = String(sources.length > 1);
  byId("extras_choose").querySelector("strong").textContent = sources.length ? "Add pictures" : "Drop pictures here";
  const button = byId("extras_generate");
  const count = sources.length;
  button.textContent = count > 1 && !values.folder?.trim() ? `Upscale ${count} pictures` : "Upscale";
}

function wireDrop() {
  const zone = byId("extras_drop");
  const chooser = byId("extras_file");
  const pictures = (list) => [...(list ?? [])].filter((file) => file.type.startsWith("image/") || /\.(png|jpe?g|webp|avif|bmp|gif|tiff?)$/i.test(file.name));
  byId("extras_choose").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    add([...chooser.files]);
    chooser.value = "";
  });
  // The whole tab takes what is dropped; the zone shows that it does.
  const tab = byId("extras");
  for (const kind of ["dragenter", "dragover"]) {
    tab.addEventListener(kind, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      zone.classList.add("easel-drop-over");
    });
  }
  tab.addEventListener("dragleave", (event) => {
    if (!tab.contains(event.relatedTarget)) zone.classList.remove("easel-drop-over");
  });
  tab.addEventListener("drop", (event) => {
    zone.classList.remove("easel-drop-over");
    const files = pictures(event.dataTransfer.files);
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    if (files.length) add(files);
    else fail("That is no picture. Drop PNG, JPEG, WebP or AVIF files.");
  });
  addEventListener("paste", (event) => {
    const files = pictures(event.clipboardData?.files);
    if (!thisTab() || !files.length) return;
    event.preventDefault();
    add(files);
  });
}

// ── The form ──────────────────────────────────────────────────────────────────────────────────────────────────

function render() {
  byId("extras").dataset.resize = values.resize;
  arrange();
}

function body(names) {
  return {
    images: names,
    folder: values.folder ?? "",
    resize_mode: values.resize === "to" ? 1 : 0,
    upscaling_resize: values.scale,
    upscaling_resize_w: values.width,
    upscaling_resize_h: values.height,
    upscaling_crop: values.crop,
    upscaler_1: values.upscaler_1,
    upscaler_2: values.upscaler_2,
    extras_upscaler_2_visibility: values.upscaler_2_visibility,
    gfpgan_visibility: values.gfpgan_visibility,
    codeformer_visibility: values.codeformer_visibility,
    codeformer_weight: values.codeformer_weight,
    upscale_first: values.upscale_first,
  };
}

async function start() {
  clear();
  const button = byId("extras_generate");
  button.disabled = true;
  try {
    await Promise.all(sources.map((source) => source.sent));
    const names = sources.map((source) => source.name).filter(Boolean);
    const { job } = await api.beginUpscaling(body(names));
    jobs.set(job, names);
    catchUp(job);
    progress();
  } catch (error) {
    fail(error.message, error.field);
  } finally {
    button.disabled = false;
  }
}

// ── Progress ──────────────────────────────────────────────────────────────────────────────────────────────────

/** The job of ours that is at work or comes first. */
const ours = () => state.waiting.find((job) => jobs.has(job.id)) ?? null;

function words(job) {
  const now = state.progress?.job === job.id ? state.progress : null;
  if (!now) return state.waiting[0]?.id === job.id ? "Starting …" : "Waiting for the jobs before it";
  const parts = now.pictures > 1 ? [`Picture ${now.picture + 1} of ${now.pictures}`] : [];
  if (now.phase === "loading") return [...parts, `${now.message} …`].join(" · ");
  parts.push(`${Math.round(100 * now.fraction)} %`);
  if (now.eta !== null && now.fraction < 1) parts.push(`${duration(now.eta)} left`);
  return parts.join(" · ");
}

function progress() {
  const job = ours();
  const box = byId("extras_work");
  box.hidden = !job;
  if (!job) {
    byId("extras_stop").disabled = false;
    return;
  }
  const now = state.progress?.job === job.id ? state.progress : null;
  const bar = box.querySelector("[role=progressbar]");
  bar.classList.toggle("easel-bar-busy", !now || (now.phase === "loading" && now.fraction === 0));
  bar.setAttribute("aria-valuenow", String(Math.round(100 * (now?.fraction ?? 0))));
  bar.firstElementChild.style.transform = `scaleX(${now?.fraction ?? 0})`;
  byId("extras_words").textContent = words(job);
}

async function stop({ currentTarget: button }) {
  const job = ours();
  if (!job) return;
  button.disabled = true;
  try {
    await (job.status === "running" ? api.interrupt() : api.cancel(job.id));
  } catch (error) {
    button.disabled = false;
    fail(error.message);
  }
}

/** What was told of a job before we knew that it is ours: a small picture may be done before the answer is here. */
function catchUp(job) {
  for (const picture of state.pictures) if (picture.job === job) take(picture);
  const ended = state.recent.find((other) => other.id === job);
  if (ended?.status === "failed") fail(ended.error ?? "The job failed.", ended.field);
}

function heard(what, data) {
  if (what === "picture" && jobs.has(data.job)) take(data);
  if (what === "job" && jobs.has(data.id) && data.status === "failed") fail(data.error ?? "The job failed.", data.field);
  if (what === "snapshot") for (const picture of state.pictures) if (jobs.has(picture.job)) take(picture);
  if (["job", "progress", "snapshot"].includes(what)) progress();
}

// ── Results ───────────────────────────────────────────────────────────────────────────────────────────────────

function take(picture) {
  if (results.some((other) => other.id === picture.id)) return;
  results.unshift(picture);
  const label = `Result ${results.length}, ${picture.width} × ${picture.height}`;
  const image = el("img", { src: api.thumbUrl(picture), alt: label, loading: "lazy", decoding: "async" });
  byId("extras_strip").prepend(el("li", {}, el("button", { type: "button", title: label, "data-id": picture.id, onclick: () => show(picture) }, image)));
  byId("extras_strip").hidden = results.length < 2;
  show(picture);
}

const original = (picture) => jobs.get(picture.job)?.[picture.number] ?? null;

function show(picture) {
  shown = picture;
  const before = original(picture);
  byId("extras_empty").hidden = true;
  byId("extras_compare").hidden = false;
  byId("extras_compare").dataset.single = String(!before);
  const sheet = byId("extras_sheet");
  sheet.style.setProperty("--easel-ratio", `${picture.width} / ${picture.height}`);
  sheet.style.setProperty("--easel-natural", `${picture.width / devicePixelRatio}px`);
  byId("extras_after").src = api.pictureUrl(picture);
  if (before) byId("extras_before").src = `easel/inputs/${before}`;
  else byId("extras_before").removeAttribute("src");
  for (const button of byId("extras_strip").querySelectorAll("button")) {
    if (button.dataset.id === String(picture.id)) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  const from = sources.find((source) => source.name === before);
  const size = `${picture.width} × ${picture.height}`;
  byId("extras_about").textContent = from?.width ? `${from.width} × ${from.height} → ${size}` : size;
  for (const id of ["extras_open", "extras_download"]) byId(id).href = api.pictureUrl(picture);
  byId("extras_download").download = picture.file?.split("/").at(-1) ?? "";
}

function wireCompare() {
  const range = byId("extras_share");
  const sheet = byId("extras_sheet");
  const follow = () => sheet.style.setProperty("--easel-share", `${range.value}%`);
  range.addEventListener("input", follow);
  follow();
  byId("extras_zoom").addEventListener("click", ({ currentTarget: button }) => {
    const large = byId("extras_compare").classList.toggle("easel-compare-actual");
    button.textContent = large ? "Fit" : "Actual pixels";
    button.setAttribute("aria-pressed", String(large));
  });
}

const taken = (list) => (values = Object.fromEntries(FIELDS.map((name, place) => [name, list[place]])));

let wired;
/** The tab is there and works. */
const ready = new Promise((resolve) => (wired = resolve));

/** Wire the tab, once Gradio has built it (when it is opened for the first time). */
export async function wireExtras() {
  await present(["extras_generate", "extras_choose", "extras_work", "extras_compare", "extras_strip", "extras_scale", "extras_look"]);
  for (const name of Object.keys(SLIDERS)) present([`extras_${name}`]).then(() => addSlider(byId(`extras_${name}`), SLIDERS[name], name));
  wireDrop();
  wireCompare();
  byId("extras_strip").hidden = true;
  byId("extras_stop").addEventListener("click", stop);
  byId("extras_look").click();
  watch(heard);
  render();
  progress();
  wired();
}

/** Open the tab with a picture. @param {string} address */
async function takeIn(address) {
  showTab("extras");
  const blob = await fetched(address);
  await ready;
  const name = decodeURIComponent(new URL(address, document.baseURI).pathname.split("/").at(-1)) || "picture";
  await add([new File([blob], name, { type: blob.type })]);
}

window.easel = {
  ...window.easel,
  sendToExtras: takeIn,
  upscale(list) {
    taken(list);
    start();
  },
  extrasChanged(list) {
    taken(list);
    render();
  },
};
