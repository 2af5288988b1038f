// Elements of the older page that ours has once for several tabs, or not at all. Beside a shared field stands a hidden
// one with the other id: reading it reads the shared one, changing it changes that, and what an extension puts beside
// it is seen in the tabs that it is meant for.
(() => {
  const older = window.easelOlder;
  const PICTURES = "on-img2img on-inpaint on-outpaint";
  const SHOWN = { txt2img: "on-txt2img", img2img: PICTURES };
  const STYLE = `
    .easel-older-slot { display: contents; }
    .easel-older-bar { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
    .easel-older-box { display: contents; }
    .easel-older-bar:not(:has(.easel-older-box > :not(.easel-older-box, [data-easel-mirror]))) { display: none; }
    [data-easel-mirror], #easel_older_rest { display: none !important; }`;

  const BUTTONS = ["generate", "interrupt", "skip", "random_seed", "reuse_seed"];
  const VALUES = ["sampling", "scheduler", "steps", "cfg_scale", "seed", "subseed", "subseed_strength", "seed_resize_from_w", "seed_resize_from_h", "batch_count", "batch_size", "clip_skip"];

  /** At most so long extensions wait for their parts, and so long the page has to be at rest. */
  const RENDER_MS = 4000;
  const SETTLE_MS = 120;
  const TAB_KEY = "easel.tab";
  const OWN_TABS = ["txt2img", "img2img", "inpaint", "outpaint", "extras", "modelmerger", "extensions"];

  const byId = (id) => document.getElementById(id);
  const el = (...parts) => older.easel.dom.el(...parts);
  const native = (area) => Object.getOwnPropertyDescriptor(Object.getPrototypeOf(area), "value");

  /** The real input of a block of the form, where it is on the page. */
  const inputOf = (id) => byId(id)?.querySelector("textarea, input:not([type=range])") ?? null;

  /** An element of that id, unless the page has one. */
  function slot(tab, ...children) {
    return el("div", { class: `easel-older-slot easel-only ${SHOWN[tab]}` }, ...children);
  }

  // ── Text ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A text area that is another one: its value, its selection and its focus. */
  function textMirror(id, real) {
    const area = el("textarea", { tabindex: "-1", "aria-hidden": "true" });
    const value = native(area);
    Object.defineProperty(area, "value", { configurable: true, get: () => real.value, set: (text) => value.set.call(real, text) });
    for (const name of ["selectionStart", "selectionEnd", "scrollTop"]) {
      Object.defineProperty(area, name, { configurable: true, get: () => real[name], set: (place) => (real[name] = place) });
    }
    for (const name of ["focus", "blur", "select", "setSelectionRange", "setRangeText", "getBoundingClientRect"]) {
      area[name] = (...values) => real[name](...values);
    }
    let own = false;
    const forward = (event) => {
      if (own) return;
      // Some set the value past our property.
      const past = value.get.call(area);
      if (past) {
        value.set.call(area, "");
        value.set.call(real, past);
      }
      own = true;
      real.dispatchEvent(new Event(event.type, { bubbles: true }));
      own = false;
    };
    for (const type of ["input", "change"]) {
      area.addEventListener(type, forward);
      real.addEventListener(type, () => {
        if (own || older.easel.tabs.openKind() === "txt2img") return;
        own = true;
        area.dispatchEvent(new Event(type));
        own = false;
      });
    }
    return el("div", { id, class: "prompt", "data-easel-mirror": true }, el("label", {}, area));
  }

  // ── Values ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** An input that stands for a field of the form. */
  function valueMirror(id, field) {
    const numeric = typeof older.easel.form.values[field.name] === "number" || field.slider;
    const input = el("input", { type: numeric ? "number" : "text", step: "any", tabindex: "-1", "aria-hidden": "true" });
    let set = null;
    Object.defineProperty(input, "value", {
      configurable: true,
      get: () => set ?? inputOf(field.id)?.value ?? String(older.easel.form.values[field.name] ?? ""),
      set: (value) => (set = String(value)),
    });
    const take = () => {
      const text = set ?? native(input).get.call(input);
      set = null;
      if (text === "") return;
      older.easel.form.fill({ [field.name]: numeric ? Number(text) : text });
    };
    input.addEventListener("input", take);
    input.addEventListener("change", () => set !== null && take());
    return el("div", { id, "data-easel-mirror": true }, el("label", {}, input));
  }

  // ── Buttons ───────────────────────────────────────────────────────────────────────────────────────────────────

  function buttonMirror(id, real, kind = null) {
    const press = async () => {
      const { openKind, showTab } = older.easel.tabs;
      if (kind && openKind() === "txt2img") {
        showTab(kind);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      byId(real)?.click();
    };
    return el("button", { type: "button", id, "data-easel-mirror": true, tabindex: "-1", onclick: press });
  }

  /** Empty places where extensions put buttons; ids inside of one another, as `{id: {id: {}}}`. */
  function boxes(tree) {
    return Object.entries(tree).filter(([id]) => !byId(id)).map(([id, inner]) => el("div", { id, class: "easel-older-box" }, ...boxes(inner)));
  }

  const bar = (tab, tree) => el("div", { class: `easel-older-bar easel-only ${SHOWN[tab]}` }, ...boxes(tree));

  function beside(tab) {
    const actions = {
      [`${tab}_actions_column`]: { [`${tab}_generate_box`]: {}, [`${tab}_tools`]: {}, [`${tab}_styles_row`]: {} },
      [`${tab}_toprow`]: {},
    };
    byId("easel_run").after(bar(tab, actions));
    byId("txt2img_neg_prompt").after(bar(tab, { [`${tab}_prompt_container`]: {}, [`${tab}_prompt_row`]: {}, [`${tab}_neg_prompt_row`]: {} }));
    byId("easel_actions").after(bar(tab, { [`image_buttons_${tab}`]: {} }));
    byId("txt2img_settings").append(bar(tab, { [`${tab}_script_container`]: {}, [`${tab}_settings`]: {} }));
    byId("txt2img_gallery").append(bar(tab, { [`${tab}_gallery`]: {}, [`${tab}_gallery_container`]: {} }));
    byId("txt2img_results").append(bar(tab, { [`${tab}_results`]: {}, [`${tab}_results_panel`]: {} }));
  }

  // ── All of it ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Where what has no place goes: unseen, and behind the real ones, so that those are found first. */
  function rest() {
    const ids = ["tab_img2img", "tab_inpaint", "tab_outpaint", "tab_pnginfo", "tab_settings", "tab_ti", "settings", "mode_extras"];
    for (const tab of ["txt2img", "img2img"]) {
      ids.push(`${tab}_styles`, `${tab}_token_counter`, `${tab}_negative_token_counter`, `${tab}_seed_row`, `${tab}_extra_tabs`, `${tab}_tokens`, `html_log_${tab}`, `html_info_${tab}`);
    }
    const missing = ids.filter((id) => !byId(id));
    return el("div", { id: "easel_older_rest", "aria-hidden": "true" }, ...missing.map((id) => el("div", { id }, el("label", {}, el("span")))));
  }

  /** What older.rest holds for a tab that Gradio had not built yet goes into it when it is. */
  older.settle = (id) => {
    const [real, spare] = document.querySelectorAll(`[id="${id}"]`);
    if (!spare?.closest("#easel_older_rest")) return;
    real.prepend(...[...spare.children].slice(1));
    spare.remove();
  };

  /** Our own folds are built when they are first opened, and extensions look for what is in them. */
  async function unfold() {
    for (let round = 0; round < 3; round += 1) {
      const closed = [...document.querySelectorAll("#easel_workbench .easel-fold > button.label-wrap:not(.open)")].filter((button) => !button.dataset.easelUnfolded);
      if (!closed.length) return;
      for (const button of closed) {
        button.dataset.easelUnfolded = "";
        button.click();
      }
      await new Promise((resolve) => setTimeout(resolve, 80));
      for (const button of closed) if (button.classList.contains("open")) button.click();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** An extension's tab that was open before: it is opened when all that is in it was made. */
  const keptTab = (() => {
    try {
      const name = localStorage.getItem(TAB_KEY);
      if (!name || OWN_TABS.includes(name)) return null;
      localStorage.removeItem(TAB_KEY);
      return name;
    } catch {
      return null; // A private window may have no storage.
    }
  })();

  /** What lies in closed folds and tabs of extensions is made when this button is pressed (`compat/rendering.py`). */
  async function render() {
    const button = byId("easel_older_render");
    if (!button) return;
    button.click();
    const until = Date.now() + RENDER_MS;
    for (let count = -1, now = 0; count !== now && Date.now() < until; ) {
      count = now;
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      now = document.getElementsByTagName("*").length;
    }
  }

  older.prepare(async ({ fields }) => {
    document.head.append(el("style", {}, STYLE));
    await Promise.all([unfold(), render()]);
    if (keptTab) older.easel.tabs.showTab(keptTab);
    const spare = rest();
    (document.querySelector(".gradio-container") ?? document.body).append(spare);
    for (const name of ["prompt", "neg_prompt"]) {
      byId(`txt2img_${name}`).after(slot("img2img", textMirror(`img2img_${name}`, inputOf(`txt2img_${name}`))));
    }
    beside("txt2img");
    beside("img2img");
    for (const name of BUTTONS) {
      const place = byId(`txt2img_${name}`);
      const mirror = buttonMirror(`img2img_${name}`, `txt2img_${name}`, name === "generate" ? "img2img" : null);
      if (name === "generate") byId("img2img_generate_box").append(mirror);
      else place?.after(slot("img2img", mirror));
    }
    for (const name of VALUES) {
      const field = fields.fields.find(({ id }) => id === `txt2img_${name}`);
      const block = byId(`txt2img_${name}`);
      if (!field || byId(`img2img_${name}`)) continue;
      const mirror = valueMirror(`img2img_${name}`, field);
      if (block) block.after(slot("img2img", mirror));
      else spare.append(mirror);
    }
  });
})();
