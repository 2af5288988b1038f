// The networks: a panel beside the prompt with a card for each file; a click puts it into the prompt.
import { PROMPTS, areaOf } from "../boxes.js";
import { byId, el } from "../dom.js";
import { watch } from "../store.js";
import { openEditor } from "./editor.js";
import { showFolders } from "./folders.js";
import { newGrid } from "./grid.js";
import { look, memory, recall, remember, view } from "./memory.js";
import { build, showTabs } from "./panel.js";
import { addTarget, coveredWhen, isIn, target, textToImage, toggle, written } from "./prompts.js";
import * as server from "./server.js";

const TYPING_MS = 150;
const SHEET = matchMedia("(max-width: 899.9px)");
const TOUCH = matchMedia("(pointer: coarse)");

let parts = null;
let grid = null;
let kinds = [];
let folders = [];
let chosen = null;
let timer = 0;
const buttons = [];

/** Wire the panel, and its button in the first tab. */
export async function wireNetworks() {
  document.head.append(el("link", { rel: "stylesheet", href: "easel/static/networks/networks.css" }));
  recall();
  parts = build();
  grid = newGrid({
    scroller: parts.scroller,
    ask: (offset, limit) => server.page(memory().kind, { ...asked(), offset, limit }),
    use,
    edit: (card) => openEditor(card, { saved: grid.put }),
    isOn: (card) => (card.insertion.name ? isIn(card.insertion) : card.name === chosen),
    told,
  });
  coveredWhen(() => SHEET.matches || TOUCH.matches);
  wirePanel();
  addNetworksButton(textToImage(byId("easel_prompt_tools"), byId("easel_workbench")));
  for (const name of PROMPTS) areaOf(name).addEventListener("input", () => requestAnimationFrame(grid.mark));
  watch((what, data) => {
    if (what !== "settings") return;
    chosen = data.model?.checkpoint ?? chosen;
    grid.mark();
  });
  kinds = (await server.kinds().catch(() => ({ kinds: [] }))).kinds;
  for (const button of buttons) button.hidden = kinds.length === 0;
  if (kinds.length === 0) return;
  if (!kinds.some(({ key }) => key === memory().kind)) remember({ kind: kinds.at(-1).key });
  if (memory().open && !SHEET.matches) open({ focus: false });
}

/**
 * Give a tab a button for the panel. Each tab with prompts calls this once.
 * @param {import("./prompts.js").Target} tab
 */
export function addNetworksButton(tab) {
  addTarget(tab);
  const press = () => (parts.root.hidden || parts.root.parentElement !== tab.home ? open({ focus: true }) : close());
  const button = el(
    "button",
    { type: "button", class: "easel-text-button easel-network-toggle", "aria-expanded": "false", "aria-controls": "easel_networks", onclick: press, hidden: kinds.length === 0 },
    el("span", {}, "Networks"),
  );
  buttons.push(button);
  const styles = tab.tools.querySelector("#easel_styles_toggle");
  const row = el("div", { class: "easel-prompt-buttons" });
  if (styles) styles.replaceWith(row);
  else tab.tools.append(row);
  row.append(...[button, styles].filter(Boolean));
}

const asked = () => {
  const { search, folder, sort, descending } = view();
  return { search, folder, sort, descending };
};

function wirePanel() {
  parts.close.addEventListener("click", close);
  parts.search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => change({ search: parts.search.value.trim() }), TYPING_MS);
  });
  parts.search.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && parts.search.value) event.stopPropagation();
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    grid.focus();
  });
  parts.sort.addEventListener("change", () => change({ sort: parts.sort.value, descending: ["date", "created", "size"].includes(parts.sort.value) }));
  parts.order.addEventListener("click", () => change({ descending: !view().descending }));
  parts.where.addEventListener("click", () => unfold(parts.folders.hidden));
  parts.refresh.addEventListener("click", refresh);
  parts.scroller.addEventListener("scrollend", () => look({ scroll: Math.round(parts.scroller.scrollTop) }));
  parts.root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
}

