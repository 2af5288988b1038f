// Deleting the picture that the viewer shows, and bringing it back.
import * as api from "./api.js";
import { el } from "./dom.js";
import { apply } from "./store.js";

const UNDO_MS = 10_000;

/**
 * The parts of the viewer's bar.
 * @param {() => Object | null} shown the picture that is to go
 * @param {() => void} leave called before it is deleted: go to another
 * @param {(id: number) => void} back called when it came back, or could not be deleted, with its number
 * @param {() => void} over called when it can't be brought back here any more
 */
export function removal(shown, leave, back, over) {
  const said = el("p", { class: "easel-viewer-said", role: "status" });
  const button = el("button", { type: "button", class: "easel-button", title: "Delete (Del)", onclick: remove }, "Delete");
  let waiting = 0;
  let busy = false;

  function say(...parts) {
    clearTimeout(waiting);
    said.replaceChildren(...parts);
    if (parts.length) waiting = setTimeout(forget, UNDO_MS);
  }

  function forget() {
    say();
    over();
  }

  const undoable = () => busy || Boolean(said.querySelector("button"));

  async function remove() {
    const picture = shown();
    if (!picture || busy) return;
    busy = true; // the button stays enabled, so that it keeps the focus
    leave(); // first, as the server may tell everyone before it answers
    try {
      await api.deletePicture(picture.id);
      apply("removed", { id: picture.id });
      const undo = el("button", { type: "button", class: "easel-text-button", onclick: () => restore(picture.id) }, "Undo");
      say("Deleted. ", undo);
    } catch (error) {
      say(error.message);
      back(picture.id);
    } finally {
      busy = false;
    }
  }

  async function restore(id) {
    try {
      apply("picture", await api.restorePicture(id));
      say("It is back.");
      back(id);
    } catch (error) {
      say(error.message);
    }
  }

  return { button, said, remove, undoable };
}
