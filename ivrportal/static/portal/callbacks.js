/* The callback queue: polling, dialog and focus. htmx loads the content. Everything also works without JavaScript. */
(() => {
  "use strict";
  const dialog = document.getElementById("queue-dialog");
  let opener = "";

  /* No polling while the page is hidden, the dialog is open or a filter has the focus. */
  window.queueMayPoll = () => {
    const isFiltering = document.activeElement?.closest("[data-queue-filter]");
    return document.visibilityState === "visible" && !dialog.open && !isFiltering;
  };

  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target.id === "queue-dialog-body" && !dialog.open) opener = event.detail.elt.id;
  });

  document.body.addEventListener("htmx:afterSwap", (event) => {
    const target = event.detail.target;
    if (target.id === "queue-dialog-body") {
      if (!dialog.open) dialog.showModal();
      dialog.querySelector("textarea, [data-queue-cancel]")?.focus();
    } else if (target.id === "queue" && event.detail.requestConfig?.verb === "post") {
      const wasOpen = dialog.open;
      if (wasOpen) dialog.close();
      const from = wasOpen ? opener : event.detail.requestConfig.elt.id;
      const next = from.replace(/-(take|give-back)-/, from.includes("give-back") ? "-take-" : "-done-");
      const focusTarget = [from, next, "queue-undo", "queue-message"].map((id) => document.getElementById(id)).find(Boolean);
      focusTarget?.focus({ preventScroll: true });
    }
  });

  dialog.addEventListener("click", (event) => {
    if (!event.target.closest("[data-queue-cancel]")) return;
    event.preventDefault();
    dialog.close();
  });
  dialog.addEventListener("close", () => document.getElementById(opener)?.focus({ preventScroll: true }));

  /* The space key activates links with the role of a button. */
  document.body.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.target.matches?.("#queue-page a[role=button]")) return;
    event.preventDefault();
    event.target.click();
  });

  document.body.addEventListener("change", (event) => {
    const form = event.target.closest("[data-queue-filter]");
    if (form && event.target.name !== "q") form.requestSubmit();
  });

  for (const trouble of ["htmx:responseError", "htmx:sendError"]) {
    document.body.addEventListener(trouble, (event) => {
      if (event.detail.requestConfig?.verb !== "post") return;
      const message = document.getElementById("queue-message");
      if (dialog.open) dialog.close();
      message.textContent = document.getElementById("queue-page").dataset.trouble;
      message.classList.remove("queue-message-empty");
      message.focus();
    });
  }
})();
