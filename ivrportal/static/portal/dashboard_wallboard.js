/* The wall board: theme switch, and a message if an update fails. htmx polls the figures. */
(() => {
  "use strict";
  const root = document.documentElement;
  const KEY = "wall-theme";
  const recall = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const keep = (theme) => { try { localStorage.setItem(KEY, theme); } catch { /* storage is blocked: the choice is not remembered */ } };
  if (recall() === "light") root.dataset.wallTheme = "light";

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-wall-theme-switch]");
    const trouble = document.querySelector("[data-wall-trouble]");
    const last = document.querySelector("[data-wall-last]");
    const show = () => button.setAttribute("aria-pressed", String(root.dataset.wallTheme === "light"));
    show();
    button.addEventListener("click", () => {
      root.dataset.wallTheme = root.dataset.wallTheme === "light" ? "dark" : "light";
      keep(root.dataset.wallTheme);
      show();
    });

    for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
      document.body.addEventListener(name, () => {
        const updatedAt = document.getElementById("wall")?.dataset.updatedAt;
        if (!updatedAt) return; // signed out: polling has stopped
        last.textContent = `${last.dataset.text} ${updatedAt}.`;
        trouble.hidden = false;
        root.classList.add("wall-is-stale");
      });
    }
    document.body.addEventListener("htmx:afterSwap", () => {
      trouble.hidden = true;
      root.classList.remove("wall-is-stale");
    });
  });
})();
