/* Other hours for one date: the date's usual hours stand in the fields, so that a person changes only one of them. */
(() => {
  "use strict";

  function start(form) {
    const date = form.elements.date;
    const fields = { opens_at: form.elements.opens_at, closes_at: form.elements.closes_at };

    function usual() {
      const chosen = date.selectedOptions[0];
      fields.opens_at.value = chosen.dataset.opens;
      fields.closes_at.value = chosen.dataset.closes;
    }

    date.addEventListener("change", usual);
    for (const button of form.querySelectorAll("[data-day]")) {
      button.addEventListener("click", () => {
        date.selectedIndex = Number(button.dataset.day);
        usual();
        fields[button.dataset.field].focus();
      });
    }
    form.querySelector("[data-quick]").hidden = false;
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("form[data-other]").forEach(start);
  });
})();
