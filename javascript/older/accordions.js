// Folds with a switch in their title: the switch opens them, and `inputAccordionChecked` sets it.
(() => {
  const older = window.easelOlder;
  /** So long Svelte may take to open a fold that was pressed. */
  const SETTLE_MS = 60;
  const byId = (id) => document.getElementById(id);

  /** The switch of a fold. @returns {HTMLInputElement | null} */
  function switchOf(id) {
    const holder = byId(`${id}-checkbox`) ?? byId(id);
    return holder?.matches("input") ? holder : (holder?.querySelector("input[type=checkbox]") ?? null);
  }

  /** Switch a fold; one that is on is open. Gradio calls it too, when a recipe or a reload has set the switch. */
  function inputAccordionChecked(id, checked) {
    const box = switchOf(id);
    if (!box) return;
    // A click is what Gradio listens for.
    if (box.checked !== Boolean(checked)) return box.click();
    setTimeout(() => {
      const title = byId(id) && titleOf(byId(id));
      if (title && box.checked === Boolean(checked) && title.classList.contains("open") !== box.checked) title.click();
    }, SETTLE_MS);
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
