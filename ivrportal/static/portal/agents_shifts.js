/* Weekly shifts of an agent: adds and removes rows, copies a row to all weekdays. Without it there is one empty row. */
(() => {
  "use strict";

  const WEEKDAYS = ["0", "1", "2", "3", "4"];

  function start(section) {
    /* A row without times counts as empty, whatever its day. It is reused first, and not saved. */
    const rows = section.querySelector("[data-shifts-rows]");
    const total = section.querySelector(`[name="${section.dataset.shifts}-TOTAL_FORMS"]`);
    const template = section.querySelector("[data-shifts-empty]");
    const field = (row, name) => row.querySelector(`[name$="-${name}"]`);
    const isRemoved = (row) => Boolean(field(row, "DELETE")?.checked);
    const all = () => [...rows.querySelectorAll("[data-shifts-row]:not([data-shifts-empty])")];
    const remaining = () => all().filter((row) => !isRemoved(row));
    if (!template) return;

    function add() {
      const free = remaining().find((row) => !field(row, "starts_at").value && !field(row, "ends_at").value);
      if (free) return free;
      const holder = document.createElement("div");
      holder.innerHTML = template.outerHTML.replaceAll("__prefix__", total.value);
      const row = holder.firstElementChild;
      row.hidden = false;
      row.removeAttribute("data-shifts-empty");
      template.before(row);
      total.value = String(Number(total.value) + 1);
      bindRow(row);
      return row;
    }

    function fill(row, day, from, to) {
      field(row, "day").value = day;
      field(row, "starts_at").value = from;
      field(row, "ends_at").value = to;
    }

    function remove(row) {
      const checkbox = field(row, "DELETE");
      if (checkbox) checkbox.checked = true;
      showRemoved(row);
    }

    /* A removed saved row stays visible, struck out, until the form is saved; an unsaved row disappears at once. */
    function showRemoved(row) {
      row.classList.toggle("shifts-is-removed", isRemoved(row));
      if (!("shiftsSaved" in row.dataset)) row.hidden = isRemoved(row);
    }

    function copy(row) {
      if (!field(row, "day").value) field(row, "day").value = WEEKDAYS[0];
      const [day, from, to] = ["day", "starts_at", "ends_at"].map((name) => field(row, name).value);
      if (!from || !to) return;
      for (const other of WEEKDAYS) {
        const existing = remaining().filter((one) => field(one, "day").value === other && (one === row || field(one, "starts_at").value));
        const target = other === day ? row : existing[0];
        existing.filter((one) => one !== target).forEach(remove);
        fill(target || add(), other, from, to);
      }
      const status = section.querySelector("[data-shifts-status]");
      status.textContent = status.dataset.copied;
      rows.dispatchEvent(new Event("change", { bubbles: true }));
    }

    function bindRow(row) {
      const button = row.querySelector("[data-shifts-copy]");
      if (button) {
        button.hidden = false;
        button.addEventListener("click", () => copy(row));
      }
      field(row, "DELETE")?.addEventListener("change", () => showRemoved(row));
    }

    const button = section.querySelector("[data-shifts-add]");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => field(add(), "day").focus());
    }
    all().forEach(bindRow);
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-shifts]").forEach(start));
})();
