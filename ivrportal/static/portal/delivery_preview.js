/* Shows what a save will send while the user edits: posts the form to its preview URL, which saves nothing. */
(() => {
  "use strict";

  const DELAY_MS = 400;

  function watch(container) {
    const form = document.getElementById(container.dataset.previewForm);
    if (!form) return;
    let timer = null;
    let latest = 0;

    async function refresh() {
      const current = ++latest;
      try {
        const response = await fetch(container.dataset.previewUrl, {
          method: "POST", body: new FormData(form), redirect: "manual",
        });
        const html = response.ok ? await response.text() : "";
        if (current === latest) container.innerHTML = html; // an older response must not overwrite a newer one
      } catch {
        if (current === latest) container.replaceChildren();
      }
    }

    function scheduleRefresh(event) {
      if (event.target.matches(".action-select, #action-toggle, [name=action]")) return; // selected, not edited
      clearTimeout(timer);
      timer = setTimeout(refresh, DELAY_MS);
    }

    form.addEventListener("input", scheduleRefresh);
    form.addEventListener("change", scheduleRefresh);
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-preview-url]").forEach(watch);
  });
})();
