// The server's addresses, relative to the page, so that a sub-path works.

/** @returns {Promise<any>} the answer's JSON; throws an Error with the server's sentence, and the `field` to blame. */
export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("Easel does not answer. Is it still running?");
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.detail ?? `The server answered ${answer.status}.`), { field: body.field });
  return body;
}

const post = (path) => ask(path, { method: "POST" });
export const send = (method, path, body) =>
  ask(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const interrupt = () => post("easel/interrupt");
export const finish = () => post("easel/finish");
export const skip = () => post("easel/skip");
export const cancel = (job) => post(`easel/jobs/${job}/cancel`);
export const job = (id) => ask(`easel/jobs/${id}`);
/** So many pictures come at a time. */
export const PAGE = 60;
/** Pictures, newest first: those before one (an id), those that a search finds. */
export const pictures = (facts) => ask(`easel/pictures?${new URLSearchParams({ limit: PAGE, ...facts })}`);

export const deletePicture = (id) => ask(`easel/pictures/${id}`, { method: "DELETE" });
/** Bring a deleted picture back: the picture. */
export const restorePicture = (id) => post(`easel/pictures/${id}/restore`);

export const readPrompts = (prompts) => send("POST", "easel/prompt", prompts);
export const names = (kind, text, limit) =>
  ask(`easel/names?kind=${encodeURIComponent(kind)}&q=${encodeURIComponent(text)}&limit=${limit}`);
export const styles = () => ask("easel/styles");
export const putStyle = (style) => send("PUT", "easel/styles", style);
export const deleteStyle = (name) => ask(`easel/styles?name=${encodeURIComponent(name)}`, { method: "DELETE" });
/** The styles that prompts hold, and the prompts without them: `{styles, prompt, negative_prompt}`. */
export const recogniseStyles = (prompts) => send("POST", "easel/styles/recognise", prompts);

export const settings = () => ask("easel/settings");
/** Change settings by dotted names; an error has the `field` to blame. */
export const changeSettings = (changes) => send("PATCH", "easel/settings", changes);

export const mergeState = () => ask("internal/merge");
export const beginMerge = (order) => send("POST", "internal/merge", order);
export const cancelMerge = () => post("internal/merge/cancel");

/** Keep a picture on the server for a request that will name it: `{name, width, height}`. */
export const keepPicture = (file) =>
  ask("easel/inputs", { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
/** Keep all pictures of a folder on the server's machine: the same for each, with its `file` and its `mask`. */
export const keepFolder = (folder, masks) => send("POST", "easel/inputs/folder", { folder, masks });
export const beginUpscaling = (order) => send("POST", "easel/extras", order);
/** The recipe in a picture, which comes as a data URL: `{info, items, parameters}`. */
export const pngInfo = (image) => send("POST", "sdapi/v1/png-info", { image });

/** A finished picture never changes, so its address with a version is asked for once. */
export const pictureUrl = (picture) => `${picture.url}?v=${Math.round(picture.created)}`;
export const thumbUrl = (picture) => `${picture.url}/thumb?v=${Math.round(picture.created)}`;
