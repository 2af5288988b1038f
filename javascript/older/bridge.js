// What buttons of extensions ask of our form: take a recipe, take a picture. And the places where the older UI kept the
// picture to begin with, which stand unseen on the page.
(() => {
  const older = window.easelOlder;
  const byId = (id) => document.getElementById(id);
  const place = () => window.easelOlder.easel;

  /** Our tab for the older UI's word. */
  const KINDS = { txt2img: "txt2img", img2img: "img2img", sketch: "img2img", inpaint: "inpaint", inpaint_sketch: "inpaint", outpaint: "outpaint" };
  /** Places of the picture: id, and the place in `mode_img2img`. */
  const PICTURES = [["img2img_image", 0], ["img2img_sketch", 1], ["img2maskimg", 2], ["inpaint_sketch", 3], ["img_inpaint_base", 4]];
  const TITLES = ["img2img", "Sketch", "Inpaint", "Inpaint sketch", "Inpaint upload", "Batch"];

  /** What a recipe means in another tab than the one that it was made in. */
  function moved(changes, from, to) {
    const names = { width: "picture.width", height: "picture.height", "hires.denoising_strength": "denoising_strength" };
    const [pictures, text] = [to !== "txt2img", from === "txt2img"];
    if (pictures !== text) return changes;
    const map = pictures ? names : Object.fromEntries(Object.entries(names).slice(0, 2).map(([a, b]) => [b, a]));
    const renamed = Object.entries(changes).map(([name, value]) => [map[name] ?? name, value]);
    return Object.fromEntries(renamed.filter(([name]) => !pictures || !name.startsWith("hires.")));
  }

  /**
   * Fill the form from a recipe.
   * @param {string | null} tab in the older UI's words; null: the one that the recipe was made in
   * @param {string} infotext
   */
  older.paste = async (tab, infotext) => {
    await older.ready;
    if (!infotext?.trim()) return;
    const { infotext: reader, recipe, tabs, form, added } = place();
    const said = recipe.parse(infotext);
    const { kind, changes } = reader.fieldsFrom(said);
    const wanted = KINDS[tab] ?? kind;
    tabs.showTab(wanted);
    form.fill(moved(changes, kind, wanted));
    added.fillFromRecipe(wanted, said);
  };

  /**
   * Begin with a picture.
   * @param {string} tab "img2img", "inpaint", "sketch", "inpaint_sketch", "outpaint" or "extras"
   * @param {string | Blob} picture its address, or a data URL
   */
  older.sendImage = async (tab, picture) => {
    await older.ready;
    const { state, painters, tabs } = place();
    const blob = typeof picture === "string" ? await state.fetched(picture) : picture;
    if (tab === "extras") return toExtras(blob);
    await painters.usePicture(blob);
    const modes = { img2img: 0, sketch: 1, inpaint: 2, inpaint_sketch: 3 };
    if (tab in modes) older.openMode(modes[tab]);
    else tabs.showTab(KINDS[tab] ?? "img2img");
  };

  /** "Extras" is built when it is opened; it takes files from its chooser. */
  async function toExtras(blob) {
    place().tabs.showTab("extras");
    await place().dom.present(["extras_file", "extras_strip"]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const files = new DataTransfer();
    files.items.add(new File([blob], "picture.png", { type: blob.type || "image/png" }));
    byId("extras_file").files = files.files;
    byId("extras_file").dispatchEvent(new Event("change"));
  }

  /** Where the older UI has a picture: an `<img>` with it, and an `<input type=file>` that takes another one. */
  function pictureMirror(el, id, mode) {
    const file = el("input", { type: "file", accept: "image/*", tabindex: "-1" });
    file.addEventListener("change", async () => {
      if (!file.files[0]) return;
      older.openMode(mode);
      await place().painters.usePicture(file.files[0]);
    });
    return el("div", { id, "data-easel-mirror": true }, el("div", { "data-testid": "image" }, file));
  }

  older.prepare(({ dom: { el }, state }) => {
    const spare = byId("easel_older_rest");
    for (const [id, mode] of PICTURES) if (!byId(id)) spare.append(pictureMirror(el, id, mode));
    const buttons = TITLES.map((title, number) => el("button", { type: "button", onclick: () => older.openMode(number) }, title));
    spare.append(el("div", { id: "mode_img2img", "data-easel-mirror": true }, el("div", { class: "tab-nav" }, ...buttons)));
    const show = (what) => {
      if (what !== "picture") return;
      for (const [id] of PICTURES) {
        const holder = byId(id)?.querySelector("[data-testid=image]");
        holder?.querySelector("img")?.remove();
        if (holder && state.source.picture) holder.append(el("img", { src: state.inputUrl(state.source.picture), alt: "" }));
      }
    };
    state.onSource(show);
    show("picture");
  });
})();
