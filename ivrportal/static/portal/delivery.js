/* Polls for badges, the banner and the settings pages while something is pending, and copies texts.

The page gives the URL (data-live-url), what to request (data-setting, data-live) and whether to poll at all
(data-poll). The response says when to poll again (again_s); null stops polling. A hidden tab does not poll. */
(() => {
  "use strict";

  const FIRST_POLL_S = 1;
  let timer = null;
  let isPolling = false;

  const all = (selector) => [...document.querySelectorAll(selector)];

  /* Applies `change` without losing the focus. Does nothing while a field inside has the focus. */
  function keepFocus(element, change) {
    const focused = document.activeElement;
    const isInside = element.contains(focused);
    if (isInside && focused.matches("input, textarea, select")) return;
    const links = isInside ? [...element.querySelectorAll("a, button")] : [];
    const linkIndex = element === focused ? -1 : links.indexOf(focused);
    const parent = element.parentElement;
    const index = [...parent.children].indexOf(element);
    change();
    if (!isInside) return;
    const replaced = parent.children[index];
    (linkIndex < 0 ? replaced : replaced?.querySelectorAll("a, button")[linkIndex])?.focus({ preventScroll: true });
  }

  const received = new Map(); // last HTML per name as received, because the browser serialises innerHTML differently

  function update(data) {
    const isNew = (name, html) => html !== undefined && received.get(name) !== html && received.set(name, html);
    for (const [id, html] of Object.entries(data.badges)) {
      if (!isNew(`badge-${id}`, html)) continue;
      for (const badge of all(`[data-setting="${id}"]`)) {
        keepFocus(badge, () => { badge.outerHTML = html.trim(); });
      }
    }
    for (const part of all("[data-live]")) {
      const html = data.parts[part.dataset.live];
      if (isNew(part.dataset.live, html)) keepFocus(part, () => { part.innerHTML = html; });
    }
  }

  function buildUrl() {
    const base = document.querySelector("[data-live-url]")?.dataset.liveUrl;
    if (!base) return null;
    const query = new URLSearchParams(location.search);
    const parameters = new URLSearchParams();
    parameters.set("settings", [...new Set(all("[data-setting]").map((badge) => badge.dataset.setting))].join(","));
    if (document.querySelector('[data-live="head"]')) parameters.set("head", "1");
    if (document.querySelector('[data-live="setting"]')) parameters.set("history", "1");
    if (query.has("standing")) parameters.set("standing", query.get("standing"));
    return `${base}?${parameters}`;
  }

  async function poll() {
    const url = buildUrl();
    if (!url || isPolling || document.hidden) return;
    isPolling = true;
    try {
      const response = await fetch(url, { headers: { Accept: "application/json" }, redirect: "manual" });
      if (!response.ok) return; // signed out: the next click shows the login page
      const data = await response.json();
      update(data);
      if (data.again_s !== null) pollIn(data.again_s);
    } catch {
      pollIn(10); // the portal is restarting, or the network is down
    } finally {
      isPolling = false;
    }
  }

  function pollIn(seconds) {
    clearTimeout(timer);
    timer = setTimeout(poll, seconds * 1000);
  }

  async function copy(button) {
    const field = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch { // navigator.clipboard needs https
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
    if (!document.hidden && document.querySelector("[data-setting], [data-live='head']")) poll();
  });
  document.addEventListener("DOMContentLoaded", () => {
    if (document.querySelector("[data-poll]")) pollIn(FIRST_POLL_S);
  });
})();
