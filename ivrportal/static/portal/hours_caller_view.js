/* Date override form: selecting a date fills in its usual hours, so that usually one field has to be changed. */
(() => {
  "use strict";

  function start(form) {
    const date = form.elements.date;
    const fields = { opens_at: form.elements.opens_at, closes_at: form.elements.closes_at };

    function fillUsualHours() {
      const option = date.selectedOptions[0];
      fields.opens_at.value = option.dataset.opens;
      fields.closes_at.value = option.dataset.closes;
    }

    date.addEventListener("change", fillUsualHours);
    for (const button of form.querySelectorAll("[data-day]")) {
      button.addEventListener("click", () => {
        date.selectedIndex = Number(button.dataset.day);
        fillUsualHours();
        fields[button.dataset.field].focus();
      });
    }
    form.querySelector("[data-quick]").hidden = false;
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("form[data-other]").forEach(start);
  });
})();
