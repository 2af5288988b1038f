// Several pictures: each of them makes one. A shelf of thumbnails, and a place to drop more.
import { showError } from "../alerts.js";
import * as api from "../api.js";
import { byId, el } from "../dom.js";
import { changedSource, inputUrl, saysSomething, source, upload } from "./state.js";

const MOST = 1000;
/** Thumbnails that are shown; the rest is counted. */
const SHOWN = 120;

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
  const own = el("input", { type: "checkbox", onchange: () => setOwnPrompts(own.checked) });
  const words = el("label", { class: "easel-check", id: "easel_own_prompts", title: "Behind the prompt above, with the seed that made each" }, own, "Use the prompts that are in the pictures");
  const line = el(
    "div",
    { class: "easel-several-line" },
    el("p", { class: "easel-note" }),
    el("button", { type: "button", class: "easel-button", onclick: choose }, "Add"),
    el("button", { type: "button", class: "easel-button", onclick: () => set([]) }, "Remove all"),
  );
  const node = el("div", { class: "easel-several", id: "easel_several", hidden: true }, input, empty, line, words, shelf, folderForm());
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

/** A folder on the machine that Easel runs on, and one with masks. */
function folderForm() {
  const field = (id, text, placeholder) => {
    const input = el("input", { type: "text", id, placeholder, spellcheck: "false", autocomplete: "off" });
    return { input, label: el("label", {}, el("span", {}, text), input) };
  };
  const folder = field("easel_folder", "Folder", "Path on the machine that runs Easel");
  const masks = field("easel_masks", "Masks", "Folder; the same names, or one for all");
  const take = el("button", { type: "submit", class: "easel-button" }, "Take all pictures");
  const form = el("form", { class: "easel-folder" }, folder.label, masks.label, take);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!folder.input.value.trim()) return folder.input.focus();
    take.disabled = true;
    try {
      set((await api.keepFolder(folder.input.value, masks.input.value)).slice(0, MOST));
    } catch (error) {
      showError(error.message);
    } finally {
      take.disabled = false;
    }
  });
  return el("details", { class: "easel-folder-fold" }, el("summary", {}, "From a folder"), form);
}

function setOwnPrompts(on) {
  source.ownPrompts = on;
  changedSource("several");
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
  const [, empty, line, words, shelf] = node.children;
  empty.hidden = several.length > 0;
  line.hidden = shelf.hidden = several.length === 0;
  line.firstChild.textContent = counted(several);
  words.hidden = !several.some(saysSomething);
  words.firstChild.checked = source.ownPrompts;
  const more = several.length > SHOWN ? [el("li", { class: "easel-shelf-more" }, `and ${several.length - SHOWN} more`)] : [];
  shelf.replaceChildren(...several.slice(0, SHOWN).map(item), ...more);
}

function counted(several) {
  const masks = several.filter(({ mask }) => mask).length;
  const pictures = several.length === 1 ? "1 picture" : `${several.length} pictures, each makes one`;
  return masks ? `${pictures} · ${masks === several.length ? "with masks" : `${masks} with masks`}` : pictures;
}

function item(picture, place) {
  const gone = ({ currentTarget }) => currentTarget.closest("li").classList.add("easel-gone");
  const image = el("img", { src: inputUrl(picture), alt: `Picture ${place + 1}`, loading: "lazy", onerror: gone });
  const remove = () => set(source.several.filter((_, other) => other !== place));
  return el("li", {}, image, el("button", { type: "button", "aria-label": `Remove picture ${place + 1}`, onclick: remove }, "×"));
}
