/* The call list: lists to choose from close when they are left, the address can be copied, and a long search goes on. */
(() => {
  "use strict";

  const open = () => document.querySelectorAll("details.calls-drop[open]");

  document.addEventListener("click", (event) => {
    for (const drop of open()) if (!drop.contains(event.target)) drop.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const drop of open()) {
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
      return document.execCommand("copy"); // over plain http browsers have only this one
    }
  }

  function offerToCopy() {
    for (const button of document.querySelectorAll("[data-calls-copy]")) {
      button.hidden = false; // without this script it would do nothing
      button.addEventListener("click", async () => {
        const done = await copy(document.getElementById(button.dataset.callsCopy));
        button.focus();
        button.parentElement.querySelector("[data-calls-copied]").textContent = done ? button.dataset.copied : "";
      });
    }
  }

  // Nothing found so far: the portal looks through older calls piece by piece, and shows how far it is.
  async function lookFurther() {
    for (;;) {
      const link = document.querySelector("[data-calls-further]");
      if (!link) return;
      const reply = await fetch(link.href, { redirect: "error", cache: "no-store" });
      if (!reply.ok) return;
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      const found = page.querySelector("[data-calls-found]");
      if (!found) return;
      history.replaceState(null, "", link.href);
      document.querySelector("[data-calls-found]").replaceWith(found);
      offerToCopy();
    }
  }

  offerToCopy();
  lookFurther().catch(() => {}); // the link is still there
})();
