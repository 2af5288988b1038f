// What stands around a press of Generate: the functions that events name in `_js`, and the progress of a task.
(() => {
  const older = window.easelOlder;
  const POLL_MS = 500;
  const byId = (id) => document.getElementById(id);

  /** The values of an event. Outputs come behind the inputs; of a gallery only the server knows what it holds. */
  function create_submit_args(args) {
    const values = [...args];
    if (Array.isArray(values.at(-3))) values[values.length - 3] = null;
    return values;
  }

  function submitted(tab, args) {
    const id = window.randomId();
    window.localSet(`${tab}_task_id`, id);
    requestProgress(id, byId("txt2img_gallery"), byId("txt2img_gallery"), () => window.localRemove(`${tab}_task_id`));
    const values = create_submit_args(args);
    if (values.length) values[0] = id;
    return values;
  }

  function submit(...args) {
    return submitted("txt2img", args);
  }

  function submit_img2img(...args) {
    const values = submitted("img2img", args);
    if (values.length > 1) values[1] = window.get_tab_index("mode_img2img");
    return values;
  }

  function submit_extras(...args) {
    return submitted("extras", args);
  }

  /**
   * Follow a task of the server; a bar is shown before `container` meanwhile.
   * @param {string} id of the task
   * @param {Element | null} container
   * @param {Element | null} gallery gets the preview
   * @param {() => void} [atEnd]
   * @param {(answer: Object) => void} [onProgress]
   * @param {number} [patience] seconds until a task that nobody knows is given up
   */
  function requestProgress(id, container, gallery, atEnd, onProgress, patience = 40) {
    const begun = Date.now();
    const bar = document.createElement("div");
    bar.className = "progressDiv";
    bar.hidden = true;
    container?.parentNode?.insertBefore(bar, container);
    let active = false;

    function end() {
      bar.remove();
      older.attempt("atEnd", atEnd ?? (() => {}));
    }

    async function ask() {
      const answer = await fetch("internal/progress", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ id_task: id, live_preview: false }),
      }).then((one) => (one.ok ? one.json() : null), () => null);
      if (!answer || answer.completed) return end();
      active ||= answer.active || answer.queued;
      if (active && !answer.active && !answer.queued) return end();
      if (!active && Date.now() - begun > 1000 * patience) return end();
      bar.textContent = answer.textinfo ?? "";
      if (onProgress) older.attempt("onProgress", onProgress, answer);
      setTimeout(ask, POLL_MS);
    }

    ask();
  }

  const own = { submit, submit_img2img };

  /** An extension may have put its own function around `submit`: it hears of a press of Generate. */
  older.prepare(({ tabs }) => {
    document.addEventListener("click", (event) => {
      if (!event.target.closest?.("#txt2img_generate")) return;
      const name = tabs.openKind() === "txt2img" ? "submit" : "submit_img2img";
      const theirs = window[name];
      if (typeof theirs !== "function" || theirs === own[name]) return;
      calling = true;
      older.attempt(name, theirs);
      calling = false;
    });
  });

  /** Within a press of our Generate there is no task of an extension to follow. */
  let calling = false;
  const unlessCalling = (action) => (...args) => (calling ? create_submit_args(args) : action(...args));
  own.submit = unlessCalling(submit);
  own.submit_img2img = unlessCalling(submit_img2img);

  const same = (...args) => args;
  const nothing = () => {};
  older.publish({
    ...own,
    submit_extras,
    submit_txt2img_upscale: own.submit,
    create_submit_args,
    requestProgress,
    showSubmitButtons: nothing,
    showSubmitInterruptingPlaceholder: nothing,
    showRestoreProgressButton: nothing,
    restoreProgressTxt2img: () => window.localGet("txt2img_task_id"),
    restoreProgressImg2img: () => window.localGet("img2img_task_id"),
    rememberGallerySelection: nothing,
    dimensionChange: nothing,
    recalculate_prompts_txt2img: same,
    recalculate_prompts_img2img: same,
    recalculate_prompts_inpaint: same,
    recalculatePromptTokens: nothing,
    update_txt2img_tokens: (...args) => (args.length === 2 ? args[0] : args),
    update_img2img_tokens: (...args) => (args.length === 2 ? args[0] : args),
    setTitle: (progress) => (document.title = progress ? `${progress} · Easel` : "Easel"),
  });
})();
