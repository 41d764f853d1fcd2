/* The holidays pages: keyboard navigation of the year, the dialog for adding, the count of ticked days.
Every link and form also works without it. */
(() => {
  "use strict";

  /* --- the year: one tab stop, arrow keys inside --- */

  const DAYS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };

  function shiftDate(iso, key) {
    const [year, month, day] = iso.split("-").map(Number);
    if (key in DAYS) return new Date(Date.UTC(year, month - 1, day + DAYS[key]));
    const step = key === "PageUp" ? -1 : 1;
    const last = new Date(Date.UTC(year, month + step, 0)).getUTCDate();
    return new Date(Date.UTC(year, month - 1 + step, Math.min(day, last)));
  }

  function findDay(days, day, key) {
    if (key === "Home") return days[0];
    if (key === "End") return days[days.length - 1];
    const wanted = shiftDate(day.dataset.date, key).toISOString().slice(0, 10);
    if (wanted > day.dataset.date) return days.find((candidate) => candidate.dataset.date >= wanted);
    return days.findLast((candidate) => candidate.dataset.date <= wanted);
  }

  function bindYear(year) {
    const days = [...year.querySelectorAll("a.day")];
    if (!days.length) return;
    const today = year.querySelector('[aria-current="date"]');
    const setTabStop = (tabStop) => days.forEach((day) => { day.tabIndex = day === tabStop ? 0 : -1; });
    setTabStop(days.includes(today) ? today : days[0]);
    year.addEventListener("focusin", (event) => {
      if (event.target.matches("a.day")) setTabStop(event.target);
    });
    year.addEventListener("keydown", (event) => {
      const isHandled = event.key in DAYS || ["PageUp", "PageDown", "Home", "End"].includes(event.key);
      if (!isHandled || event.ctrlKey || event.altKey || event.metaKey || !event.target.matches("a.day")) return;
      event.preventDefault();
      findDay(days, event.target, event.key)?.focus();
    });
  }

  /* --- adding in a dialog --- */

  function bindDialog(dialog) {
    const form = dialog.querySelector("form");
    const { date, until, name } = form.elements;

    function open(iso) {
      form.reset();
      date.value = iso;
      until.min = iso || date.min;
      dialog.showModal();
      (iso ? name : date).focus();
      if (iso) date.dispatchEvent(new Event("input", { bubbles: true })); // requests the preview
    }

    document.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // opens in a new tab
      const day = event.target.closest?.("a[data-free], .js-add-holiday");
      if (day) {
        event.preventDefault();
        open(day.dataset.date ?? "");
      } else if (event.target.closest?.("[data-close]") || event.target === dialog) {
        dialog.close();
      }
    });
    date.addEventListener("change", () => { until.min = date.value || date.min; });
    dialog.addEventListener("close", () => dialog.querySelector(".preview-container")?.replaceChildren());
  }

  /* --- ticking --- */

  function bindCheckboxes(form) {
    const boxes = (root) => [...root.querySelectorAll("input[name=date]:not(:disabled)")];
    const certainBoxes = (button) => boxes(form.querySelector(`[data-group="${button.dataset.tickAll}"]`))
      .filter((box) => box.dataset.doubt !== "estimated");
    const count = form.querySelector("[data-count]");

    function showCount() {
      const ticked = boxes(form).filter((box) => box.checked).length;
      const text = ticked === 1 ? count.dataset.one : count.dataset.many.replace("%n%", ticked);
      count.textContent = ticked ? text : "";
      for (const button of form.querySelectorAll("[data-tick-all]")) {
        const group = certainBoxes(button);
        button.hidden = !group.length;
        button.dataset.initialText ??= button.textContent;
        button.textContent = group.every((box) => box.checked) ? button.dataset.tickNone : button.dataset.initialText;
      }
    }

    form.addEventListener("change", showCount);
    form.addEventListener("click", (event) => {
      const button = event.target.closest("[data-tick-all]");
      if (!button) return;
      const group = certainBoxes(button);
      const isChecked = !group.every((box) => box.checked);
      for (const box of group) box.checked = isChecked;
      showCount();
    });
    window.addEventListener("pageshow", showCount); // the browser restores the ticks on back navigation
    showCount();
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-year]").forEach(bindYear);
    document.querySelectorAll("#add-holiday").forEach(bindDialog);
    document.querySelectorAll("[data-ticks]").forEach(bindCheckboxes);
    for (const select of document.querySelectorAll(".hol-pick select")) {
      select.addEventListener("change", () => select.form.requestSubmit());
    }
  });
})();
