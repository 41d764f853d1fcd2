// The page "Connect the provider": copy buttons, the test push, and the live list of pushes.
// Without JavaScript the addresses can still be selected, and the test push returns a whole page.
"use strict";

const POLL_MS = 3000;

// --- copying ---------------------------------------------------------------------------------------------

async function copy(field) {
  field.focus();
  field.select();
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(field.value);
      return true;
    } catch {
      // The browser denied access to the clipboard; try execCommand.
    }
  }
  // Browsers offer navigator.clipboard over https only.
  return document.execCommand("copy");
}

for (const button of document.querySelectorAll("[data-copy-from]")) {
  const status = document.createElement("span");
  status.className = "in-copied";
  status.setAttribute("role", "status");
  button.after(status);
  button.hidden = false; // hidden in the HTML, as it needs this script
  button.addEventListener("click", async () => {
    const isCopied = await copy(document.getElementById(button.dataset.copyFrom));
    button.focus();
    if (!isCopied) return; // the field is selected, so Ctrl-C works
    status.textContent = button.dataset.copiedText;
    setTimeout(() => (status.textContent = ""), 4000);
  });
}

// --- fragments and the live list -------------------------------------------------------------------------

// Fetches the HTML of a fragment. Throws on any other response, such as the redirect of an expired session.
async function fetchFragment(address, options = {}) {
  const response = await fetch(address, {
    ...options,
    headers: { "X-Requested-With": "fetch" },
    redirect: "error",
    cache: "no-store",
  });
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.text();
}

const live = document.querySelector("[data-newest]");
const failureNotice = document.getElementById(live.dataset.failureNotice);
let currentHtml = "";

async function refresh() {
  if (document.hidden) return;
  try {
    const html = await fetchFragment(live.dataset.newest);
    failureNotice.hidden = true;
    // Replaced only if it changed, so that focus and selection in the list are kept.
    if (html !== currentHtml) live.innerHTML = currentHtml = html;
  } catch {
    failureNotice.hidden = false;
  }
}

async function poll() {
  await refresh();
  setTimeout(poll, POLL_MS);
}

poll();

// --- the test push ---------------------------------------------------------------------------------------

document.querySelector("[data-test-push]")?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  const result = document.getElementById("test-result");
  button.disabled = true;
  try {
    result.innerHTML = await fetchFragment(form.action, { method: "POST", body: new FormData(form) });
  } catch {
    result.textContent = form.dataset.failureText;
  }
  button.disabled = false;
  button.focus();
  refresh();
});