function open({ focus }) {
  const tab = target();
  if (parts.root.parentElement !== tab.home) tab.home.insertBefore(parts.root, tab.home.children[1] ?? null);
  parts.root.hidden = false;
  document.documentElement.classList.add("easel-networks-open");
  for (const button of buttons) button.setAttribute("aria-expanded", "true");
  remember({ open: true });
  show(memory().kind);
  if (focus) (TOUCH.matches ? parts.close : parts.search).focus({ preventScroll: true });
}

function close() {
  parts.root.hidden = true;
  document.documentElement.classList.remove("easel-networks-open");
  for (const button of buttons) button.setAttribute("aria-expanded", "false");
  remember({ open: false });
  buttons.find((button) => button.offsetParent)?.focus({ preventScroll: true });
}

/** Show a kind of networks as it was left. */
function show(kind) {
  if (kind !== memory().kind) grid.clear();
  remember({ kind });
  showTabs(parts.tabs, kinds, kind, show);
  parts.search.value = view().search;
  parts.status.textContent = "";
  folders = [];
  unfold(false);
  redraw(view().scroll);
  loadFolders(kind);
}

async function loadFolders(kind) {
  const found = await server.tree(kind).catch(() => ({ folders: [] }));
  if (kind !== memory().kind) return;
  folders = found.folders;
  if (view().folder && !folders.some(({ path }) => path === view().folder)) change({ folder: "" });
  drawFolders();
}

function drawFolders() {
  parts.where.hidden = folders.length === 0;
  parts.where.firstChild.textContent = view().folder || "All folders";
  showFolders(parts.folders, folders, view().folder, (folder) => {
    unfold(false);
    change({ folder });
    parts.where.focus({ preventScroll: true });
  });
}

function unfold(on) {
  parts.folders.hidden = !on;
  parts.where.setAttribute("aria-expanded", String(on));
}

function change(changes) {
  look({ ...changes, scroll: 0 });
  redraw(0);
}

function redraw(top) {
  const { sort, descending } = view();
  parts.sort.value = sort;
  parts.order.setAttribute("aria-pressed", String(descending));
  drawFolders();
  grid.renew(top);
}

async function refresh() {
  const { kind } = memory();
  parts.refresh.classList.add("easel-network-busy");
  try {
    await server.refresh(kind);
    if (kind === "checkpoints") byId("easel_look_again")?.click();
    redraw(parts.scroller.scrollTop);
    loadFolders(kind);
  } catch (error) {
    say(error.message);
  } finally {
    parts.refresh.classList.remove("easel-network-busy");
  }
}

/** The server's answer to what was asked last, or its error. */
function told(answer) {
  const failed = answer instanceof Error;
  if (!failed) {
    chosen = answer.chosen ?? chosen;
    const { total } = answer;
    parts.count.textContent = total === 1 ? "1 network" : `${total.toLocaleString()} networks`;
  }
  parts.none.hidden = !failed && answer.total > 0;
  if (!parts.none.hidden) parts.none.replaceChildren(...empty(failed ? answer : null));
}

const PLACES = {
  checkpoints: "models/Stable-diffusion",
  textual_inversion: "models/embeddings",
  hypernetworks: "models/hypernetworks",
  lora: "models/Lora",
};

function empty(error) {
  const { search, folder } = view();
  if (error) return [el("p", {}, error.message)];
  if (!search && !folder) {
    const { key, title } = kinds.find((kind) => kind.key === memory().kind);
    const place = PLACES[key];
    return [el("p", {}, el("strong", {}, `${title}: none yet`)), place ? el("p", {}, "Put files into ", el("code", {}, place), ", then press Refresh above.") : ""];
  }
  const clear = () => {
    parts.search.value = "";
    change({ search: "", folder: "" });
  };
  return [el("p", {}, "Nothing fits."), el("button", { type: "button", class: "easel-button", onclick: clear }, "Show all")];
}

async function use(card) {
  const { insertion } = card;
  if (insertion.name) {
    const on = toggle(insertion);
    say(on ? `In the prompt: ${written(insertion)}` : `${card.label} is out of the prompt.`);
    return grid.mark();
  }
  try {
    await server.choose(card.kind, card.name);
    chosen = card.name;
    say(`${card.label} is the checkpoint now.`);
    grid.mark();
  } catch (error) {
    say(error.message);
  }
}

function say(text) {
  parts.status.textContent = text;
}
