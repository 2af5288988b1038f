// The pictures that there are, newest first. Thumbnails are fetched when they come near; older ones when the end does.
import { PAGE, pictures as ask, pictureUrl, thumbUrl } from "./api.js";
import { byId, el } from "./dom.js";
import { moreFound } from "./search.js";
import { addPictures, changed, listed, shownPicture, state, watch } from "./store.js";
import { openViewer } from "./viewer.js";

const items = new Map();
let loading = false;
let complete = false;

/** Wire the gallery. */
export function wireGallery() {
  watch((what) => {
    if (what === "snapshot") complete = state.pictures.length < PAGE;
    if (["snapshot", "picture", "removed", "older", "found"].includes(what)) render();
    if (["snapshot", "older", "found"].includes(what)) requestAnimationFrame(moreIfNear);
    if (what !== "progress" && what !== "connection") markShown();
  });
  byId("easel_strip").addEventListener("keydown", walk);
  new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && more(), {
    rootMargin: "600px",
  }).observe(byId("easel_more"));
}

function render() {
  const strip = byId("easel_strip");
  byId("easel_gallery").hidden = state.pictures.length === 0;
  const kept = new Set(listed().map((picture) => picture.id));
  for (const [id, item] of items) {
    if (!kept.has(id)) {
      item.remove();
      items.delete(id);
    }
  }
  listed().forEach((picture, place) => {
    const item = items.get(picture.id) ?? make(picture);
    if (strip.children[place] !== item) strip.insertBefore(item, strip.children[place] ?? null);
  });
}

function make(picture) {
  const title = picture.infotext.split("\n")[0] || "A picture without a prompt";
  const image = el("img", {
    src: thumbUrl(picture),
    alt: title,
    loading: "lazy",
    decoding: "async",
    width: picture.width,
    height: picture.height,
    // What is dragged onto a canvas is the picture and not its thumbnail.
    ondragstart: ({ dataTransfer }) => dataTransfer.setData("text/uri-list", new URL(pictureUrl(picture), document.baseURI).href),
    onerror: ({ currentTarget }) => currentTarget.closest("li").classList.add("easel-gone"),
  });
  const open = () => openViewer(picture.id);
  const item = el("li", {}, el("button", { type: "button", title, onclick: open, "data-picture": picture.id }, image));
  items.set(picture.id, item);
  return item;
}

function markShown() {
  const shown = shownPicture()?.id;
  for (const [id, item] of items) {
    if (id === shown) item.firstChild.setAttribute("aria-current", "true");
    else item.firstChild.removeAttribute("aria-current");
  }
}

/** Arrow keys go from picture to picture. */
function walk(event) {
  const steps = { ArrowLeft: "previousElementSibling", ArrowRight: "nextElementSibling" };
  const next = event.target.closest("li")?.[steps[event.key]];
  if (!next) return;
  event.preventDefault();
  next.firstChild.focus();
}

/** Fetch older pictures where the end of the list can be seen already. */
function moreIfNear() {
  const { top } = byId("easel_more").getBoundingClientRect();
  if (byId("easel_more").offsetParent && top < innerHeight + 600) more();
}

/** Fetch older pictures. */
export async function more() {
  const last = state.pictures.at(-1);
  if (loading || (!state.found && complete) || !last) return;
  loading = true;
  try {
    if (state.found) return await moreFound();
    const { pictures } = await ask({ before: last.id });
    complete = pictures.length < PAGE;
    addPictures(pictures);
    changed("older");
  } catch {
    // The next scroll tries again.
  } finally {
    loading = false;
  }
}
