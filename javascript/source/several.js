// Several pictures: each of them makes one. A shelf of thumbnails, and a place to drop more.
import { showError } from "../alerts.js";
import { byId, el } from "../dom.js";
import { changedSource, inputUrl, source, upload } from "./state.js";

const MOST = 64;

/** The shelf; made once. */
export function severalNode() {
  const input = el("input", { type: "file", accept: "image/*", multiple: true, class: "easel-hidden", tabindex: "-1", "aria-label": "Picture files" });
  input.addEventListener("change", () => {
    add([...input.files]);
    input.value = "";
  });
  const choose = () => input.click();
  const shelf = el("ul", { class: "easel-shelf", "aria-label": "Pictures to begin with" });
  const empty = el(
    "div",
    { class: "easel-several-empty" },
    el("button", { type: "button", class: "easel-button easel-button-main", onclick: choose }, "Choose pictures"),
    el("p", {}, "or drop them here. Each of them makes a picture."),
  );
  const line = el(
    "div",
    { class: "easel-several-line" },
    el("p", { class: "easel-note" }),
    el("button", { type: "button", class: "easel-button", onclick: choose }, "Add"),
    el("button", { type: "button", class: "easel-button", onclick: () => set([]) }, "Remove all"),
  );
  const node = el("div", { class: "easel-several", id: "easel_several", hidden: true }, input, empty, line, shelf);
  node.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    node.toggleAttribute("data-dropping", true);
  });
  node.addEventListener("dragleave", (event) => node.contains(event.relatedTarget) || node.removeAttribute("data-dropping"));
  node.addEventListener("drop", (event) => {
    node.removeAttribute("data-dropping");
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    add([...event.dataTransfer.files]);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
    if (node.hidden || !node.offsetParent || !files.length) return;
    event.preventDefault();
    add(files);
  });
  return node;
}

function set(pictures) {
  source.several = pictures;
  changedSource("several");
}

/** Send files to the server, one after the other; those that are no pictures are told. */
async function add(files) {
  const failed = [];
  for (const file of files) {
    if (source.several.length >= MOST) {
      showError(`At most ${MOST} pictures can be taken at a time.`);
      break;
    }
    try {
      set([...source.several, await upload(file)]);
    } catch (error) {
      failed.push(`${file.name}: ${error.message}`);
    }
  }
  if (failed.length) showError(failed.length === 1 ? failed[0] : `${failed.length} files could not be taken. ${failed[0]}`);
}

/** Bring the shelf up to date. */
export function drawSeveral() {
  const node = byId("easel_several");
  const { several } = source;
  const [, empty, line, shelf] = node.children;
  empty.hidden = several.length > 0;
  line.hidden = shelf.hidden = several.length === 0;
  line.firstChild.textContent = several.length === 1 ? "1 picture" : `${several.length} pictures, each makes one`;
  shelf.replaceChildren(...several.map(item));
}

function item(picture, place) {
  const gone = ({ currentTarget }) => currentTarget.closest("li").classList.add("easel-gone");
  const image = el("img", { src: inputUrl(picture), alt: `Picture ${place + 1}`, loading: "lazy", onerror: gone });
  const remove = () => set(source.several.filter((_, other) => other !== place));
  return el("li", {}, image, el("button", { type: "button", "aria-label": `Remove picture ${place + 1}`, onclick: remove }, "×"));
}
