// The form's fields, as the server describes them (`modules/pages/form.py`).
import { byId } from "./dom.js";

/** @type {{name: string, id: string, api: string, label: string, slider: [number, number, number] | null}[]} */
export const fields = JSON.parse(byId("easel_fields").textContent);

/** The block of a field on the page. */
export const blockOf = (field) => byId(field.id);

/** The field of that name. */
export const named = (name) => fields.find((field) => field.name === name);

/** The value at a dotted path of an object: `at(request, "noise.variation_seed")`. */
export const at = (object, path) => path.split(".").reduce((value, key) => value?.[key], object);
