// The Script menu: which of its entries are offered in the open tab, and the controls of the chosen one.
// The values of scripts' controls are kept over a reload.
import { byId } from "./dom.js";
import { fill, onRequest, onValues, sift, values } from "./form.js";
import { keep, recall } from "./kept.js";
import { onTab, openKind } from "./tabs.js";

const NONE = "None";
const KEPT = "scripts";
const SETTLE_MS = 60;

let facts = { menu: [], parts: [] };
let pending = {};
let kept = {};
let saving = 0;
let settling = 0;
let open = false;
/** What was chosen where it is offered, while a tab is open that has no such script. */
let aside = null;

/** Wire the menu. */
export function wireScripts() {
  const place = byId("easel_scripts");
  if (!place) return;
  facts = JSON.parse(place.dataset.scripts);
  // The menu may have had another script before the last start.
  sift("script", (title) => (known(title) ? title : NONE));
  onValues(follow);
  onTab(follow);
  onRequest(({ script }) => {
    if (script) fillControls(Object.fromEntries(Object.entries(script.values).map(([key, value]) => [`${encode(script.name)}/${encode(key)}`, value])));
  });
  // Gradio makes the options anew whenever the menu opens.
  new MutationObserver(hideOptions).observe(byId("txt2img_script_container"), { childList: true, subtree: true });
  follow();
  bringBack();
}

/** Whether a script can be chosen in the open tab. */
const offered = (title) => title === NONE || facts.menu.some((one) => one.title === title && one.tabs.includes(openKind()));

const known = (title) => title === NONE || facts.menu.some((one) => one.title === title);

/** Show the controls of the chosen script. */
function follow() {
  const chosen = values.script ?? NONE;
  for (const { title, id } of facts.parts) byId(id)?.classList.toggle("easel-chosen", title === chosen && offered(title));
  // Gradio has to take in what was filled in before: a second filling at once would bring the old values back.
  clearTimeout(settling);
  settling = setTimeout(settle, SETTLE_MS);
}

/** A script that the open tab doesn't offer is not chosen, and comes back with its tab. */
function settle() {
  const chosen = values.script ?? NONE;
  if (aside && chosen !== NONE) aside = null;
  if (aside && offered(aside)) {
    const script = aside;
    aside = null;
    fill({ script });
  } else if (!offered(chosen)) {
    aside = known(chosen) ? chosen : null;
    fill({ script: NONE });
  }
}

function hideOptions() {
  for (const option of document.querySelectorAll("#script_list [role=option]")) {
    const title = option.dataset.value ?? option.getAttribute("aria-label") ?? option.textContent.trim();
    option.hidden = facts.menu.some((one) => one.title === title) && !offered(title);
  }
}

const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** The script and the control, without the tabs: "script/<title>/<control>/<tabs>" is the name of a value. */
const short = (name) => name.split("/").slice(1, 3).join("/");

/** Set controls of scripts. @param {Object<string, any>} changes by `<title>/<control>` */
function fillControls(changes) {
  pending = { ...pending, ...changes };
  byId("easel_fill_scripts")?.click();
}

async function bringBack() {
  const before = await recall(KEPT);
  open = true;
  if (before && typeof before === "object") fillControls(before);
}

function save(list, names) {
  names.forEach((name, place) => (kept[short(name)] = list[place]));
  clearTimeout(saving);
  if (open) saving = setTimeout(() => keep(KEPT, JSON.parse(JSON.stringify(kept))), 150);
}

window.easel = {
  ...window.easel,
  scriptsChanged: save,
  scriptsFilled(list, names) {
    const next = list.map((value, place) => (short(names[place]) in pending ? pending[short(names[place])] : value));
    pending = {};
    save(next, names);
    return next;
  },
};
