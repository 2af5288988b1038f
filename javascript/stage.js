// The wall with the picture: the preview while one is made, then the finished picture, or a friendly word.
import { pictureUrl } from "./api.js";
import { byId } from "./dom.js";
import { finalSize } from "./hires.js";
import { showRecipe } from "./recipe.js";
import { fitted } from "./scale.js";
import { showSend } from "./send.js";
import { activeJob, shownPicture, state, watch } from "./store.js";
import { onTab, openKind } from "./tabs.js";
import { openViewer } from "./viewer.js";

/** What the empty wall says. */
const WELCOME = {
  txt2img: ["What would you like to see?", "Describe a picture, then press Generate."],
  img2img: ["What should it become?", "Choose a picture, describe the new one, then press Generate."],
  inpaint: ["What should change?", "Paint over a part of a picture, describe it, then press Generate."],
  outpaint: ["What is beyond the edge?", "Extend a picture's sides, describe it all, then press Generate."],
};

let natural = null;

/** Wire the stage. */
export function wireStage() {
  watch((what) => {
    if (what === "snapshot" || what === "job" || what === "progress" || what === "picture" || what === "select") render();
  });
  byId("easel_frame").addEventListener("click", () => {
    const picture = visiblePicture();
    if (picture) openViewer(picture.id);
  });
  byId("easel_picture").addEventListener("load", ({ currentTarget: image }) => {
    if (!natural?.preview) return;
    place(previewSize(image, activeJob() && finalSize(activeJob().request)));
    // A preview has few pixels: blurred by a part of one, it is a picture out of focus and not a grid.
    image.style.setProperty("--easel-blur", `${Math.min(12, (0.4 * image.clientWidth) / image.naturalWidth)}px`);
  });
  byId("easel_picture").addEventListener("error", () => {
    byId("easel_picture").alt = "The file of this picture is not there any more.";
  });
  new ResizeObserver(() => place(natural)).observe(byId("easel_wall"));
  onTab(greet);
  greet(openKind());
  render();
}

function greet(kind) {
  const [question, advice] = WELCOME[kind];
  byId("easel_welcome").querySelector("h3").textContent = question;
  byId("easel_welcome").querySelector("p").textContent = advice;
  byId("easel_ideas").hidden = kind === "inpaint" || kind === "outpaint";
}

/** The finished picture on the wall, or null while a preview or nothing hangs there. */
export function visiblePicture() {
  const job = activeJob();
  if (!job) return shownPicture();
  if (state.preview) return null;
  return state.pictures.find((picture) => picture.job === job.id) ?? null;
}

/** What hangs on the wall now: one of five states, which the style sheet and the tests know by name. */
function situation() {
  if (!state.ready) return "starting";
  if (activeJob() && state.preview) return "preview";
  if (visiblePicture()) return "picture";
  return activeJob() ? "waiting" : "welcome";
}

/** Bring the wall up to date. */
export function render() {
  const now = situation();
  const wall = byId("easel_wall");
  const picture = visiblePicture();
  wall.dataset.state = now;
  wall.dataset.working = String(Boolean(activeJob()));
  byId("easel_welcome").hidden = now !== "welcome";
  // Until there is something to see of a new job, the last picture stays, dimmed.
  const last = now === "waiting" ? shownPicture() : picture;
  byId("easel_blank").hidden = now !== "waiting" || Boolean(last);
  byId("easel_frame").hidden = now !== "preview" && !last;
  byId("easel_frame").disabled = now !== "picture";
  if (now === "preview") showPreview();
  else if (last) showPicture(last);
  else if (now === "waiting" && activeJob().request.width) place(finalSize(activeJob().request));
  showRecipe(picture, activeJob());
  showSend(picture);
}

function showPreview() {
  const image = byId("easel_picture");
  if (image.getAttribute("src") === state.preview) return;
  natural ??= { width: 1, height: 1 };
  natural.preview = true;
  image.src = state.preview;
  image.alt = "The picture so far";
}

function showPicture(picture) {
  const image = byId("easel_picture");
  const url = pictureUrl(picture);
  if (image.getAttribute("src") !== url) {
    image.src = url;
    image.alt = picture.infotext.split("\n")[0] || "A picture without a prompt";
  }
  place({ width: picture.width, height: picture.height });
}

/** A preview stands for the picture that it becomes; one of several pictures at a time is a mosaic. */
function previewSize(image, request) {
  const { naturalWidth: width, naturalHeight: height } = image;
  if (!request?.width || !width) return width ? { width, height, preview: true } : natural;
  const alike = Math.abs(width / height - request.width / request.height) < 0.02;
  const single = (state.progress?.count ?? 1) === 1;
  const factor = alike && single ? request.width / width : Math.sqrt((request.width * request.height * (state.progress?.count ?? 1)) / (width * height));
  return { width: width * factor, height: height * factor, preview: true };
}

/** Give frame and blank the size for a picture of this size. */
function place(size) {
  if (!size) return;
  natural = size;
  const wall = byId("easel_wall");
  const style = getComputedStyle(wall);
  const width = wall.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const height = wall.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
  const fit = fitted(size.width, size.height, width, height);
  for (const id of ["easel_frame", "easel_blank"]) {
    byId(id).style.width = `${fit.width}px`;
    byId(id).style.height = `${fit.height}px`;
  }
}
