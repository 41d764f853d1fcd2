/* The week of an agent: adds rows, removes them, and copies a row to all weekdays. Without it there is one empty row. */
(() => {
  "use strict";

  const WEEKDAYS = ["0", "1", "2", "3", "4"];

  function start(section) {
    /* A row without times is empty, whatever its day says: it is filled first, and not saved. */
    const rows = section.querySelector("[data-shifts-rows]");
    const total = section.querySelector(`[name="${section.dataset.shifts}-TOTAL_FORMS"]`);
    const pattern = section.querySelector("[data-shifts-empty]");
    const field = (row, name) => row.querySelector(`[name$="-${name}"]`);
    const isGone = (row) => Boolean(field(row, "DELETE")?.checked);
    const all = () => [...rows.querySelectorAll("[data-shifts-row]:not([data-shifts-empty])")];
    const standing = () => all().filter((row) => !isGone(row));
    if (!pattern) return;

    function add() {
      const free = standing().find((row) => !field(row, "starts_at").value && !field(row, "ends_at").value);
      if (free) return free;
      const holder = document.createElement("div");
      holder.innerHTML = pattern.outerHTML.replaceAll("__prefix__", total.value);
      const row = holder.firstElementChild;
      row.hidden = false;
      row.removeAttribute("data-shifts-empty");
      pattern.before(row);
      total.value = String(Number(total.value) + 1);
      ready(row);
      return row;
    }

    function fill(row, day, from, to) {
      field(row, "day").value = day;
      field(row, "starts_at").value = from;
      field(row, "ends_at").value = to;
    }

    function remove(row) {
      const box = field(row, "DELETE");
      if (box) box.checked = true;
      mark(row);
    }

    /* What was saved stays in sight until it is saved again, struck out; what was never saved goes at once. */
    function mark(row) {
      row.classList.toggle("shifts-is-gone", isGone(row));
      if (!("shiftsSaved" in row.dataset)) row.hidden = isGone(row);
    }

    function copy(row) {
      if (!field(row, "day").value) field(row, "day").value = WEEKDAYS[0];
      const [day, from, to] = ["day", "starts_at", "ends_at"].map((name) => field(row, name).value);
      if (!from || !to) return;
      for (const other of WEEKDAYS) {
        const there = standing().filter((one) => field(one, "day").value === other && (one === row || field(one, "starts_at").value));
        const kept = other === day ? row : there[0];
        there.filter((one) => one !== kept).forEach(remove);
        fill(kept || add(), other, from, to);
      }
      const said = section.querySelector("[data-shifts-said]");
      said.textContent = said.dataset.copied;
      rows.dispatchEvent(new Event("change", { bubbles: true }));
    }

    function ready(row) {
      const button = row.querySelector("[data-shifts-copy]");
      if (button) {
        button.hidden = false;
        button.addEventListener("click", () => copy(row));
      }
      field(row, "DELETE")?.addEventListener("change", () => mark(row));
    }

    const button = section.querySelector("[data-shifts-add]");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => field(add(), "day").focus());
    }
    all().forEach(ready);
  }

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-shifts]").forEach(start));
})();
