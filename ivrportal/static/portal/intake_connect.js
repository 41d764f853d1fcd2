// The page "Connect the provider": copy buttons, the test push, and the list that renews itself.
// Without it the page still works: addresses can be selected, and the test push answers with a whole page.
"use strict";

const EVERY_MS = 3000;

// --- copying ---------------------------------------------------------------------------------------------

async function copy(field) {
  field.focus();
  field.select();
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(field.value);
      return true;
    } catch {
      // Not allowed: the older way may be.
    }
  }
  // Over plain http browsers have only this one.
  return document.execCommand("copy");
}

for (const button of document.querySelectorAll("[data-copy-from]")) {
  const said = document.createElement("span");
  said.className = "in-copied";
  said.setAttribute("role", "status");
  button.after(said);
  button.hidden = false; // without this script it would do nothing
  button.addEventListener("click", async () => {
    const done = await copy(document.getElementById(button.dataset.copyFrom));
    button.focus();
    if (!done) return; // it is selected: Ctrl-C works
    said.textContent = button.dataset.copiedWords;
    setTimeout(() => (said.textContent = ""), 4000);
  });
}

// --- fragments of the page -------------------------------------------------------------------------------

// The text of a fragment; throws if it is not one, as when the person was signed out meanwhile.
async function fragment(address, options = {}) {
  const reply = await fetch(address, {
    ...options,
    headers: { "X-Requested-With": "fetch" },
    redirect: "error",
    cache: "no-store",
  });
  if (!reply.ok) throw new Error(`HTTP ${reply.status}`);
  return reply.text();
}

const live = document.querySelector("[data-newest]");
const lost = document.getElementById(live.dataset.lost);
let shown = "";

async function renew() {
  if (document.hidden) return;
  try {
    const html = await fragment(live.dataset.newest);
    lost.hidden = true;
    // Only what changed is put in, so that a focus or a selection in the list is not lost every time.
    if (html !== shown) live.innerHTML = shown = html;
  } catch {
    lost.hidden = false;
  }
}

async function renewAlways() {
  await renew();
  setTimeout(renewAlways, EVERY_MS);
}

renewAlways();

// --- the test push ---------------------------------------------------------------------------------------

document.querySelector("[data-test-push]")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  const result = document.getElementById("test-result");
  button.disabled = true;
  try {
    result.innerHTML = await fragment(form.action, { method: "POST", body: new FormData(form) });
  } catch {
    result.textContent = form.dataset.lost;
  }
  button.disabled = false;
  button.focus();
  renew();
});
