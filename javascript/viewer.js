// A picture large, with its recipe: a modal dialog, so that Esc and the focus are the browser's business.
import { pictureUrl } from "./api.js";
import { el } from "./dom.js";
import { recipeBody, recipeButtons } from "./recipe.js";
import { fitted } from "./scale.js";
import { removal } from "./removal.js";
import { sendButtons } from "./send.js";
import { select, state, watch } from "./store.js";

let dialog = null;
let shown = null;
let zoomed = false;
const parts = {};

function icon(path) {
  const holder = el("span", { "aria-hidden": "true", class: "easel-icon" });
  holder.innerHTML = `<svg viewBox="0 0 24 24"><path d="${path}" /></svg>`;
  return holder;
}

function iconButton(label, path, action, extra = {}) {
  return el("button", { type: "button", class: "easel-icon-button", "aria-label": label, title: label, onclick: action, ...extra }, icon(path));
}

function build() {
  parts.image = el("img", { alt: "", onclick: () => zoom(!zoomed) });
  parts.canvas = el("div", { class: "easel-viewer-canvas" }, parts.image);
  parts.count = el("p", { class: "easel-viewer-count", "aria-live": "polite" });
  parts.zoom = el("button", { type: "button", class: "easel-button", "aria-pressed": "false", onclick: () => zoom(!zoomed) }, "1:1");
  parts.download = el("a", { class: "easel-button", download: "" }, "Download");
  parts.recipe = el("div", { class: "easel-viewer-recipe" });
  parts.back = iconButton("Newer picture", "M15 5l-7 7 7 7", () => step(-1), { "data-step": "back" });
  parts.on = iconButton("Older picture", "M9 5l7 7-7 7", () => step(1), { "data-step": "on" });
  parts.removal = removal(() => list()[place()], leave, (id) => openViewer(id), () => dialog.open && show());
  const close = iconButton("Close", "M6 6l12 12M18 6L6 18", () => dialog.close());
  const { said, button } = parts.removal;
  const bar = el("header", {}, parts.count, said, parts.zoom, parts.download, button, close);
  dialog = el("dialog", { class: "easel-viewer", "aria-label": "Picture" }, bar, parts.back, parts.canvas, parts.on, parts.recipe);
  dialog.addEventListener("keydown", keys);
  dialog.addEventListener("close", () => select(shown === state.pictures[0]?.id || place() < 0 ? null : shown));
  dialog.addEventListener("click", (event) => event.target === parts.canvas && dialog.close());
  swipe(parts.canvas);
  new ResizeObserver(layout).observe(parts.canvas);
  watch((what) => ["picture", "removed", "older", "found"].includes(what) && dialog.open && show());
  document.body.append(dialog);
}

/** Open the viewer at a picture. */
export function openViewer(id) {
  if (!dialog) build();
  shown = id;
  zoom(false);
  if (!dialog.open) dialog.showModal();
  show();
}

/** The pictures to go through: those that a search found, where the one that is shown is one of them. */
function list() {
  const found = state.found?.pictures;
  return found?.some((picture) => picture.id === shown) ? found : state.pictures;
}

function place() {
  return list().findIndex((picture) => picture.id === shown);
}

/** Go to a newer (-1) or older (1) picture. */
function step(by) {
  const next = list()[place() + by];
  if (!next) return;
  shown = next.id;
  zoom(false);
  show();
}

/** Go to a neighbour, as this picture is being deleted. */
function leave() {
  const at = place();
  const next = list()[at + 1] ?? list()[at - 1];
  if (!next) return; // the viewer stays empty as long as it can be brought back
  shown = next.id;
  zoom(false);
  show();
}

function show() {
  const at = place();
  const picture = list()[at];
  dialog.classList.toggle("easel-viewer-empty", !picture);
  if (!picture) {
    if (!parts.removal.undoable()) dialog.close();
    return;
  }
  const title = picture.infotext.split("\n")[0] || "A picture without a prompt";
  if (parts.image.dataset.picture !== String(picture.id)) {
    parts.image.dataset.picture = picture.id;
    parts.image.src = pictureUrl(picture);
    parts.image.alt = title;
    const soon = () => setTimeout(() => dialog.close(), 350);
    const buttons = [recipeButtons(picture, { onUsed: soon }), sendButtons(picture, { onSent: soon })];
    parts.recipe.replaceChildren(...[...recipeBody(picture), ...buttons].filter(Boolean));
  }
  parts.count.textContent = `${at + 1} of ${list().length}`;
  parts.download.href = pictureUrl(picture);
  parts.download.setAttribute("download", picture.file.split("/").at(-1));
  parts.back.disabled = at === 0;
  parts.on.disabled = at === list().length - 1;
  layout();
  for (const near of [list()[at + 1], list()[at - 1]]) if (near) new Image().src = pictureUrl(near);
}

function layout() {
  const picture = list()[place()];
  if (!picture || !dialog.open) return;
  const { clientWidth, clientHeight } = parts.canvas;
  const size = zoomed ? { width: picture.width, height: picture.height } : fitted(picture.width, picture.height, clientWidth, clientHeight);
  parts.image.style.width = `${zoomed ? size.width / devicePixelRatio : size.width}px`;
  parts.image.style.height = `${zoomed ? size.height / devicePixelRatio : size.height}px`;
}

/** One pixel of the picture on one of the screen, or as large as fits. */
function zoom(on) {
  zoomed = on;
  parts.zoom.setAttribute("aria-pressed", String(on));
  dialog.classList.toggle("easel-zoomed", on);
  layout();
}

function keys(event) {
  const actions = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), z: () => zoom(!zoomed), Delete: parts.removal.remove };
  if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  actions[event.key]();
}

function swipe(area) {
  let from = null;
  area.addEventListener("touchstart", (event) => {
    from = event.touches.length === 1 && !zoomed ? event.touches[0] : null;
  }, { passive: true });
  area.addEventListener("touchend", (event) => {
    const to = event.changedTouches[0];
    if (!from || !to) return;
    const across = to.clientX - from.clientX;
    if (Math.abs(across) > 50 && Math.abs(across) > 2 * Math.abs(to.clientY - from.clientY)) step(across > 0 ? -1 : 1);
    from = null;
  }, { passive: true });
}
