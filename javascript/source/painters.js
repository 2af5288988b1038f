// The painters of the tabs: made when they are first needed, given the shared picture, kept over a reload.
import { createPainter } from "../canvas/painter.js";
import { byId, el } from "../dom.js";
import { keep, recall } from "../kept.js";
import { changedSource, fetched, inputUrl, source, upload } from "./state.js";

const REST_MS = 150;

/** @type {Map<string, {host: HTMLElement, painter: any, shows: string | null, ready: Promise<void>, timer: number}>} */
const made = new Map();
/** The picture's file, where it is at hand. */
let file = { name: null, blob: null };
/** The picture is on its way to the server. */
let sending = Promise.resolve();
let complain = () => {};

/** Hear of problems, as sentences. */
export function onProblem(listener) {
  complain = listener;
}

/** The painter of a mode, with the picture in it; the first time it is made. */
export async function painterFor(mode) {
  const known = made.get(mode) ?? make(mode);
  known.ready = known.ready.then(() => bring(known));
  await known.ready;
  return known.painter;
}

/** The painter of a mode if there is one. */
export const existing = (mode) => made.get(mode)?.painter ?? null;

/** Show the painter of this mode and no other (null: none). */
export function showOnly(mode) {
  for (const [name, { host }] of made) host.hidden = name !== mode;
}

function make(mode) {
  const host = el("div", { class: "easel-source-host", id: `easel_painter_${mode}` });
  byId("easel_source_hosts").append(host);
  const known = { host, painter: null, shows: null, ready: Promise.resolve(), timer: 0 };
  known.painter = createPainter(host, { mode, onChange: (what) => heard(known, mode, what) });
  made.set(mode, known);
  known.ready = recall(`painter.${mode}`).then((kept) => {
    if (!kept) return null;
    const fits = kept.picture && kept.picture === source.picture?.name;
    return known.painter.restore(fits ? kept.state : { settings: kept.state?.settings });
  });
  return known;
}

/** Load the shared picture where another one is shown. */
async function bring(known) {
  const wanted = source.picture?.name ?? null;
  if (known.shows === wanted) return;
  known.shows = wanted;
  if (!wanted) return known.painter.clear();
  try {
    if (file.name !== wanted) file = { name: wanted, blob: await fetched(inputUrl(source.picture)) };
    await known.painter.load(file.blob);
  } catch (error) {
    known.shows = null;
    known.painter.clear();
    // The server forgets pictures that nobody has used for long.
    if (source.picture?.name === wanted) {
      source.picture = null;
      changedSource("picture");
    }
    complain(error.message);
  }
}

function heard(known, mode, what) {
  if (what === "picture") {
    sending = taken(known);
    return;
  }
  if (what === "error") return;
  clearTimeout(known.timer);
  known.timer = setTimeout(() => save(known, mode), REST_MS);
  if (what === "strokes" || what === "frame") changedSource("strokes");
}

/** A person has brought a picture, or taken it away: it holds in all tabs. */
async function taken(known) {
  const blob = known.painter.original();
  if (!blob) {
    known.shows = null;
    source.picture = null;
    return changedSource("picture");
  }
  try {
    const picture = await upload(blob);
    file = { name: picture.name, blob };
    known.shows = picture.name;
    // The painter turns photographs upright; its size is the one that counts.
    source.picture = { ...picture, ...known.painter.size };
    changedSource("picture");
  } catch (error) {
    known.painter.clear();
    known.shows = null;
    source.picture = null;
    changedSource("picture");
    complain(error.message);
  }
}

function save(known, mode) {
  known.timer = 0;
  keep(`painter.${mode}`, { picture: known.shows, state: known.painter.state() });
}

/** Keep at once what waits to be kept: the page is left. */
export function saveAll() {
  for (const [mode, known] of made) {
    if (!known.timer) continue;
    clearTimeout(known.timer);
    save(known, mode);
  }
}

/** When a picture that was just brought has arrived at the server. */
export const arrived = () => sending;

/**
 * Begin with this picture, in all tabs.
 * @param {Blob} blob
 */
export async function usePicture(blob) {
  const picture = await upload(blob);
  file = { name: picture.name, blob };
  source.picture = picture;
  changedSource("picture");
}
