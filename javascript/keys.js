// Keys in the prompt boxes that change the text: weights and the order of parts.
import { PROMPTS, applyEdit, areaOf } from "./boxes.js";
import { movePart } from "./parts.js";
import { changeWeight } from "./weights.js";

/** Wire the keys. */
export function wireKeys() {
  for (const name of PROMPTS) areaOf(name).addEventListener("keydown", press);
}

function press(event) {
  const action = actionOf(event);
  if (!action || event.isComposing) return;
  // Alt+Left would leave the page, so it is taken even where nothing can be moved.
  event.preventDefault();
  const area = event.currentTarget;
  const edit = action(area.value, area.selectionStart, area.selectionEnd);
  if (edit) applyEdit(area, edit);
}

function actionOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  if (shiftKey) return null;
  if ((ctrlKey || metaKey) && !altKey) {
    if (key === "ArrowUp") return (...place) => changeWeight(...place, 1);
    if (key === "ArrowDown") return (...place) => changeWeight(...place, -1);
  }
  if (altKey && !ctrlKey && !metaKey) {
    if (key === "ArrowLeft") return (...place) => movePart(...place, -1);
    if (key === "ArrowRight") return (...place) => movePart(...place, 1);
  }
  return null;
}
