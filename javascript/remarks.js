// What looks wrong in a prompt: one quiet sentence each, which leads to the place, and a line under the place itself.
import { PROMPTS, areaOf, selectIn } from "./boxes.js";
import { el } from "./dom.js";
import { blockOf, named } from "./fields.js";
import { layOver, newMirror } from "./mirror.js";
import { onReading } from "./reading.js";

const SHOWN = 3;
// Half-typed brackets are no news, so remarks wait until the typing rests.
const PATIENCE_MS = 600;

/** Wire the remarks under both boxes. */
export function wireRemarks() {
  for (const name of PROMPTS) watchBox(name, areaOf(name));
}

/** One remark as a line; the place is selected when it is pressed. */
export function remarkLine({ message, field, start, end }) {
  if (start === null) return el("li", {}, message);
  const button = el("button", { type: "button", title: "Show the place", onclick: () => selectIn(field, start, end) }, message);
  return el("li", {}, button);
}

function watchBox(name, area) {
  const list = el("ul", { class: "easel-remarks", "aria-live": "polite", "aria-label": `Remarks about: ${named(name).label}`, hidden: true });
  const mirror = newMirror();
  let remarks = [];
  let timer = 0;
  blockOf(named(name)).append(list);

  const underline = () => layOver(area, mirror, ...marked(area.value, remarks));
  const show = (next) => {
    remarks = next;
    const more = remarks.length - SHOWN;
    list.hidden = remarks.length === 0;
    list.replaceChildren(...remarks.slice(0, SHOWN).map(remarkLine));
    if (more > 0) list.append(el("li", {}, more === 1 ? "And one more." : `And ${more} more.`));
    underline();
  };
  onReading((reading) => {
    const next = reading?.warnings.filter((warning) => warning.field === name) ?? [];
    const typing = document.activeElement === area && next.length > remarks.length;
    clearTimeout(timer);
    timer = setTimeout(() => show(next), typing ? PATIENCE_MS : 0);
  });
  // Lines under places that have moved would lie.
  area.addEventListener("input", () => {
    clearTimeout(timer);
    mirror.replaceChildren();
  });
  area.addEventListener("scroll", () => (mirror.scrollTop = area.scrollTop));
  new ResizeObserver(() => mirror.querySelector("mark") && underline()).observe(area);
}

/** The text in pieces, the places of remarks marked; of places that overlap the first counts. */
function marked(text, remarks) {
  const pieces = [];
  let at = 0;
  const places = remarks.filter(({ start }) => start !== null).sort((one, other) => one.start - other.start);
  for (const { start, end } of places) {
    if (start < at || end <= start) continue;
    pieces.push(text.slice(at, start), el("mark", {}, text.slice(start, end)));
    at = end;
  }
  return at ? [...pieces, text.slice(at)] : [];
}
