// The server's answers about networks (`modules/rest/networks.py`).
import { ask, send } from "../api.js";

const at = (kind, rest = "", query = {}) => {
  const words = new URLSearchParams(query).toString();
  return `easel/networks/${encodeURIComponent(kind)}${rest}${words ? `?${words}` : ""}`;
};

/** @returns {Promise<{kinds: {key: string, title: string}[]}>} */
export const kinds = () => ask("easel/networks");
/** @returns {Promise<{cards: Object[], total: number, chosen: string | null}>} */
export const page = (kind, query) => ask(at(kind, "", query));
export const tree = (kind) => ask(at(kind, "/tree"));
export const details = (kind, name) => ask(at(kind, "/details", { name }));
export const hash = (kind, name) => ask(at(kind, "/hash", { name }));
export const refresh = (kind) => ask(at(kind, "/refresh"), { method: "POST" });
export const saveNotes = (kind, name, fields) => send("PUT", at(kind, "/notes", { name }), { fields });
export const setPreview = (kind, name, body) => send("PUT", at(kind, "/preview", { name }), body);
export const missing = (networks) => send("POST", "easel/networks/missing", { networks });
export const choose = (kind, name) => ask(at(kind, "/choose", { name }), { method: "POST" });

/** The preview's address names its time of change, so it is asked for once. */
export const previewUrl = (card) => at(card.kind, "/preview", { name: card.name, v: card.preview });
