// Names offered while typing: networks after "<", wildcards after "__", embeddings and styles after two letters.
// The list is there only when there is something to offer; without it every key does what it always does.
import * as api from "./api.js";
import { PROMPTS, applyEdit, areaOf, isOwnEdit } from "./boxes.js";
import { byId, el } from "./dom.js";
import { placeOnScreen } from "./mirror.js";
import { chosenStyles, toggle } from "./styles.js";

const REST_MS = 80;
const OFFERED = 8;
const ASKED = 40;
const LIST = "easel_completion";
const KINDS_OF_TAGS = ["lora", "hypernet"];
const ALIASES = { lyco: "lora" };

let open = null;
let turn = 0;
let timer = 0;

/** Wire completion. */
export function wireCompletion() {
  document.body.append(el("ul", { class: "easel-completion", id: LIST, role: "listbox", "aria-label": "Names", hidden: true }));
  for (const name of PROMPTS) {
    const area = areaOf(name);
    area.setAttribute("aria-autocomplete", "list");
    area.setAttribute("aria-controls", LIST);
    area.addEventListener("input", (event) => (event.isComposing ? close() : soon(area, event.inputType)));
    // Before the keys of `keys.js` and of the form.
    area.addEventListener("keydown", press, { capture: true });
    for (const gone of ["blur", "scroll", "pointerdown"]) area.addEventListener(gone, close);
  }
  addEventListener("resize", close);
  byId("easel_left")?.addEventListener("scroll", close);
  addEventListener("scroll", close);
}

/**
 * What is being typed at the end of a text: the kind of name and how much of it is there.
 * @param {string} text up to the cursor
 * @returns {{trigger: "tag" | "wildcard" | "word", start: number, kinds: string[], typed: string} | null}
 */
export function typedAt(text) {
  const tag = text.match(/<(?:(\w+):)?([^<>:,\n]*)$/);
  if (tag) {
    const kinds = tag[1] ? [ALIASES[tag[1]] ?? tag[1]] : KINDS_OF_TAGS;
    return kinds.every((kind) => KINDS_OF_TAGS.includes(kind)) ? { trigger: "tag", start: tag.index, kinds, typed: tag[2] } : null;
  }
  const line = text.slice(text.lastIndexOf("\n") + 1);
  const marks = line.split("__");
  if (marks.length % 2 === 0 && /^[^\s,(){}[\]<>|][^,(){}[\]<>|]*$|^$/.test(marks.at(-1))) {
    const typed = marks.at(-1);
    return { trigger: "wildcard", start: text.length - typed.length - 2, kinds: ["wildcard"], typed };
  }
  const word = text.match(/(?:^|[\s,()[\]{}<>|:])([^\s,()[\]{}<>|:]{2,})$/);
  return word ? { trigger: "word", start: text.length - word[1].length, kinds: ["embedding", "style"], typed: word[1] } : null;
}

function soon(area, inputType) {
  clearTimeout(timer);
  turn++;
  // Undo, paste and our own edits are no typing.
  const typing = !isOwnEdit() && (inputType === "insertText" || inputType?.startsWith("delete"));
  const typed = typing && area.selectionStart === area.selectionEnd ? typedAt(area.value.slice(0, area.selectionStart)) : null;
  if (!typed || (!open && inputType.startsWith("delete"))) return close();
  timer = setTimeout(() => offer(area, typed, turn), REST_MS);
}

async function offer(area, typed, mine) {
  let found;
  try {
    found = await candidates(typed);
  } catch {
    found = [];
  }
  if (mine !== turn || document.activeElement !== area) return;
  const same = found.length === 1 && (found[0].insert || found[0].name) === typed.typed;
  if (found.length === 0 || same) close();
  else show(area, typed, found.slice(0, OFFERED));
}

/** The names that fit; those of a half-typed kind of tag too: "<lo" may become any LoRA. */
async function candidates({ trigger, kinds, typed }) {
  const asked = kinds.map((kind) => [kind, trigger === "tag" && typed && kind.startsWith(typed) && kinds.length > 1 ? "" : typed]);
  const answers = await Promise.all(asked.map(([kind, text]) => api.names(kind, text, ASKED)));
  const found = answers.flat();
  if (trigger !== "word") return found;
  const chosen = new Set(chosenStyles().map((style) => style.name));
  return found.filter(({ kind, name }) => beginsWord(name, typed) && !(kind === "style" && chosen.has(name)));
}

/** Whether a name, or a word in it, begins so. */
function beginsWord(name, typed) {
  const [whole, start] = [name.toLowerCase(), typed.toLowerCase()];
  return whole.startsWith(start) || whole.split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(start));
}

function show(area, typed, found) {
  open = { area, typed, found, at: 0 };
  const list = byId(LIST);
  list.replaceChildren(...found.map((one, place) => option(one, place)));
  list.hidden = false;
  const { left, top, bottom } = placeOnScreen(area, typed.start);
  const below = bottom + 4 + list.offsetHeight <= innerHeight;
  list.style.left = `${Math.max(8, Math.min(left - 9, innerWidth - list.offsetWidth - 8))}px`;
  list.style.top = `${below ? bottom + 4 : Math.max(8, top - 4 - list.offsetHeight)}px`;
  point(0);
}

function option({ name, hint }, place) {
  const item = el("li", { id: `${LIST}_${place}`, role: "option" }, el("span", {}, name), el("small", {}, hint));
  // The focus stays in the box.
  item.addEventListener("pointerdown", (event) => event.preventDefault());
  item.addEventListener("click", () => accept(place));
  return item;
}

function point(place) {
  open.at = (place + open.found.length) % open.found.length;
  [...byId(LIST).children].forEach((item, at) => {
    item.setAttribute("aria-selected", String(at === open.at));
    if (at === open.at) item.scrollIntoView({ block: "nearest" });
  });
  open.area.setAttribute("aria-activedescendant", `${LIST}_${open.at}`);
}

function close() {
  clearTimeout(timer);
  turn++;
  if (!open) return;
  open.area.removeAttribute("aria-activedescendant");
  open = null;
  byId(LIST).hidden = true;
}

function press(event) {
  if (!open || event.isComposing) return;
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
  const actions = {
    ArrowDown: () => point(open.at + 1),
    ArrowUp: () => point(open.at - 1),
    Enter: () => accept(open.at),
    Tab: () => accept(open.at),
    Escape: close,
  };
  if (plain && actions[event.key]) {
    event.preventDefault();
    event.stopImmediatePropagation();
    actions[event.key]();
  } else if (/^(Arrow|Home|End|Page|Enter|Tab)/.test(event.key) || event.ctrlKey || event.metaKey) close();
}

function accept(place) {
  const { area, typed, found } = open;
  const { kind, name, insert } = found[place];
  close();
  const at = area.selectionStart;
  const behind = area.value.slice(at);
  // The rest of what was there before, when a name is typed anew.
  const rest = { tag: /^[^<>,\n]*>/, wildcard: /^__/, word: /^$/ }[typed.trigger].exec(behind)?.[0].length ?? 0;
  const end = typed.start + insert.length;
  applyEdit(area, { start: typed.start, end: at + rest, text: insert, selection: [end, end] });
  if (kind === "style") toggle(name, true);
}
