// What a network's file says of itself, for people: facts, the tags it was trained with, and all of it to unfold.
import { el } from "../dom.js";

const DATE = { year: "numeric", month: "short", day: "numeric" };

/** A number of bytes in words. */
export function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${value >= 100 || power === 0 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}

/**
 * The details as elements.
 * @param {Object} found the server's details
 * @param {function(string): void} addTag a tag was pressed
 */
export function metadata(found, addTag) {
  const { card } = found;
  const facts = [
    ["Model", card.base],
    ["Type", card.type],
    ["Size", size(card.size)],
    ["Changed", new Date(card.modified * 1000).toLocaleDateString(undefined, DATE)],
    ["Hash", card.hash],
  ];
  const chips = [...facts, ...found.summary].filter(([, value]) => value);
  return [
    el("dl", { class: "easel-chips" }, ...chips.map(([name, value]) => el("div", { class: "easel-chip" }, el("dt", {}, name), el("dd", { title: value }, value)))),
    found.tags.length ? tags(found.tags, card.insertion.name ? addTag : null) : null,
    el("p", { class: "easel-file", title: "Where the file is" }, found.path),
    raw(found.raw),
  ].filter(Boolean);
}

function tags(list, addTag) {
  const chip = ([tag, count]) =>
    el("button", { type: "button", class: "easel-idea", disabled: !addTag, title: `${count} training pictures`, onclick: () => addTag(tag) }, tag, el("small", {}, String(count)));
  return el("section", { class: "easel-network-tags" }, el("h3", {}, "Trained with these tags", el("span", {}, addTag ? " – press one to add it to the activation text" : "")), el("div", {}, ...list.map(chip)));
}

function raw(values) {
  const entries = Object.entries(values);
  if (entries.length === 0) return null;
  const rows = entries.map(([key, value]) => el("tr", {}, el("th", { scope: "row" }, key), el("td", {}, value)));
  return el("details", { class: "easel-network-raw" }, el("summary", {}, `All metadata (${entries.length})`), el("table", {}, el("tbody", {}, ...rows)));
}
