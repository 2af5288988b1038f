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

  const MODULES = ["added", "api", "dom", "fields", "form", "infotext", "recipe", "store", "tabs", "source/painters", "source/state"];

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

  // ── Moments that have passed ──────────────────────────────────────────────────────────────────────────────────

  /** The older page's scripts stood in its head, so they could wait for the page; ours come when it is there. */
  function hearLate(target, moments) {
    const add = target.addEventListener;
    target.addEventListener = function (type, listener, ...rest) {
      if (moments[type]?.()) setTimeout(() => older.attempt(type, listener?.handleEvent?.bind(listener) ?? listener, new Event(type)), 0);
      else add.call(target, type, listener, ...rest);
    };
  }

  const parsed = () => document.readyState !== "loading";
  hearLate(document, { DOMContentLoaded: parsed });
  hearLate(window, { DOMContentLoaded: parsed, load: () => document.readyState === "complete" });

  // ── Finding elements ──────────────────────────────────────────────────────────────────────────────────────────

  /** How the older page was built where ours differs: tried where a selector finds nothing. */
  const OTHER_WAYS = [
    [/(>\s*)?\blabel\s*>\s*(textarea|input)/g, " $2"],
    [/(>\s*)?\.tab-nav\b/g, " .tab-container"],
    [/\.(thumbnail-item|thumbnail-lg)\b/g, "[data-picture]"],
    [/#tab_(txt2img|img2img)(?=[\s>])\s*>?/g, "#easel_workbench "],
    [/#(txt2img|img2img)_toprow(?=[\s>])\s*>?/g, "#easel_compose "],
    [/#img2img_(gallery|results|settings)(?=[\s>])\s*>?/g, "#txt2img_$1 "],
  ];
  /** A comma between the selectors of a list, and not within brackets. */
  const COMMA = /,(?![^([]*[)\]])/;

  const first = Document.prototype.querySelector;

  /** The selector of a list with our way for each that finds nothing. */
  function ourWay(selector) {
    const text = String(selector);
    const parts = text.split(COMMA);
    const ways = parts.map((part) => {
      const other = OTHER_WAYS.reduce((way, [pattern, ours]) => way.replace(pattern, ours), part);
      return other === part || first.call(document, part) ? part : other;
    });
    return ways.join(",");
  }

  const all = Document.prototype.querySelectorAll;
  older.find = (selector) => first.call(document, ourWay(selector));
  older.findAll = (selector) => all.call(document, ourWay(selector));
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
