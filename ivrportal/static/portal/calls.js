/* The call list: lists to choose from close when they are left, and the address can be copied. */
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

  for (const button of document.querySelectorAll("[data-calls-copy]")) {
    button.hidden = false; // without this script it would do nothing
    button.addEventListener("click", async () => {
      const done = await copy(document.getElementById(button.dataset.callsCopy));
      button.focus();
      button.parentElement.querySelector("[data-calls-copied]").textContent = done ? button.dataset.copied : "";
    });
  }
})();
