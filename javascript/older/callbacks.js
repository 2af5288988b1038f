// When extensions hear of the page: it is built, something on it changed, another tab is open, options changed.
(() => {
  const older = window.easelOlder;
  const BATCH_MS = 30;
  const REST_MS = 200;

  const lists = { onUiLoaded: [], onUiUpdate: [], onAfterUiUpdate: [], onUiTabChange: [], onOptionsAvailable: [], onOptionsChanged: [] };
  const happened = new Set();
  let observer = null;
  let records = [];
  let batch = 0;
  let rest = 0;

  /** Call all that wait for this. */
  older.tell = (what, value) => {
    happened.add(what);
    for (const callback of [...lists[what]]) older.attempt(what, callback, value);
  };

  /** What happens once is told late comers too. */
  const late = (what) => (what === "onUiLoaded" || what === "onOptionsAvailable") && happened.has(what);

  const adder = (what) => (callback) => {
    if (typeof callback !== "function") return;
    if (late(what)) queueMicrotask(() => older.attempt(what, callback));
    lists[what].push(callback);
    if (what === "onUiUpdate" || what === "onAfterUiUpdate") observe();
  };

  function flush() {
    const changes = records;
    batch = 0;
    records = [];
    for (const callback of [...lists.onUiUpdate]) older.attempt("onUiUpdate", callback, changes);
    clearTimeout(rest);
    if (lists.onAfterUiUpdate.length) rest = setTimeout(() => older.tell("onAfterUiUpdate"), REST_MS);
  }

  /** One observer for all, and none where nobody asks. */
  function observe() {
    if (observer || !happened.has("onUiLoaded")) return;
    observer = new MutationObserver((changes) => {
      records.push(...changes);
      batch ||= setTimeout(flush, BATCH_MS);
    });
    observer.observe(document.body, { childList: true, subtree: true });
    batch ||= setTimeout(flush, 0);
  }

  older.ready.then(() => {
    older.tell("onUiLoaded");
    if (lists.onUiUpdate.length || lists.onAfterUiUpdate.length) observe();
    older.followTabs?.();
  });

  function executeCallbacks(queue, value) {
    for (const callback of queue) older.attempt("a callback", callback, value);
  }

  older.publish({ executeCallbacks, ...Object.fromEntries(Object.keys(lists).map((what) => [what, adder(what)])) });
})();
