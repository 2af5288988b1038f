// The pane with the picture to begin with: what can be done with it (a row of words), and its painter.
import { showError } from "../alerts.js";
import { byId, el } from "../dom.js";
import { onTab, openKind } from "../tabs.js";
import { maskButtons } from "./masks.js";
import { extendButtons } from "./outpaint.js";
import { existing, onProblem, painterFor, saveAll, showOnly } from "./painters.js";
import { drawSeveral, severalNode } from "./several.js";
import { MODES, changedSource, onSource, restoreSource, source } from "./state.js";

const WORDS = {
  view: ["Picture", "The picture as it is"],
  sketch: ["Sketch", "Paint on the picture first"],
  several: ["Several", "Each of several pictures makes one"],
  mask: ["Mask", "Paint over what is to be drawn anew"],
  "colour-mask": ["Mask in colours", "Paint in the colours that it should have"],
};

/** The mode of the open tab, or null where there is no picture to begin with. */
export const openMode = () => source.modes[openKind()] ?? null;

/** Wire the pane. */
export function wirePane() {
  restoreSource();
  onProblem((sentence) => showError(sentence));
  byId("easel_source_hosts").append(severalNode());
  onTab(show);
  onSource((what) => {
    if (what === "several") drawSeveral();
    if (what === "picture" || what === "mode") show();
  });
  for (const name of ["pagehide", "visibilitychange"]) addEventListener(name, saveAll);
  show();
}

/** Change what is done with the picture in the open tab. */
function choose(mode) {
  source.modes[openKind()] = mode;
  changedSource("mode");
}

let drawn = "";

function show() {
  const mode = openMode();
  if (!mode) return;
  const key = `${openKind()} ${mode}`;
  if (drawn !== key) drawBar(mode);
  drawn = key;
  byId("easel_several").hidden = mode !== "several";
  if (mode === "several") {
    drawSeveral();
    return showOnly(null);
  }
  painterFor(mode);
  showOnly(mode);
}

function drawBar(mode) {
  const modes = MODES[openKind()];
  const words = modes.map((one) =>
    el("button", { type: "button", role: "radio", "aria-checked": String(one === mode), title: WORDS[one]?.[1], onclick: () => choose(one) }, WORDS[one]?.[0]),
  );
  const segments = modes.length > 1 ? el("div", { class: "easel-segment-row", role: "radiogroup", "aria-label": "What is done with the picture" }, ...words) : null;
  const more = { mask: maskButtons, outpaint: extendButtons }[mode]?.() ?? null;
  byId("easel_source_bar").replaceChildren(...[segments, more].filter(Boolean));
  segments?.addEventListener("keydown", walk);
}

/** Arrow keys choose among the words. */
function walk(event) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const modes = MODES[openKind()];
  choose(modes[(modes.indexOf(openMode()) + by + modes.length) % modes.length]);
  byId("easel_source_bar").querySelector("[aria-checked=true]")?.focus();
}

/** Lead to the place where a picture is chosen. */
export function leadToPane() {
  byId("easel_source").scrollIntoView({ block: "nearest", behavior: "smooth" });
  const host = byId("easel_source_hosts").querySelector(".easel-source-host:not([hidden]), #easel_several:not([hidden])");
  const target = existing(openMode())?.hasPicture ? host?.querySelector(".easel-painter-stage") : host?.querySelector(".easel-button-main");
  target?.focus({ preventScroll: true });
  host?.classList.add("easel-called");
  setTimeout(() => host?.classList.remove("easel-called"), 1200);
}
