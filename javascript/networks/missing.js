// Networks that a recipe names and that aren't here: told by name and hash, so that people can look for them.
import { byId, confirm, copy, el } from "../dom.js";
import * as server from "./server.js";

const TAGS = { lora: "lora", lyco: "lora", hypernet: "hypernetworks" };
const HASHES = { "Lora hashes": "lora", "TI hashes": "textual_inversion" };
const TITLES = { lora: "Lora", hypernetworks: "Hypernetwork", textual_inversion: "Embedding" };
const NOTICE = "easel_missing";

/**
 * The networks that an infotext names.
 * @param {string} infotext
 * @returns {{kind: string, name: string, hash: string}[]}
 */
export function named(infotext) {
  const found = new Map();
  const add = (kind, name, hash) => found.set(`${kind} ${name}`, { kind, name, hash: hash || found.get(`${kind} ${name}`)?.hash || "" });
  for (const [, tag, name] of infotext.matchAll(/<(lora|lyco|hypernet):([^:>\n]+)(?::[^>\n]*)?>/gi)) add(TAGS[tag.toLowerCase()], name.trim(), "");
  for (const [label, kind] of Object.entries(HASHES)) {
    const [, quoted, bare] = infotext.match(new RegExp(`${label}: (?:"((?:\\\\.|[^"\\\\])*)"|([^,\\n]*))`)) ?? [];
    for (const pair of (quoted ?? bare ?? "").split(",")) {
      const at = pair.lastIndexOf(":");
      if (at > 0) add(kind, pair.slice(0, at).trim(), pair.slice(at + 1).trim());
    }
  }
  return [...found.values()];
}

/**
 * Tell above the form which networks of an infotext aren't here; an older notice goes.
 * @param {string} infotext
 * @returns {Promise<Object[]>} those that are missing
 */
export async function tellMissing(infotext) {
  byId(NOTICE)?.remove();
  const wanted = named(infotext ?? "");
  if (wanted.length === 0) return [];
  const { missing } = await server.missing(wanted).catch(() => ({ missing: [] }));
  if (missing.length) byId("easel_alerts")?.append(notice(missing));
  return missing;
}

function notice(missing) {
  const lines = missing.map(({ kind, name, hash, instead }) =>
    el(
      "li",
      {},
      `${TITLES[kind] ?? kind} `,
      el("strong", {}, name),
      instead ? ` – the same file is here as ${instead}.` : hash ? " with the hash " : " (its hash isn't told).",
      hash && !instead ? copyable(hash) : null,
    ),
  );
  const close = el("button", { type: "button", "aria-label": "Dismiss", onclick: () => byId(NOTICE)?.remove() }, "×");
  const text = missing.length === 1 ? "This recipe uses a network that isn't here:" : "This recipe uses networks that aren't here:";
  return el("div", { class: "easel-alert easel-network-missing", id: NOTICE }, el("div", {}, el("p", {}, text), el("ul", {}, ...lines)), close);
}

function copyable(hash) {
  const copied = async ({ currentTarget: self }) => {
    await copy(hash);
    confirm(self, "Copied");
  };
  return el("button", { type: "button", class: "easel-network-hash", title: "Copy", onclick: copied }, hash);
}

