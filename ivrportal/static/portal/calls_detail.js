// The detail page of a call: "Copy details" and tag suggestions. Without it, details can be selected and tags typed.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  const statusLine = document.createElement("span");
  statusLine.className = "in-copied";
  statusLine.setAttribute("role", "status");
  button.after(statusLine);
  button.hidden = false; // it works only with this script
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    const isCopied = await copyText(field);
    statusLine.textContent = isCopied ? button.dataset.copied : button.dataset.notCopied;
    if (isCopied) setTimeout(() => (statusLine.textContent = ""), 4000);
    else field.closest("details").open = true;
  });
}

async function copyText(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    // Without https there is only execCommand, and it needs the text to be visible.
    const details = field.closest("details");
    const wasOpen = details.open;
    details.open = true;
    field.select();
    const isCopied = document.execCommand("copy");
    details.open = wasOpen || !isCopied;
    return isCopied;
  }
}

for (const field of document.querySelectorAll("[data-suggest]")) {
  let timer = 0;
  const suggest = async () => {
    try {
      const response = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(field.value)}`, { redirect: "error" });
      const { words } = await response.json();
      field.list.replaceChildren(...words.map((word) => new Option(word, word)));
    } catch {
      // Without suggestions, any tag can still be typed.
    }
  };
  field.addEventListener("focus", suggest);
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, 200);
  });
}
