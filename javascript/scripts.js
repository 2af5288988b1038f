// The Script menu: which of its entries are offered in the open tab, and the controls of the chosen one.
import { byId } from "./dom.js";
import { fill, onValues, sift, values } from "./form.js";
import { onTab, openKind } from "./tabs.js";

const NONE = "None";
const SETTLE_MS = 60;

let facts = { menu: [], parts: [] };
let settling = 0;
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
  // Gradio makes the options anew whenever the menu opens.
  new MutationObserver(hideOptions).observe(byId("txt2img_script_container"), { childList: true, subtree: true });
  follow();
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
