// The tabs: four of them share the workbench, which shows the parts of the tab that is open (`data-tab`, in style.css).
import { byId } from "./dom.js";

const KEY = "easel.tab";

/** @type {import("./fields.js").Kind[]} */
export const KINDS = ["txt2img", "img2img", "inpaint", "outpaint"];

let kind = "txt2img";
let open = null;
const watchers = [];

/** What Generate makes now. @returns {import("./fields.js").Kind} */
export const openKind = () => kind;

/** Call `listener(kind)` when another tab of the workbench opens. */
export function onTab(listener) {
  watchers.push(listener);
}

/** Open a tab. */
export function showTab(name) {
  (byId(`tab_${name}-button`) ?? byId(`${name}-button`))?.click();
}

/** Follow Gradio's tabs, and open the one that was open before. */
export function wireTabs() {
  const bar = byId("tabs");
  new MutationObserver(follow).observe(bar, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
  let kept = null;
  try {
    kept = localStorage.getItem(KEY);
  } catch {
    // No storage: the first tab.
  }
  if (kept && kept !== kind) showTab(kept);
  follow();
}

/** The name of the open tab. Gradio moves tabs without room for them into a menu; the open one is never there. */
function follow() {
  const button = byId("tabs").querySelector("[role=tab][aria-selected=true]");
  const name = button?.dataset.tabId?.replace(/^tab_/, "");
  if (!name || name === open) return;
  open = name;
  document.documentElement.dataset.tab = name;
  button.scrollIntoView({ block: "nearest", inline: "nearest" });
  try {
    localStorage.setItem(KEY, name);
  } catch {
    // Then a reload opens the first one.
  }
  if (!KINDS.includes(name)) return;
  kind = name;
  for (const watcher of watchers) watcher(kind);
}
