// The stream of the server's events. It comes back by itself, and says quietly when it is gone.
import { el } from "./dom.js";
import { apply, changed, state } from "./store.js";

const KINDS = ["snapshot", "job", "progress", "picture", "removed", "settings"];
const RETRY_MS = [500, 1000, 2000];
const SILENCE_MS = 45_000;

let source = null;
let failures = 0;
let banner = null;
let watchdog = 0;

/** Begin to listen. */
export function connect() {
  source?.close();
  source = new EventSource("easel/events");
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      lively();
      apply(kind, JSON.parse(event.data));
    });
  }
  source.onopen = () => setConnected(true);
  source.onerror = () => {
    source.close();
    setConnected(false);
    setTimeout(connect, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
  };
}

/** A running job that is silent for long means a connection that died without a word. */
function lively() {
  clearTimeout(watchdog);
  watchdog = setTimeout(() => (state.progress ? connect() : lively()), SILENCE_MS);
}

function setConnected(connected) {
  if (connected) failures = 0;
  if (state.connected === connected && banner) return;
  state.connected = connected;
  banner ??= document.body.appendChild(
    el("div", { class: "easel-offline", role: "status", hidden: true }, "Connection lost, trying again …"),
  );
  // A short break, such as a reload of the page, is nobody's concern.
  if (connected) banner.hidden = true;
  else setTimeout(() => (banner.hidden = state.connected), 400);
  changed("connection");
}

addEventListener("pagehide", () => source?.close());
addEventListener("pageshow", (event) => event.persisted && connect());
