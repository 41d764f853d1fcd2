/* The missed-call desk: when it looks again, and its dialog. htmx does the rest; without a script all of it still works. */
(() => {
  "use strict";
  const dialog = document.getElementById("desk-dialog");
  let opener = "";

  /* Not while nobody sees it, or somebody is choosing, writing or answering. */
  window.deskMayLook = () => {
    const busy = document.activeElement?.closest("[data-desk-filter]");
    return document.visibilityState === "visible" && !dialog.open && !busy;
  };

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target.id === "desk-dialog-body" && !dialog.open) opener = event.detail.elt.id;
  });

  document.body.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    if (target.id === "desk-dialog-body") {
      if (!dialog.open) dialog.showModal();
      dialog.querySelector("textarea, [data-desk-cancel]")?.focus();
    } else if (target.id === "desk" && event.detail.requestConfig?.verb === "post") {
      const wasOpen = dialog.open;
      if (wasOpen) dialog.close();
      const from = wasOpen ? opener : event.detail.requestConfig.elt.id;
      const next = from.replace(/-(take|give-back)-/, from.includes("give-back") ? "-take-" : "-done-");
      const place = [from, next, "desk-undo", "desk-said"].map((id) => document.getElementById(id)).find(Boolean);
      place?.focus({ preventScroll: true });
    }
  });

  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-desk-cancel]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("close", () => document.getElementById(opener)?.focus({ preventScroll: true }));

  /* A link that looks like a button is pressed like one. */
  document.body.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.target.matches?.("#desk-whole a[role=button]")) return;
    event.preventDefault();
    event.target.click();
  });

  document.body.addEventListener("change", (event) => {
    const form = event.target.closest("[data-desk-filter]");
    if (form && event.target.name !== "q") form.requestSubmit();
  });

  for (const trouble of ["htmx:responseError", "htmx:sendError"]) {
    document.body.addEventListener(trouble, (event) => {
      if (event.detail.requestConfig?.verb !== "post") return;
      const said = document.getElementById("desk-said");
      if (dialog.open) dialog.close();
      said.textContent = document.getElementById("desk-whole").dataset.trouble;
      said.classList.remove("desk-silent");
      said.focus();
    });
  }
})();
