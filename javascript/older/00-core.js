// What scripts of extensions for the older UI expect of the page. These files are loaded only when such an extension is
// on, before its own scripts, and are classic scripts as those are. Every name is a plain property of `window`, so that
// an extension may declare the same name with `let` or `function`.
(() => {
  const older = (window.easelOlder ??= {});
  const complained = new Set();

  /** Call an extension's function: what it raises is told once, and is nobody else's matter. */
  older.attempt = (what, callback, ...values) => {
    try {
      return callback(...values);
    } catch (error) {
      if (!complained.has(callback)) console.error(`A script of an extension failed in ${what}:`, error);
      complained.add(callback);
      return undefined;
    }
  };

  /** Make names global. */
  older.publish = (names) => Object.assign(window, names);

  const MODULES = ["api", "dom", "fields", "form", "infotext", "recipe", "store", "tabs", "source/painters", "source/state"];

  /** Our own modules by name, once the page is ready: `older.easel.form.fill(...)`. */
  older.easel = null;

  async function modules() {
    const load = (name) => import(new URL(`easel/static/${name}.js`, document.baseURI).href);
    const found = await Promise.all(MODULES.map(load));
    older.easel = Object.fromEntries(MODULES.map((name, place) => [name.split("/").at(-1), found[place]]));
  }

  function pageReady() {
    const root = document.documentElement;
    return new Promise((resolve) => {
      if (root.dataset.easel === "ready") return resolve();
      const observer = new MutationObserver(() => {
        if (root.dataset.easel !== "ready") return;
        observer.disconnect();
        resolve();
      });
      observer.observe(root, { attributes: true, attributeFilter: ["data-easel"] });
    });
  }

  /** What has to be done before extensions may begin, in order; each may give a promise. */
  const preparations = [];
  older.prepare = (step) => preparations.push(step);

  /** The page is there, and everything that extensions look for on it. */
  older.ready = pageReady().then(async () => {
    await modules();
    for (const step of preparations) {
      try {
        await step(older.easel);
      } catch (error) {
        console.error("The older UI's face could not prepare everything:", error);
      }
    }
  });

  // ── Finding elements ──────────────────────────────────────────────────────────────────────────────────────────

  /** How the older page was built where ours differs: tried where a selector finds nothing. */
  const OTHER_WAYS = [
    [/>\s*label\s*>\s*(textarea|input)/g, " $1"],
    [/(>\s*)?\.tab-nav\b/g, " .tab-container"],
    [/#tab_(txt2img|img2img)(?=[\s>])\s*>?/g, "#easel_workbench "],
    [/#(txt2img|img2img)_toprow(?=[\s>])\s*>?/g, "#easel_compose "],
    [/#img2img_(gallery|results|settings)(?=[\s>])\s*>?/g, "#txt2img_$1 "],
  ];

  function otherWay(selector) {
    let text = String(selector);
    for (const [pattern, ours] of OTHER_WAYS) text = text.replace(pattern, ours);
    return text === String(selector) ? null : text;
  }

  const first = Document.prototype.querySelector;
  const all = Document.prototype.querySelectorAll;

  older.find = (selector) => {
    const found = first.call(document, selector);
    const other = found ? null : otherWay(selector);
    return other ? first.call(document, other) : found;
  };
  older.findAll = (selector) => {
    const found = all.call(document, selector);
    const other = found.length ? null : otherWay(selector);
    return other ? all.call(document, other) : found;
  };
  document.querySelector = older.find;
  document.querySelectorAll = older.findAll;

  /** The root of the page: a real element on which everything of the document is found. */
  function gradioApp() {
    const root = document.getElementsByTagName("gradio-app")[0];
    if (!root) return document;
    if (root.querySelector !== older.find) {
      root.querySelector = older.find;
      root.querySelectorAll = older.findAll;
      root.getElementById = (id) => document.getElementById(id);
    }
    return root;
  }

  older.publish({ gradioApp });
})();
