// The toolbar's pictures and its button: lines on a field of 24 by 24, as in the rest of the page.
import { el } from "../dom.js";

const PATHS = {
  brush: "M20 4c-4 1.500-8 5-10 8.500l2.500 2.500C16 13 18.500 8 20 4zM9.500 14c-2.500 0-3.500 1.500-3.700 3.300C5.700 18.700 5 19.500 4 20c3.500.7 7.500.2 8-3.500",
  eraser: "M14.500 4.500l5 5L10 19H7l-3-3 10.500-11.500zM9 10.500l5 5M13 19h7",
  lasso: "M8 16.500c-2.500-1-4-3-4-5.300C4 7.500 7.600 5 12 5s8 2.500 8 6-3.600 6-8 6c-.7 0-1.300 0-2-.2M8 16.500a1.800 1.800 0 1 0 1.600 1.200C9.200 16.600 8.200 16.400 8 16.500zM9 19c0 1.200-.7 2-2 2.500",
  dropper: "M19.600 4.400a2.400 2.400 0 0 0-3.400 0L13.500 7l3.500 3.500 2.600-2.700a2.400 2.400 0 0 0 0-3.400zM12 5.500l6.500 6.500M13.500 9L6 16.500 4.500 19.500 7.500 18 15 10.500",
  undo: "M9 6L4.500 10.500 9 15M5 10.500h9a5 5 0 0 1 0 10h-3",
  redo: "M15 6l4.500 4.500L15 15M19 10.500h-9a5 5 0 0 0 0 10h3",
  invert: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  fill: "M5 5h14v14H5zM5 12l7-7M5 19L19 5M12 19l7-7",
  clear: "M5 7h14M10 7V4.500h4V7M7 7l.8 12.500h8.400L17 7M10.500 10.500v5.500M13.500 10.500v5.500",
  options: "M4 8h8M16 8h4M4 16h4M12 16h8M14 6v4M10 14v4",
  open: "M4 18.500v-12h5.500l2 2.500H20v9.500zM12 16v-4.500M9.800 13.500L12 11.300l2.200 2.200",
  remove: "M6 6l12 12M18 6L6 18",
  closer: "M12 6v12M6 12h12",
  farther: "M6 12h12",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  picture: "M4 5.500h16v13H4zM4 16l4.500-4.500 4 4 2.500-2.500 5 4.500M15.500 9.300h.01",
};

/** @param {keyof PATHS} name */
export function icon(name) {
  const holder = el("span", { "aria-hidden": "true", class: "easel-icon" });
  const solid = name === "invert" ? '<path class="easel-dots" d="M12 4a8 8 0 1 0 0 16z" />' : "";
  holder.innerHTML = `<svg viewBox="0 0 24 24"><path d="${PATHS[name]}" />${solid}</svg>`;
  return holder;
}

/**
 * A button with a picture; its tooltip names the key.
 * @param {keyof PATHS} name
 * @param {string} label
 * @param {string | null} keys as a person reads them: "Ctrl+Z"
 * @param {() => void} action
 * @param {Object<string, any>} [extra] more attributes
 */
export function iconButton(name, label, keys, action, extra = {}) {
  const attributes = {
    type: "button",
    class: "easel-icon-button",
    "aria-label": label,
    title: keys ? `${label} (${keys})` : label,
    "aria-keyshortcuts": keys?.replace("Ctrl", "Control").replace("Del", "Delete"),
    onclick: action,
  };
  return el("button", { ...attributes, ...extra }, icon(name));
}
