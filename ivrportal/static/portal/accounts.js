/* Buttons that print and save the recovery codes. Without scripts the page still shows the codes. */
"use strict";

(() => {
  const print = document.querySelector("[data-print]");
  const save = document.querySelector("[data-download]");
  const codes = [...document.querySelectorAll("[data-codes] code")].map((code) => code.textContent);
  print.hidden = save.hidden = false;
  print.addEventListener("click", () => window.print());
  save.href = URL.createObjectURL(new Blob([codes.join("\n") + "\n"], { type: "text/plain" }));
  save.download = save.dataset.download;
})();
