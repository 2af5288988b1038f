// Folds with a switch in their title: the switch opens them, and `inputAccordionChecked` sets it.
(() => {
  const older = window.easelOlder;
  const byId = (id) => document.getElementById(id);

  /** The switch of a fold. @returns {HTMLInputElement | null} */
  function switchOf(id) {
    const holder = byId(`${id}-checkbox`) ?? byId(id);
    return holder?.matches("input") ? holder : (holder?.querySelector("input[type=checkbox]") ?? null);
  }

  function inputAccordionChecked(id, checked) {
    const box = switchOf(id);
    if (!box || box.checked === Boolean(checked)) return;
    // A click is what Gradio listens for.
    box.click();
  }

  const titleOf = (fold) => fold.querySelector(":scope button.label-wrap");

  function setupAccordion(fold) {
    const box = fold?.id ? byId(`${fold.id}-checkbox`)?.querySelector("input[type=checkbox]") : null;
    const title = fold && titleOf(fold);
    if (!box || !title || fold.dataset.easelFold) return;
    fold.dataset.easelFold = "on";
    fold.onVisibleCheckboxChange = () => {
      if (box.checked !== titleOf(fold).classList.contains("open")) titleOf(fold).click();
    };
    box.addEventListener("change", fold.onVisibleCheckboxChange);
    fold.visibleCheckbox = box;
  }

  older.prepare(() => document.querySelectorAll(".input-accordion").forEach(setupAccordion));
  older.publish({ inputAccordionChecked, setupAccordion, setupInputAccordion: setupAccordion });
})();
