/* The agents' board: optimistic switches, search, bulk actions, questions in a dialog.

The page also works without this file, with a page load for each press. A pressed switch shows "Sending" at once, and
is restored if the portal rejects the request. The provider's state comes by polling: often while a setting is pending,
rarely otherwise, so that other users' changes appear. */
(() => {
  "use strict";

  const WAIT_AFTER_FAILURE_S = 10;
  const MAX_CARDS_PER_POLL = 100;

  document.addEventListener("DOMContentLoaded", () => {
    const board = document.getElementById("board");
    if (!board) return;
    const form = document.getElementById("board-form");
    const search = document.getElementById("board-search");
    const dialog = board.querySelector("[data-board-dialog]");
    const config = board.dataset;
    const unanswered = new Map(); // agent id → number of unanswered presses
    let queue = Promise.resolve();
    let timer = null;

    const cards = () => [...board.querySelectorAll("[data-agent]")];
    const card = (id) => board.querySelector(`[data-agent="${id}"]`);
    const switchIn = (element) => element.querySelector("[role=switch]");

    function showMessage(text) {
      board.querySelector("[data-board-message]").textContent = text;
    }

    /* --- responses of the portal -------------------------------------------------------------------- */
    function replace(id, html) {
      const old = card(id);
      if (!old) return;
      const template = document.createElement("template");
      template.innerHTML = html.trim();
      const fresh = template.content.firstElementChild;
      const focused = old.contains(document.activeElement) ? document.activeElement : null;
      const focusIndex = focused ? [...old.querySelectorAll("a, button, input")].indexOf(focused) : -1;
      const checkbox = old.querySelector("[name=agents]");
      if (checkbox?.checked) fresh.querySelector("[name=agents]").checked = true;
      fresh.hidden = old.hidden;
      old.replaceWith(fresh);
      if (focused) {
        const target = focused.matches("[role=switch]") ? switchIn(fresh) : fresh.querySelectorAll("a, button, input")[focusIndex];
        target?.focus({ preventScroll: true });
      }
    }

    function show(answer) {
      for (const [id, html] of Object.entries(answer.cards)) if (!unanswered.has(id)) replace(id, html);
      for (const [key, text] of Object.entries(answer.counts)) {
        const counter = board.querySelector(`[data-count="${key}"]`);
        if (counter && counter.textContent !== text) counter.textContent = text;
      }
      const head = board.querySelector("[data-board-head]");
      if (head.dataset.shown !== answer.head) {
        head.innerHTML = answer.head;
        head.dataset.shown = answer.head;
      }
      if (answer.said) showMessage(answer.said);
      const differ = cards().filter((one) => {
        const version = answer.versions[one.dataset.agent];
        return version !== undefined && version !== one.dataset.version && !unanswered.has(one.dataset.agent);
      });
      pollIn(differ.length ? 0 : answer.again_s, differ.map((one) => one.dataset.agent));
    }

    async function poll(ids) {
      if (document.hidden) return; // polled again when the tab becomes visible
      const pendingIds = cards().filter((one) => "isPending" in one.dataset).map((one) => one.dataset.agent);
      const requested = [...new Set([...ids, ...pendingIds])].slice(0, MAX_CARDS_PER_POLL);
      try {
        const response = await fetch(`${config.pollUrl}?ids=${requested.join(",")}`, { redirect: "error" });
        if (response.ok) show(await response.json());
      } catch {
        pollIn(WAIT_AFTER_FAILURE_S, []);
      }
    }

    function pollIn(seconds, ids) {
      clearTimeout(timer);
      timer = setTimeout(() => poll(ids), seconds * 1000);
    }

    /* --- pressed buttons ---------------------------------------------------------------------- */
    async function post(url, body) {
      let response;
      try {
        response = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual" });
      } catch {
        throw new Error(config.noConnection);
      }
      if (response.type === "opaqueredirect") throw new Error(config.signedOut);
      if (!response.ok) throw new Error(response.status === 502 || response.status === 503 ? config.noConnection : config.refused);
      try {
        return await response.json();
      } catch {
        throw new Error(config.refused);
      }
    }

    function showOptimistically(id, isOn) {
      const one = card(id);
      const html = one.outerHTML;
      switchIn(one).setAttribute("aria-checked", String(isOn));
      switchIn(one).value = `${id}:${isOn ? "OFF" : "AVAIL"}`;
      one.classList.toggle("board-is-on", isOn);
      one.querySelector(".board-now").textContent = isOn ? config.available : config.off;
      const badge = one.querySelector(".badge");
      badge.className = "badge badge-info";
      badge.dataset.state = "SENDING";
      badge.textContent = config.sending;
      return html;
    }

    function press(button) {
      const body = new FormData(form);
      if (button.name !== "bulk") body.delete("agents");
      body.set(button.name, button.value);
      const url = button.getAttribute("formaction") || form.action;
      if (button.name !== "switch") {
        queue = queue.then(() => act(url, body, []));
        return;
      }
      const id = button.value.split(":")[0];
      const isOn = button.getAttribute("aria-checked") !== "true";
      body.set("switch", `${id}:${isOn ? "AVAIL" : "OFF"}`);
      const before = showOptimistically(id, isOn);
      unanswered.set(id, (unanswered.get(id) || 0) + 1);
      queue = queue.then(() => act(url, body, [[id, before]]));
    }

    /* Posts, then shows the response or its question. Presses are sent in order. */
    async function act(url, body, snapshots) {
      let answer = null;
      let error = "";
      try {
        answer = await post(url, body);
      } catch (problem) {
        error = problem.message;
      }
      for (const [id] of snapshots) {
        if (unanswered.get(id) > 1) unanswered.set(id, unanswered.get(id) - 1);
        else unanswered.delete(id);
      }
      if (answer?.ask) {
        await ask(answer, snapshots);
      } else if (answer) {
        if (body.has("bulk") || body.has("asked")) clearSelection();
        show(answer);
      } else {
        restore(snapshots);
        showMessage(error);
      }
    }

    function restore(snapshots) {
      for (const [id, before] of snapshots) if (!unanswered.has(id)) replace(id, before);
    }

    /* Resolves when the question is answered; later presses wait for it. */
    function ask(answer, snapshots) {
      const opener = document.activeElement;
      dialog.querySelector("h2").textContent = answer.title;
      dialog.querySelector("[data-board-dialog-body]").innerHTML = answer.ask;
      return new Promise((resolve) => {
        let posted = null;
        const question = dialog.querySelector("form");
        question.addEventListener("submit", (event) => {
          event.preventDefault();
          posted = new FormData(question);
          dialog.close();
        });
        dialog.querySelector("[data-board-cancel]").addEventListener("click", (event) => {
          event.preventDefault();
          dialog.close();
        });
        dialog.addEventListener("close", () => {
          if (!posted) restore(snapshots);
          if (opener?.isConnected) opener.focus({ preventScroll: true });
          resolve(posted ? act(question.action, posted, snapshots) : undefined);
        }, { once: true });
        dialog.showModal();
        dialog.querySelector("input[type=radio]:checked, input[type=radio], [data-board-cancel]")?.focus();
      });
    }

    form.addEventListener("submit", (event) => {
      if (!event.submitter) return;
      event.preventDefault();
      showMessage("");
      press(event.submitter);
    });

    /* Entering a time selects its choice. */
    dialog.addEventListener("input", (event) => {
      if (event.target.name === "time") dialog.querySelector("[name=until][value=time]").checked = true;
    });

    /* --- search and selection ------------------------------------------------------------------------- */
    function filter() {
      const parts = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const digits = search.value.replace(/[\s+-]/g, "");
      let found = 0;
      for (const section of board.querySelectorAll("[data-department]")) {
        let inside = 0;
        for (const one of section.querySelectorAll("[data-agent]")) {
          const text = one.dataset.search;
          const isMatch = parts.every((part) => text.includes(part)) || (digits.length > 2 && text.includes(digits));
          one.hidden = !isMatch;
          if (isMatch) inside += 1;
        }
        section.hidden = inside === 0;
        found += inside;
      }
      board.querySelector("[data-board-none]").hidden = found > 0 || cards().length === 0;
    }

    function updateSelection() {
      const bar = board.querySelector("[data-board-bulk]");
      if (!bar) return;
      const count = form.querySelectorAll("[name=agents]:checked").length;
      const label = bar.querySelector("[data-board-chosen]");
      label.textContent = count === 1 ? label.dataset.one : label.dataset.many.replace("{n}", count);
      bar.hidden = count === 0;
    }

    function clearSelection() {
      form.querySelectorAll("[name=agents]:checked").forEach((checkbox) => { checkbox.checked = false; });
      updateSelection();
    }

    search.addEventListener("input", filter);
    search.form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", updateSelection);
    form.addEventListener("reset", (event) => { event.preventDefault(); clearSelection(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) pollIn(0, []); });

    filter();
    updateSelection();
    pollIn(1, []);
  });
})();
