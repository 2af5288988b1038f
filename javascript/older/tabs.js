// The tabs, by the older UI's names and places.
(() => {
  const older = window.easelOlder;
  /** What the older UI calls our tabs: scripts compare these words. */
  const WORDS = { tab_txt2img: "txt2img", tab_img2img: "img2img", tab_inpaint: "img2img", tab_outpaint: "img2img", tab_modelmerger: "Checkpoint Merger" };
  /** The tabs within "img2img" there, in their order, as our tab and what is done with the picture. */
  const MODES = [
    ["img2img", "view"],
    ["img2img", "sketch"],
    ["inpaint", "mask"],
    ["inpaint", "colour-mask"],
    ["inpaint", "mask"],
    ["img2img", "several"],
  ];

  const byId = (id) => document.getElementById(id);
  const bar = () => byId("tabs")?.querySelector("[role=tablist]");

  /** The button of the open tab. */
  function get_uiCurrentTab() {
    const button = bar()?.querySelector("[role=tab][aria-selected=true]") ?? null;
    if (button && WORDS[button.dataset.tabId] && !Object.hasOwn(button, "textContent")) {
      const word = { configurable: true, get: () => WORDS[button.dataset.tabId] };
      Object.defineProperties(button, { textContent: word, innerText: word });
    }
    return button;
  }

  /** What is in the open tab. Four of ours share one form, which is searched too. */
  function get_uiCurrentTabContent() {
    const id = get_uiCurrentTab()?.dataset.tabId;
    const word = WORDS[id];
    if (word !== "txt2img" && word !== "img2img") return byId(id);
    const panel = byId(`tab_${word}`);
    const form = byId("easel_workbench");
    if (!panel || !form || Object.hasOwn(panel, "querySelector")) return panel;
    const { querySelector, querySelectorAll } = Element.prototype;
    // `> label > textarea` and the like: see `older.find`.
    const inForm = (found) => [...found].filter((node) => form.contains(node));
    panel.querySelector = (selector) => querySelector.call(panel, selector) ?? form.querySelector(selector) ?? inForm(older.findAll(selector))[0] ?? null;
    panel.querySelectorAll = (selector) => {
      const own = querySelectorAll.call(panel, selector);
      const shared = own.length ? own : form.querySelectorAll(selector);
      return shared.length ? shared : inForm(older.findAll(selector));
    };
    return panel;
  }

  /** The place of the open tab in a row of tabs; 0 where there is no such row. */
  function get_tab_index(id) {
    if (id === "mode_img2img") {
      const kind = older.easel?.tabs.openKind();
      const mode = older.easel?.state.source.modes[kind];
      return Math.max(0, MODES.findIndex(([tab, what]) => tab === kind && what === mode));
    }
    const row = byId(id)?.querySelector("[role=tablist], .tab-nav");
    return Math.max(0, [...(row?.querySelectorAll("[role=tab], button") ?? [])].findIndex((button) => button.matches("[aria-selected=true], .selected")));
  }

  function create_tab_index_args(id, args) {
    return [get_tab_index(id), ...[...args].slice(1)];
  }

  const open = (id) => byId(`tab_${id}-button`)?.click();

  function openMode(place) {
    const [kind, mode] = MODES[place] ?? MODES[0];
    open(kind);
    const state = older.easel?.state;
    if (!state?.source.modes[kind] || state.source.modes[kind] === mode) return;
    state.source.modes[kind] = mode;
    state.changedSource("mode");
  }

  const switcher = (action) => (...args) => {
    action();
    return args;
  };

  let told = null;

  function follow() {
    const button = get_uiCurrentTab();
    if (!button || button === told) return;
    told = button;
    window.uiCurrentTab = button;
    if (WORDS[button.dataset.tabId]) setTimeout(() => older.settle?.(button.dataset.tabId), 0);
    older.tell("onUiTabChange");
  }

  /** Called when extensions have heard that the page is there. */
  older.followTabs = () => {
    new MutationObserver(follow).observe(byId("tabs"), { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
    follow();
  };

  /** The tabs leave room for what extensions put into the bar beside them. */
  older.prepare(() => {
    const tools = byId("quicksettings");
    if (!tools) return;
    const measure = () => {
      const room = Math.round(innerWidth - tools.getBoundingClientRect().left + 12);
      document.documentElement.style.setProperty("--easel-bar-tools", `${room}px`);
    };
    new ResizeObserver(measure).observe(tools);
    new MutationObserver(measure).observe(tools, { childList: true });
    addEventListener("resize", measure);
  });

  older.openMode = openMode;
  older.publish({
    uiCurrentTab: null,
    get_uiCurrentTab,
    get_uiCurrentTabContent,
    get_tab_index,
    create_tab_index_args,
    get_img2img_tab_index: (...args) => create_tab_index_args("mode_img2img", [0, ...args.slice(1)]),
    switch_to_txt2img: switcher(() => open("txt2img")),
    switch_to_img2img_tab: (place) => openMode(place),
    switch_to_img2img: switcher(() => openMode(0)),
    switch_to_sketch: switcher(() => openMode(1)),
    switch_to_inpaint: switcher(() => openMode(2)),
    switch_to_inpaint_sketch: switcher(() => openMode(3)),
    switch_to_extras: switcher(() => open("extras")),
  });
})();
