// How the user left the panel: kept over a reload, each kind of network with its own search, folder and order.

const KEY = "easel.networks";
const FRESH = { search: "", folder: "", sort: "name", descending: false, scroll: 0 };

let kept = { open: false, kind: null, views: {} };

/** Take up what was kept. */
export function recall() {
  try {
    const read = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    kept = { open: read.open === true, kind: typeof read.kind === "string" ? read.kind : null, views: { ...read.views } };
  } catch {
    // No storage, or something else in it: as at first.
  }
}

function keep() {
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Then a reload forgets.
  }
}

/** Whether the panel is open, and the kind that it shows. */
export const memory = () => kept;

/** Change whether the panel is open, or the kind. */
export function remember(changes) {
  kept = { ...kept, ...changes };
  keep();
}

/** What is searched, shown and how it is sorted, for the kind at hand. */
export const view = () => ({ ...FRESH, ...kept.views[kept.kind] });

/** Change that. */
export function look(changes) {
  kept.views = { ...kept.views, [kept.kind]: { ...view(), ...changes } };
  keep();
}
