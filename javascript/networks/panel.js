// The panel's frame: the head with the kinds as tabs, the tools, the place for the cards, the line below.
import { el } from "../dom.js";
import { icon } from "./card.js";

const SORTS = { name: "Name", path: "Folder", date: "Date changed", created: "Date added", size: "Size" };

/** Build the panel. @returns {Object<string, HTMLElement>} its parts; `root` is the whole. */
export function build() {
  const button = (name, label, extra = {}) =>
    el("button", { type: "button", class: "easel-icon-button", "aria-label": label, title: label, ...extra }, icon(name));
  const parts = {
    tabs: el("div", { class: "easel-network-tabs", role: "tablist", "aria-label": "Kinds of networks" }),
    close: button("close", "Close the networks"),
    search: el("input", { type: "search", placeholder: "Search", "aria-label": "Search networks", autocomplete: "off", spellcheck: "false" }),
    sort: el("select", { "aria-label": "Order" }, ...Object.entries(SORTS).map(([key, title]) => el("option", { value: key }, title))),
    order: button("order", "Reverse the order", { "aria-pressed": "false" }),
    refresh: button("refresh", "Look for new files"),
    where: el("button", { type: "button", class: "easel-text-button easel-network-where", "aria-expanded": "false", "aria-controls": "easel_networks_folders" }, el("span", {}, "All folders")),
    count: el("span", { class: "easel-network-count", "aria-live": "polite" }),
    folders: el("nav", { class: "easel-network-folders", id: "easel_networks_folders", "aria-label": "Folders", hidden: true }),
    scroller: el("div", { class: "easel-network-scroller", role: "tabpanel", id: "easel_networks_cards", tabindex: "-1" }),
    none: el("div", { class: "easel-network-none", hidden: true }),
    status: el("p", { class: "easel-network-status", role: "status", "aria-live": "polite" }),
  };
  parts.scroller.append(parts.none);
  parts.root = el(
    "aside",
    { class: "easel-networks", id: "easel_networks", "aria-label": "Networks", hidden: true },
    el("header", {}, parts.tabs, parts.close),
    el("div", { class: "easel-network-tools" }, parts.search, parts.sort, parts.order, parts.refresh),
    el("div", { class: "easel-network-line" }, parts.where, parts.count),
    parts.folders,
    parts.scroller,
    parts.status,
  );
  return parts;
}

/** The kinds as tabs; the arrow keys go from one to the next. */
export function showTabs(holder, kinds, chosen, choose) {
  const tabs = kinds.map(({ key, title }) =>
    el(
      "button",
      { type: "button", role: "tab", "aria-selected": String(key === chosen), "aria-controls": "easel_networks_cards", tabindex: key === chosen ? "0" : "-1", "data-kind": key, onclick: () => choose(key) },
      title,
    ),
  );
  holder.replaceChildren(...tabs);
  tabs.find((tab) => tab.dataset.kind === chosen)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  holder.onkeydown = ({ key }) => {
    const at = tabs.findIndex((tab) => tab.dataset.kind === chosen) + { ArrowLeft: -1, ArrowRight: 1 }[key];
    const next = kinds[(at + kinds.length) % kinds.length];
    if (!next) return;
    choose(next.key);
    holder.querySelector("[aria-selected=true]").focus();
  };
}
