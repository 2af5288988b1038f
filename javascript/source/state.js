// The picture that image to image, inpainting and outpainting begin with. The three share it, so it is chosen once.
import * as api from "../api.js";

const KEY = "easel.source";

/**
 * @typedef {Object} Picture a picture that the server keeps (`/easel/inputs`)
 * @property {string} name
 * @property {number} width
 * @property {number} height
 * @property {string} [prompt] what it says itself; so are `negative_prompt` and `seed`
 * @property {string} [mask] the name of its mask, where it came from a folder with masks
 * @typedef {"view" | "sketch" | "several" | "mask" | "colour-mask" | "outpaint"} Mode what is done with it
 */

/** What each tab offers; the first is where it begins. @type {Object<string, Mode[]>} */
export const MODES = {
  img2img: ["view", "sketch", "several"],
  inpaint: ["mask", "colour-mask", "several"],
  outpaint: ["outpaint"],
};

/** @type {{picture: Picture | null, several: Picture[], ownPrompts: boolean, modes: Object<string, Mode>}} */
export const source = {
  picture: null,
  several: [],
  ownPrompts: false,
  modes: Object.fromEntries(Object.entries(MODES).map(([kind, modes]) => [kind, modes[0]])),
};

const watchers = [];

/** Call `listener(what)` after a change: "picture", "several" or "mode". */
export function onSource(listener) {
  watchers.push(listener);
}

/** Something changed: keep it, and tell. */
export function changedSource(what) {
  try {
    localStorage.setItem(KEY, JSON.stringify(source));
  } catch {
    // Then a reload forgets.
  }
  for (const watcher of watchers) watcher(what);
}

/** Bring back what was there before the page was loaded. */
export function restoreSource() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (kept.picture?.name) source.picture = kept.picture;
    if (Array.isArray(kept.several)) source.several = kept.several.filter((one) => one?.name);
    source.ownPrompts = kept.ownPrompts === true;
    for (const [kind, modes] of Object.entries(MODES)) {
      if (modes.includes(kept.modes?.[kind])) source.modes[kind] = kept.modes[kind];
    }
  } catch {
    // Something else wrote there: no picture.
  }
}

/** Whether a picture says how it was made. */
export const saysSomething = ({ prompt, negative_prompt: negative }) => Boolean(prompt || negative);

export const inputUrl = ({ name }) => `easel/inputs/${name}`;

/** Hand a picture to the server. @returns {Promise<Picture>} */
export const upload = (blob) => api.keepPicture(blob);

/** A picture that the server keeps, as a file. */
export async function fetched(address) {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok) throw new Error("This picture is not there any more.");
  return answer.blob();
}
