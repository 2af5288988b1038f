// Finding pictures again: what is typed above the gallery is looked for in all of them, on the server.
import { PAGE, pictures as ask } from "./api.js";
import { byId, el } from "./dom.js";
import { changed, state, watch } from "./store.js";

const KEY = "easel.search";
const PAUSE_MS = 250;

let waiting = 0;
let turn = 0;

/** Wire the search field; what was looked for is looked for again after a reload. */
export function wireSearch() {
  const field = byId("easel_search");
  field.value = sessionStorage.getItem(KEY) ?? "";
  field.addEventListener("input", soon);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !field.value) return;
    event.preventDefault();
    field.value = "";
    soon();
  });
  watch((what) => {
    if ((what === "picture" || what === "snapshot") && field.value.trim()) soon();
    if (what === "removed" && state.found) tell(state.found);
  });
}

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(look, byId("easel_search").value.trim() ? PAUSE_MS : 0);
}

async function look() {
  const text = byId("easel_search").value.trim();
  sessionStorage.setItem(KEY, text);
  const mine = ++turn;
  if (!text) return show(null);
  try {
    const { pictures } = await ask({ search: text });
    if (mine === turn) show(withOlder(text, pictures));
  } catch (error) {
    if (mine === turn) say(error.message);
  }
}

/** The newest pictures that are found, with the older ones that were already there: nobody is sent back to the top. */
function withOlder(text, newest) {
  const before = state.found?.text === text && newest.length === PAGE ? state.found : null;
  const older = before?.pictures.filter((picture) => picture.id < newest.at(-1).id) ?? [];
  return { text, pictures: [...newest, ...older], complete: newest.length < PAGE || (older.length > 0 && before.complete) };
}

/** Older pictures of those that are found. */
export async function moreFound() {
  const { found } = state;
  const last = found?.pictures.at(-1);
  if (!last || found.complete) return;
  const { pictures } = await ask({ search: found.text, before: last.id });
  if (state.found !== found) return;
  show({ ...found, pictures: [...found.pictures, ...pictures], complete: pictures.length < PAGE });
}

function show(found) {
  const before = state.found;
  state.found = found;
  tell(found);
  if (before || found) changed("found");
}

function tell(found) {
  if (!found) say(null);
  else if (found.pictures.length === 0) say(...nothing(found.text));
  else say(found.complete ? `${found.pictures.length} found` : null);
}

const EXAMPLES = ["-snow", '"red house"', "seed:5", "model:starter", "sampler:euler", "size:512x512", "negative:trees", "since:yesterday"];

function nothing(text) {
  const codes = EXAMPLES.flatMap((example) => [el("code", {}, example), " "]);
  return [`No picture was made with “${text}”. Words are looked for in prompts; these work, too: `, ...codes];
}

function say(...parts) {
  const line = byId("easel_search_said");
  line.hidden = parts[0] === null;
  line.replaceChildren(...parts.filter(Boolean));
}
