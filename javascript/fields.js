// The form's fields, as the server describes them (`modules/pages/fields.py`).
import { byId } from "./dom.js";

/**
 * @typedef {Object} Field
 * @property {string} name of its value
 * @property {string} id of its block
 * @property {string} api its name in the API
 * @property {string} label
 * @property {string[]} kinds of the requests that have it
 * @property {string} [path] its place in a request
 * @property {[number, number, number] | null} [slider]
 * @property {[string, any][]} [choices] what is shown, and what a request says then
 * @property {any} [blank] a value that is shown as an empty field
 * @property {string} [fold] the id of the part that unfolds and holds it
 *
 * @typedef {"txt2img" | "img2img" | "inpaint" | "outpaint"} Kind
 */

/** @type {Field[]} */
export const fields = JSON.parse(byId("easel_fields").textContent);

/** The switch of hires fix, which is no part of a request. */
export const HIRES = "hires.enabled";
const SAME = "As above";
export const NO_REFINER = "None";
const NO_SCRIPT = "None";
export const BY_SETTINGS = "As in the settings";

/** The block of a field on the page. */
export const blockOf = (field) => byId(field.id);

/** The field of that name. */
export const named = (name) => fields.find((field) => field.name === name);

/** The fields that requests of a kind have. */
export const fieldsOf = (kind) => fields.filter((field) => field.kinds.includes(kind));

/** The value at a dotted path of an object: `at(request, "noise.variation_seed")`. */
export const at = (object, path) => path.split(".").reduce((value, key) => value?.[key], object);

/** The tab that a request belongs to. @returns {Kind} */
export function kindOf(request) {
  if (!request.init_images) return "txt2img";
  if (request.frame) return "outpaint";
  return request.mask ? "inpaint" : "img2img";
}

/** How the form shows a request's value. */
function shown(field, value) {
  if (field.choices?.length) return field.choices.find(([, meant]) => meant === value)?.[0];
  if (field.blank !== null && value === field.blank) return null;
  // A menu has a word for "the same as in the first pass".
  if (value === null && /^hires\.(sampler|scheduler|checkpoint)$/.test(field.name)) return SAME;
  return value;
}

/** The values that the form shows for a request: those that it says something about. */
export function valuesOf(request) {
  const kind = kindOf(request);
  const values = kind === "txt2img" ? { [HIRES]: Boolean(request.hires) } : {};
  for (const field of fieldsOf(kind)) {
    const value = field.path && at(request, field.path);
    if (value !== undefined) values[field.name] = shown(field, value);
    else if (field.name === "refiner.checkpoint") values[field.name] = NO_REFINER;
    else if (field.name === "script") values[field.name] = NO_SCRIPT;
  }
  return values;
}
