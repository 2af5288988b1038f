// Menus on a right click, as scripts of the older UI add them to buttons.
(() => {
  const older = window.easelOlder;
  /** Entries by numbers: `{selector, name, action}`. */
  const entries = new Map();
  let menu = null;
  let next = 1;

  function close() {
    menu?.remove();
    menu = null;
  }

  function show(event) {
    close();
    const mine = [...entries.values()].filter(({ selector }) => event.target.closest?.(selector));
    if (!mine.length) return;
    event.preventDefault();
    const { el } = older.easel.dom;
    const item = ({ name, action }) => el("li", {}, el("button", { type: "button", class: "easel-text-button", onclick: () => older.attempt(name, action) }, name));
    const style = `position:fixed;z-index:1000;left:${event.clientX}px;top:${event.clientY}px;padding:6px 10px;list-style:none;background:var(--block-background-fill);border:1px solid var(--border-color-primary);border-radius:8px`;
    menu = el("ul", { id: "context-menu", style }, ...mine.map(item));
    document.body.append(menu);
  }

  function appendContextMenuOption(selector, name, action) {
    entries.set(next, { selector, name, action });
    return next++;
  }

  function listen() {
    document.addEventListener("contextmenu", (event) => entries.size && show(event));
    document.addEventListener("click", close);
  }

  older.prepare(listen);
  older.publish({
    appendContextMenuOption,
    removeContextMenuOption: (number) => entries.delete(number),
    addContextMenuEventListener: () => {},
  });
})();
