// Light or dark: what the user chose, else what the command line says, else what the system says.
// A plain script, so that it runs at once; the switch is wired when it appears.
(() => {
  const KEY = "easel.theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  try {
    // The tab that was open (`tabs.js`), so that the page is not built with the parts of another.
    root.dataset.tab = localStorage.getItem("easel.tab") ?? "txt2img";
  } catch {
    root.dataset.tab = "txt2img";
  }

  const preset = document.querySelector("meta[name=easel-colours]")?.content;
  const standard = () => preset || (system.matches ? "dark" : "light");

  /** @returns {string | null} "light", "dark", or null: the standard. */
  function chosen() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  }

  /** Show the theme that holds now. Gradio's own parts look for the class `dark` on the body. */
  function apply() {
    const dark = (chosen() ?? standard()) === "dark";
    root.dataset.theme = dark ? "dark" : "light";
    root.style.colorScheme = dark ? "dark" : "light";
    document.body?.classList.toggle("dark", dark);
    const button = document.getElementById("easel_theme");
    button?.setAttribute("aria-label", dark ? "Switch to light colours" : "Switch to dark colours");
    if (button) button.title = button.getAttribute("aria-label");
  }

  /** Switch, and remember it; choosing the standard means following it again. */
  function toggle() {
    const next = root.dataset.theme === "dark" ? "light" : "dark";
    try {
      if (next === standard()) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, next);
    } catch {
      root.dataset.theme = next;
    }
    apply();
  }

  system.addEventListener("change", apply);
  addEventListener("storage", (event) => event.key === KEY && apply());
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#easel_theme")) toggle();
  });
  // Gradio sets the class by the system's theme when it is done; ours holds.
  new MutationObserver(() => {
    const dark = root.dataset.theme === "dark";
    if (document.body.classList.contains("dark") !== dark) apply();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  window.easelTheme = { apply };
  apply();
})();
