// A mask from a file, and as a file.
import { showError } from "../alerts.js";
import { el } from "../dom.js";
import { painterFor } from "./painters.js";
import { source } from "./state.js";

/** The buttons beside the words. */
export function maskButtons() {
  const input = el("input", { type: "file", accept: "image/*", class: "easel-hidden", tabindex: "-1", "aria-label": "Mask file" });
  input.id = "img2img_mask_file";
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    if (!source.picture) return showError("Choose the picture first; then its mask.");
    try {
      await (await painterFor("mask")).setMask(file);
    } catch (error) {
      showError(error.message);
    }
  });
  const choose = el("button", { type: "button", class: "easel-button", title: "White is masked", onclick: () => input.click() }, "Load a mask");
  return el("div", { class: "easel-source-more" }, input, choose);
}
