// A transparent copy of a text area's text, line for line over the original: to find the cursor, to underline places.
import { el } from "./dom.js";

const SHARED = ["fontFamily", "fontSize", "fontWeight", "fontStyle", "lineHeight", "letterSpacing", "wordSpacing", "textTransform", "textIndent", "tabSize", "direction"];

/** Lay a mirror over a text area, with these pieces of its text in it. */
export function layOver(area, mirror, ...pieces) {
  const style = getComputedStyle(area);
  for (const name of SHARED) mirror.style[name] = style[name];
  for (const side of ["Top", "Right", "Bottom", "Left"]) mirror.style[`padding${side}`] = style[`padding${side}`];
  mirror.style.left = `${area.offsetLeft + area.clientLeft}px`;
  mirror.style.top = `${area.offsetTop + area.clientTop}px`;
  mirror.style.width = `${area.clientWidth}px`;
  mirror.style.height = `${area.clientHeight}px`;
  // A last line that is empty has a height in a text area.
  mirror.replaceChildren(...pieces, "\u200b");
  if (mirror.parentElement !== area.parentElement) area.after(mirror);
  mirror.scrollTop = area.scrollTop;
}

export const newMirror = () => el("div", { class: "easel-mirror", "aria-hidden": "true" });

/** Where a place of the text is on the screen. */
export function placeOnScreen(area, position) {
  const mirror = newMirror();
  const mark = el("span", {}, "\u200b");
  layOver(area, mirror, area.value.slice(0, position), mark, area.value.slice(position));
  const { left, top, bottom } = mark.getBoundingClientRect();
  mirror.remove();
  return { left, top, bottom };
}
