/* Says what a save will send, while the person edits: the form is posted to its preview, which saves nothing. */
(() => {
  "use strict";

  const PAUSE_MS = 400;

  function watch(place) {
    const form = document.getElementById(place.dataset.previewForm);
    if (!form) return;
    let timer = null;
    let newest = 0;

    async function ask() {
      const mine = ++newest;
      try {
        const response = await fetch(place.dataset.previewUrl, {
          method: "POST", body: new FormData(form), redirect: "manual",
        });
        const html = response.ok ? await response.text() : "";
        if (mine === newest) place.innerHTML = html; // an older answer must not overwrite a newer one
      } catch {
        if (mine === newest) place.replaceChildren();
      }
    }

    function soon(event) {
      if (event.target.matches(".action-select, #action-toggle, [name=action]")) return; // chosen, not edited
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE_MS);
    }

    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-preview-url]").forEach(watch);
  });
})();
