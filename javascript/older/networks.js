// The network browser and the boxes of text that it writes into.
(() => {
  const older = window.easelOlder;
  const byId = (id) => document.getElementById(id);
  const boxOf = (tab, negative = false) => byId(`${tab}_${negative ? "neg_prompt" : "prompt"}`)?.querySelector("textarea");

  /** The box of each tab that was written in last. */
  const activePromptTextarea = {};

  function insert(area, text) {
    const separator = window.extraNetworksSeparator;
    area.value = area.value && !area.value.endsWith(separator) ? `${area.value}${separator}${text}` : `${area.value}${text}`;
  }

  /** Take a tag out again, whatever its weight. @returns {boolean} whether it was there */
  function tryToRemoveExtraNetworkFromPrompt(area, text) {
    const [, kind, name] = text.match(/<([^:>]+):([^:>]+)/) ?? [];
    const plain = (part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const pattern = name ? new RegExp(`\\s*<${plain(kind)}:${plain(name)}(:[^>]*)?>`, "g") : new RegExp(`\\s*${plain(text)}`, "g");
    const without = area.value.replace(pattern, "");
    if (without === area.value) return false;
    area.value = without;
    return true;
  }

  function updatePromptArea(text, area) {
    if (!tryToRemoveExtraNetworkFromPrompt(area, text)) insert(area, text);
    window.updateInput(area);
  }

  /** A press on a card. */
  function cardClicked(tab, text, negativeText, allowNegative) {
    const positive = boxOf(tab);
    const negative = boxOf(tab, true);
    if (negativeText) {
      updatePromptArea(text, positive);
      updatePromptArea(negativeText, negative);
    } else updatePromptArea(text, allowNegative && activePromptTextarea[tab] === negative ? negative : positive);
  }

  function extraNetworksControlRefreshOnClick(event) {
    event?.preventDefault?.();
    document.querySelector("#easel_networks .easel-network-tools button:last-child")?.click();
  }

  older.prepare(({ tabs }) => {
    for (const negative of [false, true]) {
      boxOf("txt2img", negative)?.addEventListener("focus", ({ currentTarget }) => {
        activePromptTextarea[tabs.openKind() === "txt2img" ? "txt2img" : "img2img"] = currentTarget;
        activePromptTextarea.txt2img = currentTarget;
      });
    }
  });

  // ── A window over the page ────────────────────────────────────────────────────────────────────────────────────

  let dialog = null;

  /** Show an element over the page. */
  function popup(contents) {
    if (!dialog) {
      dialog = document.createElement("dialog");
      dialog.className = "easel-dialog global-popup";
      dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
      document.body.append(dialog);
    }
    const inner = document.createElement("div");
    inner.className = "global-popup-inner";
    inner.style.padding = "20px";
    inner.append(contents);
    dialog.replaceChildren(inner);
    if (!dialog.open) dialog.showModal();
  }

  function closePopup() {
    dialog?.close();
  }

  function extraNetworksShowMetadata(text) {
    const words = document.createElement("pre");
    words.className = "popup-metadata";
    words.textContent = text;
    popup(words);
  }

  older.publish({
    activePromptTextarea,
    tryToRemoveExtraNetworkFromPrompt,
    updatePromptArea,
    cardClicked,
    extraNetworksControlRefreshOnClick,
    extraNetworksShowMetadata,
    popup,
    closePopup,
    popupId: (id) => popup(byId(id)),
  });
})();
