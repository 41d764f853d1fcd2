/* The week on one page: bars that follow the times, copying, what is not saved yet, and a guard for it.

Without this file the page still saves: the seven rows are plain fields of one form. */
(() => {
  "use strict";

  const DAY_MINUTES = 24 * 60;
  const LAST_MINUTE = "23:59"; // stands for midnight: the provider takes no later end
  const WEEKDAYS = 5;
  const minute = (time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
  const filled = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function rowOf(element) {
    const [opens, closes] = element.querySelectorAll("input[type=time]");
    return {
      element, opens, closes,
      name: element.dataset.row,
      number: Number(element.dataset.number),
      was: element.querySelector("input[name$='-was']").value,
      error: element.querySelector("[data-error]"),
      midnight: element.querySelector("[data-midnight]"),
    };
  }

  function start(form) {
    const rows = [...form.querySelectorAll("[data-row]")].map(rowOf);
    const said = form.querySelector("[data-said]");
    const discard = form.querySelector("[data-discard]");
    const words = form.dataset;
    let isSaving = false;
    let lastEdited = null;

    const times = (row) => `${row.opens.value}-${row.closes.value}`;
    const isWhole = (row) => row.opens.value !== "" && row.closes.value !== "";
    const isBackwards = (row) => isWhole(row) && row.closes.value <= row.opens.value;
    const isChanged = (row) => times(row) !== row.was || row.opens.validity.badInput || row.closes.validity.badInput;

    function draw(row) {
      const isOpen = isWhole(row) && !isBackwards(row);
      const end = row.closes.value === LAST_MINUTE ? DAY_MINUTES : isOpen && minute(row.closes.value);
      const bar = row.element.querySelector(".day-bar-hours");
      bar.setAttribute("x", isOpen ? minute(row.opens.value) : 0);
      bar.setAttribute("width", isOpen ? end - minute(row.opens.value) : 0);
      bar.ownerSVGElement.setAttribute(
        "aria-label", isOpen ? filled(words.bar, { opens: row.opens.value, closes: row.closes.value }) : words.noBar,
      );
      row.element.classList.toggle("week-changed", isChanged(row));
    }

    function judge(row) {
      const isWrong = isBackwards(row);
      row.error.textContent = isWrong ? words.backwards : "";
      row.midnight.hidden = !isWrong;
      row.element.classList.toggle("week-wrong", isWrong);
      row.closes.toggleAttribute("aria-invalid", isWrong);
      if (isWrong) row.closes.setAttribute("aria-invalid", "true");
    }

    function sayUnsaved() {
      const days = rows.filter(isChanged).map((row) => row.name);
      said.textContent = days.length ? filled(words.unsaved, { days: days.join(", ") }) : "";
      discard.hidden = !days.length;
    }

    /* As if the person had typed it: the preview listens to the form's input events. */
    function typed(changed) {
      changed.forEach((row) => { draw(row); judge(row); });
      sayUnsaved();
      form.dispatchEvent(new Event("input"));
    }

    function copy(from, targets) {
      if (!isWhole(from)) { from.opens.focus(); return; }
      for (const row of targets) [row.opens.value, row.closes.value] = [from.opens.value, from.closes.value];
      typed(targets);
      const days = targets.map((row) => row.name).join(", ");
      if (targets.some(isChanged)) said.textContent = filled(words.copied, { hours: times(from).replace("-", "–"), days });
    }

    for (const row of rows) {
      for (const field of [row.opens, row.closes]) {
        field.addEventListener("input", () => { lastEdited = row; draw(row); if (!row.error.textContent || !isBackwards(row)) judge(row); sayUnsaved(); });
      }
      for (const button of row.element.querySelectorAll("[data-spread]")) {
        button.hidden = false;
        button.addEventListener("click", () => {
          copy(row, button.dataset.spread === "all" ? rows : rows.filter((other) => other.number < WEEKDAYS || other === row));
        });
      }
      row.midnight.addEventListener("click", () => {
        row.closes.value = LAST_MINUTE;
        typed([row]);
        row.closes.focus();
      });
      draw(row);
      row.element.classList.toggle("week-wrong", row.error.textContent !== "");
    }

    const same = form.querySelector("[data-same]");
    same.hidden = false;
    same.addEventListener("click", () => {
      const from = lastEdited && isWhole(lastEdited) ? lastEdited : rows.find(isWhole);
      if (from) copy(from, rows); else rows[0].opens.focus();
    });
    discard.addEventListener("click", () => {
      for (const row of rows) [row.opens.value, row.closes.value] = row.was.split("-");
      lastEdited = null;
      typed(rows);
      rows[0].opens.focus();
    });

    form.addEventListener("submit", () => { isSaving = true; });
    window.addEventListener("beforeunload", (event) => {
      if (!isSaving && rows.some(isChanged)) event.preventDefault();
    });
    sayUnsaved();
    if (rows.some(isChanged)) form.dispatchEvent(new Event("input"));
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("form#week");
    if (form?.querySelector("[data-said]")) start(form);
  });
})();
