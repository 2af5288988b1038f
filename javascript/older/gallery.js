// The pictures that were made, as scripts of the older UI ask for them.
(() => {
  const older = window.easelOlder;

  const all_gallery_buttons = () => [...document.querySelectorAll("#easel_strip button[data-picture]")];
  const selected_gallery_button = () => all_gallery_buttons().find((button) => button.hasAttribute("aria-current")) ?? null;
  const selected_gallery_index = () => all_gallery_buttons().indexOf(selected_gallery_button());
  const gallery_container_buttons = (container) => [...(document.querySelector(`#${container}`)?.querySelectorAll("button[data-picture]") ?? [])];

  /** The picture of a gallery's value that is chosen, in a list; the first where none is. */
  function extract_image_from_gallery(gallery) {
    if (!gallery?.length) return [null];
    if (gallery.length === 1) return [gallery[0]];
    return [gallery[Math.max(0, selected_gallery_index())] ?? gallery[0]];
  }

  older.publish({
    all_gallery_buttons,
    selected_gallery_button,
    selected_gallery_index,
    selected_gallery_index_id: (container) => gallery_container_buttons(container).indexOf(selected_gallery_button()),
    gallery_container_buttons,
    extract_image_from_gallery,
  });
})();
