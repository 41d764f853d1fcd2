/* The call list: close dropdowns on outside clicks and Escape, copy the URL, continue a long search. */
(() => {
  "use strict";

  const openDropdowns = () => document.querySelectorAll("details.calls-drop[open]");

  document.addEventListener("click", (event) => {
    for (const drop of openDropdowns()) if (!drop.contains(event.target)) drop.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const drop of openDropdowns()) {
      drop.open = false;
      drop.querySelector("summary").focus();
    }
  });

  async function copy(field) {
    field.focus();
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      return true;
    } catch {
      return document.execCommand("copy"); // the clipboard API needs https
    }
  }

  function enableCopyButtons() {
    for (const button of document.querySelectorAll("[data-calls-copy]")) {
      button.hidden = false; // it works only with this script
      button.addEventListener("click", async () => {
        const isCopied = await copy(document.getElementById(button.dataset.callsCopy));
        button.focus();
        button.parentElement.querySelector("[data-calls-copied]").textContent = isCopied ? button.dataset.copied : "";
      });
    }
  }

  // No match yet: search older calls step by step, and show after each step how far the search got.
  async function continueSearch() {
    for (;;) {
      const link = document.querySelector("[data-calls-continue]");
      if (!link) return;
      const reply = await fetch(link.href, { redirect: "error", cache: "no-store" });
      if (!reply.ok) return;
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      const found = page.querySelector("[data-calls-found]");
      if (!found) return;
      history.replaceState(null, "", link.href);
      document.querySelector("[data-calls-found]").replaceWith(found);
      enableCopyButtons();
    }
  }

  enableCopyButtons();
  continueSearch().catch(() => {}); // the link still works
})();
