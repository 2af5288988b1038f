// Small helpers that many scripts use.
(() => {
  const older = window.easelOlder;
  const byId = (id) => document.getElementById(id);

  /** Tell Gradio that an input was changed. */
  function updateInput(target) {
    target?.dispatchEvent(new Event("input", { bubbles: true }));
  }

  const timers = new Map();

  /** Call a function when a text was left alone for a while; gives the function that does it at once. */
  function onEdit(id, element, after, action) {
    const begin = () => {
      clearTimeout(timers.get(id));
      timers.set(id, setTimeout(action, after));
    };
    element?.addEventListener("input", begin);
    return begin;
  }

  const stored = (action) => {
    try {
      return action();
    } catch {
      return undefined; // A private window may have no storage.
    }
  };

  function uiElementIsVisible(element) {
    for (let node = element; node && node !== document; node = node.parentNode ?? null) {
      if (node instanceof Element && getComputedStyle(node).display === "none") return false;
    }
    return Boolean(element);
  }

  function uiElementInSight(element) {
    const { top, bottom } = element.getBoundingClientRect();
    return bottom >= 0 && top <= innerHeight;
  }

  const inputOf = (id) => byId(id)?.querySelector("input:not([type=range])");

  function setValue(id, value) {
    const input = inputOf(id);
    if (!input) return;
    input.value = value;
    updateInput(input);
  }

  function setRandomSeed(id) {
    setValue(id, "-1");
    return [];
  }

  function switchWidthHeight(tab) {
    const [width, height] = ["width", "height"].map((side) => inputOf(`${tab}_${side}`)?.value);
    setValue(`${tab}_width`, height);
    setValue(`${tab}_height`, width);
    return [];
  }

  /** Send JSON to the server, the older way. */
  function request(url, data, handler = () => {}, errorHandler = () => {}) {
    fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(data) })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer)))
      .then(handler, errorHandler);
  }

  function requestGet(url, data, handler = () => {}, errorHandler = () => {}) {
    const words = new URLSearchParams(data ?? {}).toString();
    fetch(words ? `${url}?${words}` : url)
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer)))
      .then(handler, errorHandler);
  }

  /** Wait until the server is back, then load the page anew. */
  function restart_reload() {
    document.body.classList.add("easel-restarting");
    const ask = () => fetch("internal/ping").then((answer) => (answer.ok ? location.reload() : later()), later);
    const later = () => setTimeout(ask, 500);
    setTimeout(ask, 2000);
    return [];
  }

  const two = (number) => String(number).padStart(2, "0");

  function formatTime(seconds) {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds) % 60];
    if (hours) return `${two(hours)}:${two(minutes)}:${two(rest)}`;
    return minutes ? `${two(minutes)}:${two(rest)}` : `${rest}s`;
  }

  older.publish({
    updateInput,
    onEdit,
    uiElementIsVisible,
    uiElementInSight,
    setRandomSeed,
    switchWidthHeight,
    request,
    requestGet,
    restart_reload,
    formatTime,
    pad2: two,
    localSet: (name, value) => stored(() => localStorage.setItem(name, value)),
    localGet: (name, otherwise) => stored(() => localStorage.getItem(name)) ?? otherwise,
    localRemove: (name) => stored(() => localStorage.removeItem(name)),
    copyToClipboard: (text) => older.easel?.dom.copy(text),
    args_to_array: Array.from,
    randomId: () => `task(${Math.random().toString(36).slice(2, 9).padEnd(7, "0")})`,
  });
})();
