// `opts`: the options as the older UI calls them, kept up to date in one object.
(() => {
  const older = window.easelOlder;
  const opts = {};
  let known = "";
  let asking = 0;

  async function load() {
    const answer = await fetch("sdapi/v1/options").catch(() => null);
    if (!answer?.ok) return;
    const text = await answer.text();
    if (text === known) return;
    const before = known;
    known = text;
    const values = JSON.parse(text);
    // An extension may have put another object there.
    for (const target of new Set([opts, window.opts])) {
      if (!target || typeof target !== "object") continue;
      for (const name of Object.keys(target)) if (!(name in values) && !name.startsWith("_")) delete target[name];
      Object.assign(target, values, { _loaded: true });
    }
    if (!before) older.tell("onOptionsAvailable");
    older.tell("onOptionsChanged");
  }

  older.prepare(async ({ store }) => {
    store.watch((what) => {
      if (what !== "settings") return;
      clearTimeout(asking);
      asking = setTimeout(load, 50);
    });
    // They may have been changed in another window.
    addEventListener("focus", () => known && load());
    await load();
  });

  /** Change options. @returns {Promise<boolean>} whether they were taken */
  older.setOptions = async (changes) => {
    const answer = await fetch("sdapi/v1/options", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(changes) });
    await load();
    return answer.ok;
  };

  function selectCheckpoint(name) {
    older.setOptions({ sd_model_checkpoint: name });
  }

  function selectVAE(name) {
    older.setOptions({ sd_vae: name });
  }

  const localization = {};
  older.publish({
    opts,
    localization,
    selectCheckpoint,
    selectVAE,
    titles: {},
    hasLocalization: () => Object.keys(window.localization ?? {}).length > 0,
    getTranslation: (text) => window.localization?.[text],
  });
  Object.defineProperties(window, {
    extraNetworksDefaultMultiplier: { configurable: true, get: () => window.opts?.extra_networks_default_multiplier ?? 1 },
    extraNetworksSeparator: { configurable: true, get: () => window.opts?.extra_networks_add_text_separator ?? " " },
  });
})();
