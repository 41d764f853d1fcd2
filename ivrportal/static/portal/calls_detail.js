// A call's page: "Copy details", and suggestions for a tag. Without it the details can be selected, and any tag typed.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  const said = document.createElement("span");
  said.className = "in-copied";
  said.setAttribute("role", "status");
  button.after(said);
  button.hidden = false; // without this script it would do nothing
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    const isDone = await copied(field);
    said.textContent = isDone ? button.dataset.copied : button.dataset.notCopied;
    if (isDone) setTimeout(() => (said.textContent = ""), 4000);
    else field.closest("details").open = true;
  });
}

async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    // Over plain http browsers have only the older way, and it needs the text in sight.
    const details = field.closest("details");
    const wasOpen = details.open;
    details.open = true;
    field.select();
    const isDone = document.execCommand("copy");
    details.open = wasOpen || !isDone;
    return isDone;
  }
}

for (const field of document.querySelectorAll("[data-suggest]")) {
  let timer = 0;
  const suggest = async () => {
    try {
      const reply = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(field.value)}`, { redirect: "error" });
      const { words } = await reply.json();
      field.list.replaceChildren(...words.map((word) => new Option(word, word)));
    } catch {
      // No suggestions: any word can be typed.
    }
  };
  field.addEventListener("focus", suggest);
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(suggest, 200);
  });
}
