// What the page knows of the server: jobs, pictures, progress. Changed by events only, watched by the views.

/**
 * @typedef {Object} State
 * @property {boolean} ready a snapshot has come
 * @property {boolean} connected
 * @property {Object[]} waiting the running job and the queued ones, in order
 * @property {Object[]} recent jobs that ended, newest first
 * @property {Object[]} pictures newest first
 * @property {{text: string, pictures: Object[], complete: boolean} | null} found what a search found; null: none is on
 * @property {Object | null} progress of the running job
 * @property {string | null} preview data URL of the batch at work
 * @property {number | null} selected the picture that the user wants to see; null: the newest
 */

/** @type {State} */
export const state = {
  ready: false,
  connected: false,
  waiting: [],
  recent: [],
  pictures: [],
  found: null,
  progress: null,
  preview: null,
  selected: null,
};

const listeners = new Set();

/** Call `listener(what)` after every change; `what` names the event. */
export function watch(listener) {
  listeners.add(listener);
}

/** Tell the views. */
export function changed(what, data) {
  for (const listener of listeners) listener(what, data);
}

const newestFirst = (a, b) => b.id - a.id;

/** Add pictures to those that are known. */
export function addPictures(pictures) {
  const known = new Map(state.pictures.map((picture) => [picture.id, picture]));
  for (const picture of pictures) known.set(picture.id, picture);
  state.pictures = [...known.values()].sort(newestFirst);
}

const over = (job) => job.status !== "queued" && job.status !== "running";

function dropPicture({ id }) {
  const others = (picture) => picture.id !== id;
  state.pictures = state.pictures.filter(others);
  if (state.found) state.found = { ...state.found, pictures: state.found.pictures.filter(others) };
  if (state.selected === id) state.selected = null;
}

function takeJob(job) {
  const place = state.waiting.findIndex((other) => other.id === job.id);
  if (over(job)) {
    if (place >= 0) state.waiting.splice(place, 1);
    state.recent = [job, ...state.recent.filter((other) => other.id !== job.id)].slice(0, 20);
    if (state.progress?.job === job.id) forgetProgress();
  } else if (place >= 0) state.waiting[place] = job;
  else state.waiting.push(job);
  state.waiting.sort((a, b) => (b.status === "running") - (a.status === "running") || a.id - b.id);
}

function forgetProgress() {
  state.progress = null;
  state.preview = null;
}

function takeProgress(progress) {
  const before = state.progress;
  const sameBatch = before?.job === progress.job && before?.picture === progress.picture;
  if (progress.preview) state.preview = progress.preview;
  else if (!sameBatch) state.preview = null;
  state.progress = progress;
}

const reducers = {
  snapshot(data) {
    const oldest = Math.min(...data.pictures.map((picture) => picture.id));
    state.pictures = data.pictures.length ? state.pictures.filter((picture) => picture.id < oldest) : [];
    addPictures(data.pictures);
    state.waiting = data.waiting;
    state.recent = data.recent;
    state.ready = true;
    if (data.progress) takeProgress(data.progress);
    else forgetProgress();
  },
  job: takeJob,
  progress: takeProgress,
  picture: (picture) => addPictures([picture]),
  removed: dropPicture,
  settings: () => {},
};

/** Apply one of the server's events. */
export function apply(kind, data) {
  reducers[kind]?.(data);
  changed(kind, data);
}

/** The job at work, or null. */
export const runningJob = () => state.waiting.find((job) => job.status === "running") ?? null;

/** The job at work, or the one that will be in a moment (while a model is loaded, say), or null. */
export const activeJob = () => state.waiting[0] ?? null;

/** The picture that the stage shows when nothing is being made. */
export function shownPicture() {
  const chosen = (picture) => picture.id === state.selected;
  return state.pictures.find(chosen) ?? state.found?.pictures.find(chosen) ?? state.pictures[0] ?? null;
}

/** The pictures that the gallery shows: all that are known, or those that a search found. */
export const listed = () => state.found?.pictures ?? state.pictures;

/** Show this picture (an id), or the newest (null). */
export function select(id) {
  state.selected = id;
  changed("select");
}
