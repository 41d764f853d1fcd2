/* The week page: live bars, copying, the list of unsaved days, and a warning before leaving with unsaved changes.

The page also works without this file: the seven rows are plain fields of one form. */
(() => {
  "use strict";

  const DAY_MINUTES = 24 * 60;
  const LAST_MINUTE = "23:59"; // means midnight: the provider accepts no later end
  const WEEKDAYS = 5;
  const minute = (time) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5));
  const interpolate = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  function readRow(element) {
    const [opens, closes] = element.querySelectorAll("input[type=time]");
    return {
      element, opens, closes,
      name: element.dataset.row,
      number: Number(element.dataset.number),
      rendered: element.querySelector("input[name$='-was']").value,
      error: element.querySelector("[data-error]"),
      midnight: element.querySelector("[data-midnight]"),
    };
  }

  function start(form) {
    const rows = [...form.querySelectorAll("[data-row]")].map(readRow);
    const message = form.querySelector("[data-message]");
    const discard = form.querySelector("[data-discard]");
    const config = form.dataset;
    let isSaving = false;
    let lastEdited = null;

    const times = (row) => `${row.opens.value}-${row.closes.value}`;
    const isComplete = (row) => row.opens.value !== "" && row.closes.value !== "";
    const isBackwards = (row) => isComplete(row) && row.closes.value <= row.opens.value;
    const isChanged = (row) => times(row) !== row.rendered || row.opens.validity.badInput || row.closes.validity.badInput;

    function drawBar(row) {
      const isOpen = isComplete(row) && !isBackwards(row);
      const end = row.closes.value === LAST_MINUTE ? DAY_MINUTES : isOpen && minute(row.closes.value);
      const bar = row.element.querySelector(".day-bar-hours");
      bar.setAttribute("x", isOpen ? minute(row.opens.value) : 0);
      bar.setAttribute("width", isOpen ? end - minute(row.opens.value) : 0);
      bar.ownerSVGElement.setAttribute(
        "aria-label", isOpen ? interpolate(config.bar, { opens: row.opens.value, closes: row.closes.value }) : config.noBar,
      );
      row.element.classList.toggle("week-changed", isChanged(row));
    }

    function validate(row) {
      const isWrong = isBackwards(row);
      row.error.textContent = isWrong ? config.backwards : "";
      row.midnight.hidden = !isWrong;
      row.element.classList.toggle("week-wrong", isWrong);
      row.closes.toggleAttribute("aria-invalid", isWrong);
      if (isWrong) row.closes.setAttribute("aria-invalid", "true");
    }

    function showUnsaved() {
      const days = rows.filter(isChanged).map((row) => row.name);
      message.textContent = days.length ? interpolate(config.unsaved, { days: days.join(", ") }) : "";
      discard.hidden = !days.length;
    }

    /* Same as typing: the delivery preview listens to the form's input events. */
    function afterChange(changed) {
      changed.forEach((row) => { drawBar(row); validate(row); });
      showUnsaved();
      form.dispatchEvent(new Event("input"));
    }

    function copy(from, targets) {
      if (!isComplete(from)) { from.opens.focus(); return; }
      for (const row of targets) [row.opens.value, row.closes.value] = [from.opens.value, from.closes.value];
      afterChange(targets);
      const days = targets.map((row) => row.name).join(", ");
      if (targets.some(isChanged)) message.textContent = interpolate(config.copied, { hours: times(from).replace("-", "–"), days });
    }

    for (const row of rows) {
      for (const field of [row.opens, row.closes]) {
        field.addEventListener("input", () => { lastEdited = row; drawBar(row); if (!row.error.textContent || !isBackwards(row)) validate(row); showUnsaved(); });
      }
      for (const button of row.element.querySelectorAll("[data-spread]")) {
        button.hidden = false;
        button.addEventListener("click", () => {
          copy(row, button.dataset.spread === "all" ? rows : rows.filter((other) => other.number < WEEKDAYS || other === row));
        });
      }
      row.midnight.addEventListener("click", () => {
        row.closes.value = LAST_MINUTE;
        afterChange([row]);
        row.closes.focus();
      });
      drawBar(row);
      row.element.classList.toggle("week-wrong", row.error.textContent !== "");
    }

    const same = form.querySelector("[data-same]");
    same.hidden = false;
    same.addEventListener("click", () => {
      const from = lastEdited && isComplete(lastEdited) ? lastEdited : rows.find(isComplete);
      if (from) copy(from, rows); else rows[0].opens.focus();
    });
    discard.addEventListener("click", () => {
      for (const row of rows) [row.opens.value, row.closes.value] = row.rendered.split("-");
      lastEdited = null;
      afterChange(rows);
      rows[0].opens.focus();
    });

    form.addEventListener("submit", () => { isSaving = true; });
    window.addEventListener("beforeunload", (event) => {
      if (!isSaving && rows.some(isChanged)) event.preventDefault();
    });
    showUnsaved();
    if (rows.some(isChanged)) form.dispatchEvent(new Event("input"));
  }

  document.addEventListener("DOMContentLoaded", () => {
    const form = document.querySelector("form#week");
    if (form?.querySelector("[data-message]")) start(form);
  });
})();
