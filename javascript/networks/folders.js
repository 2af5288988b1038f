// The folders of a kind, as a tree that is folded in until it is wanted.
import { el } from "../dom.js";

/**
 * Show the folders.
 * @param {HTMLElement} holder
 * @param {{path: string, count: number}[]} folders parents before what is in them
 * @param {string} chosen the folder's path; "" is all
 * @param {function(string): void} choose
 */
export function showFolders(holder, folders, chosen, choose) {
  const line = ({ path, count }, label, depth) =>
    el(
      "li",
      { style: `--easel-depth:${depth}` },
      el(
        "button",
        { type: "button", "aria-current": path === chosen ? "true" : null, title: path || null, onclick: () => choose(path) },
        el("span", {}, label),
        count === null ? null : el("small", {}, count.toLocaleString()),
      ),
    );
  const lines = folders.map((folder) => line(folder, folder.path.split("/").at(-1), folder.path.split("/").length));
  holder.replaceChildren(el("ul", {}, line({ path: "", count: null }, "All folders", 0), ...lines));
}
