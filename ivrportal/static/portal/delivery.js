/* Keeps badges, the banner and the provider's screen true while something moves, and copies texts.

The page says where to ask (data-live-url), what to ask for (data-setting, data-live) and whether anything
moves (data-moving). The answer says when to look again; null: not at all. A hidden tab does not ask. */
(() => {
  "use strict";

  const FIRST_LOOK_S = 1;
  let timer = null;
  let isAsking = false;

  const all = (selector) => [...document.querySelectorAll(selector)];

  /* Replaces without taking the focus or a text away from the person. */
  function keepFocus(element, change) {
    const focused = document.activeElement;
    const isInside = element.contains(focused);
    if (isInside && focused.matches("input, textarea, select")) return;
    const links = isInside ? [...element.querySelectorAll("a, button")] : [];
    const place = element === focused ? -1 : links.indexOf(focused);
    const parent = element.parentElement;
    const index = [...parent.children].indexOf(element);
    change();
    if (!isInside) return;
    const now = parent.children[index];
    (place < 0 ? now : now?.querySelectorAll("a, button")[place])?.focus({ preventScroll: true });
  }

  const shown = new Map(); // what stands there, as the portal wrote it: the browser's own spelling differs

  function show(answer) {
    const isNew = (name, html) => html !== undefined && shown.get(name) !== html && shown.set(name, html);
    for (const [id, html] of Object.entries(answer.badges)) {
      if (!isNew(`badge-${id}`, html)) continue;
      for (const badge of all(`[data-setting="${id}"]`)) {
        keepFocus(badge, () => { badge.outerHTML = html.trim(); });
      }
    }
    for (const part of all("[data-live]")) {
      const html = answer.parts[part.dataset.live];
      if (isNew(part.dataset.live, html)) keepFocus(part, () => { part.innerHTML = html; });
    }
  }

  function address() {
    const base = document.querySelector("[data-live-url]")?.dataset.liveUrl;
    if (!base) return null;
    const query = new URLSearchParams(location.search);
    const wanted = new URLSearchParams();
    wanted.set("settings", [...new Set(all("[data-setting]").map((badge) => badge.dataset.setting))].join(","));
    if (document.querySelector('[data-live="head"]')) wanted.set("head", "1");
    if (document.querySelector('[data-live="setting"]')) wanted.set("history", "1");
    if (query.has("standing")) wanted.set("standing", query.get("standing"));
    return `${base}?${wanted}`;
  }

  async function look() {
    const url = address();
    if (!url || isAsking || document.hidden) return;
    isAsking = true;
    try {
      const response = await fetch(url, { headers: { Accept: "application/json" }, redirect: "manual" });
      if (!response.ok) return; // signed out: the next click says so
      const answer = await response.json();
      show(answer);
      if (answer.again_s !== null) lookIn(answer.again_s);
    } catch {
      lookIn(10); // the portal restarts, or the network is away
    } finally {
      isAsking = false;
    }
  }

  function lookIn(seconds) {
    clearTimeout(timer);
    timer = setTimeout(look, seconds * 1000);
  }

  async function copy(button) {
    const field = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch { // no clipboard without https: the old way
      field.select();
      document.execCommand("copy");
    }
    button.textContent = button.dataset.copied;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && document.querySelector("[data-setting], [data-live='head']")) look();
  });
  document.addEventListener("DOMContentLoaded", () => {
    if (document.querySelector("[data-moving]")) lookIn(FIRST_LOOK_S);
  });
})();
