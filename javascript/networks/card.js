// One card: the preview or, where there is none, the network's initials on a colour of its own.
import { el } from "../dom.js";
import { previewUrl } from "./server.js";

const DESCRIPTION = 200;

/** Icons, as paths of 24x24. */
export const icons = {
  edit: "M4 20l1-4L16.500 4.500a2 2 0 0 1 3 3L8 19zM14.500 6.500l3 3",
  close: "M6 6l12 12M18 6L6 18",
  refresh: "M20 12a8 8 0 1 1-2.500-5.800L20 8.500M20 4v4.500h-4.500",
  order: "M8 5v14M4.500 15.500L8 19l3.500-3.500M14 7h6M14 12h4.500M14 17h3",
  check: "M5 12.500l4.500 4.500L19 7.500",
};

/** An icon that says nothing to a screen reader. */
export function icon(name) {
  const holder = el("span", { "aria-hidden": "true", class: "easel-icon" });
  holder.innerHTML = `<svg viewBox="0 0 24 24"><path d="${icons[name]}" /></svg>`;
  return holder;
}

/** The beginnings of the first two words: "Oil paint_v2" is "OP". */
export function initials(label) {
  const words = label.split(/[^\p{L}\p{N}]+|(?<=\p{Ll})(?=\p{Lu})/u).filter((word) => /\p{L}/u.test(word));
  const letters = words.length > 1 ? words[0][0] + words[1][0] : (words[0] ?? label).slice(0, 2);
  return letters.toUpperCase();
}

/** A hue that is always the same for a name. */
export function hue(label) {
  let number = 0;
  for (const letter of label) number = (number * 31 + letter.codePointAt(0)) >>> 0;
  return (number * 137) % 360;
}

/** The picture of a card. */
export function picture(card) {
  const blank = el("span", { class: "easel-network-blank", "aria-hidden": "true", style: `--easel-hue:${hue(card.label)}` }, initials(card.label));
  if (!card.preview) return blank;
  const gone = ({ currentTarget }) => currentTarget.replaceWith(blank);
  return el("img", { src: previewUrl(card), alt: "", loading: "lazy", decoding: "async", draggable: "false", onerror: gone });
}

/**
 * A card as a list item.
 * @param {Object} card
 * @param {{use: function(): void, edit: function(): void}} actions
 */
export function make(card, actions) {
  const badges = [card.base, card.type].filter(Boolean).map((text) => el("span", {}, text));
  const about = card.description || card.insertion.text;
  const words = [card.label, card.folder && `in ${card.folder}`, about?.slice(0, DESCRIPTION)].filter(Boolean).join("\n");
  const use = el(
    "button",
    { type: "button", class: "easel-network-use", "aria-pressed": "false", tabindex: "-1", title: words, onclick: actions.use },
    picture(card),
    badges.length ? el("span", { class: "easel-network-badges" }, ...badges) : null,
    el("span", { class: "easel-network-mark", "aria-hidden": "true" }, icon("check")),
    el(
      "span",
      { class: "easel-network-words" },
      el("strong", {}, card.label),
      el("small", {}, about || card.folder || " "),
    ),
  );
  const edit = el(
    "button",
    { type: "button", class: "easel-icon-button easel-network-edit", "aria-label": `Edit ${card.label}`, title: "Notes, weight, details", tabindex: "-1", onclick: actions.edit },
    icon("edit"),
  );
  return el("li", { class: "easel-network", "data-name": card.name }, use, edit);
}
