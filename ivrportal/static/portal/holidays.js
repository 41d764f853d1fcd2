/* The holidays' pages: the year by keyboard, adding in a dialog, counting what is ticked.
Without it every link and form still works. */
(() => {
  "use strict";

  /* --- the year: one stop for the tab key, arrows inside --- */

  const DAYS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

  function moved(iso, key) {
    const [year, month, day] = iso.split("-").map(Number);
    if (key in DAYS) return new Date(Date.UTC(year, month - 1, day + DAYS[key]));
    const step = key === "PageUp" ? -1 : 1;
    const last = new Date(Date.UTC(year, month + step, 0)).getUTCDate();
    return new Date(Date.UTC(year, month - 1 + step, Math.min(day, last)));
  }

  function target(days, day, key) {
    if (key === "Home") return days[0];
    if (key === "End") return days[days.length - 1];
    const wanted = moved(day.dataset.date, key).toISOString().slice(0, 10);
    if (wanted > day.dataset.date) return days.find((each) => each.dataset.date >= wanted);
    return days.findLast((each) => each.dataset.date <= wanted);
  }

  function yearByKeyboard(year) {
    const days = [...year.querySelectorAll("a.day")];
    if (!days.length) return;
    const today = year.querySelector('[aria-current="date"]');
    const stop = (chosen) => days.forEach((day) => { day.tabIndex = day === chosen ? 0 : -1; });
    stop(days.includes(today) ? today : days[0]);
    year.addEventListener("focusin", (event) => {
      if (event.target.matches("a.day")) stop(event.target);
    });
    year.addEventListener("keydown", (event) => {
      const known = event.key in DAYS || ["PageUp", "PageDown", "Home", "End"].includes(event.key);
      if (!known || event.ctrlKey || event.altKey || event.metaKey || !event.target.matches("a.day")) return;
      event.preventDefault();
      target(days, event.target, event.key)?.focus();
    });
  }

  /* --- adding in a dialog --- */

  function adding(dialog) {
    const form = dialog.querySelector("form");
    const { date, until, name } = form.elements;

    function open(iso) {
      form.reset();
      date.value = iso;
      until.min = iso || date.min;
      dialog.showModal();
      (iso ? name : date).focus();
      if (iso) date.dispatchEvent(new Event("input", { bubbles: true })); // asks for the preview
    }

    document.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab was asked for
      const day = event.target.closest?.("a[data-free], .js-add-holiday");
      if (day) {
        event.preventDefault();
        open(day.dataset.date ?? "");
      } else if (event.target.closest?.("[data-close]") || event.target === dialog) {
        dialog.close();
      }
    });
    date.addEventListener("change", () => { until.min = date.value || date.min; });
    dialog.addEventListener("close", () => dialog.querySelector(".preview-place")?.replaceChildren());
  }

  /* --- ticking --- */

  function ticking(form) {
    const boxes = (root) => [...root.querySelectorAll("input[name=date]:not(:disabled)")];
    const sure = (button) => boxes(form.querySelector(`[data-group="${button.dataset.tickAll}"]`))
      .filter((box) => box.dataset.doubt !== "estimated");
    const count = form.querySelector("[data-count]");

    function say() {
      const ticked = boxes(form).filter((box) => box.checked).length;
      const words = ticked === 1 ? count.dataset.one : count.dataset.many.replace("%n%", ticked);
      count.textContent = ticked ? words : "";
      for (const button of form.querySelectorAll("[data-tick-all]")) {
        const group = sure(button);
        button.hidden = !group.length;
        button.dataset.words ??= button.textContent;
        button.textContent = group.every((box) => box.checked) ? button.dataset.tickNone : button.dataset.words;
      }
    }

    form.addEventListener("change", say);
    form.addEventListener("click", (event) => {
      const button = event.target.closest("[data-tick-all]");
      if (!button) return;
      const group = sure(button);
      const wanted = !group.every((box) => box.checked);
      for (const box of group) box.checked = wanted;
      say();
    });
    window.addEventListener("pageshow", say); // going back keeps the ticks
    say();
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-year]").forEach(yearByKeyboard);
    document.querySelectorAll("#add-holiday").forEach(adding);
    document.querySelectorAll("[data-ticks]").forEach(ticking);
    for (const select of document.querySelectorAll(".hol-pick select")) {
      select.addEventListener("change", () => select.form.requestSubmit());
    }
  });
})();
