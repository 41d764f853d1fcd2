/* The agents' board: switches that answer at once and tell the truth afterwards, search, bulk, questions in a dialog.

Everything works without this file too, with a page load for each press. A switch shows "Sending" the moment that it
is pressed; if the portal does not take it, it goes back to what it was. What the provider says comes by looking again:
soon while something is on its way, now and then otherwise, so that other people's changes appear. */
(() => {
  "use strict";

  const WAIT_AFTER_FAILURE_S = 10;
  const MOST = 100; // cards in one look

  document.addEventListener("DOMContentLoaded", () => {
    const board = document.getElementById("board");
    if (!board) return;
    const form = document.getElementById("board-form");
    const search = document.getElementById("board-search");
    const dialog = board.querySelector("[data-board-dialog]");
    const words = board.dataset;
    const waiting = new Map(); // agent → presses that were not answered yet
    let queue = Promise.resolve();
    let timer = null;

    const cards = () => [...board.querySelectorAll("[data-agent]")];
    const card = (id) => board.querySelector(`[data-agent="${id}"]`);
    const switchOf = (element) => element.querySelector("[role=switch]");

    function say(text) {
      board.querySelector("[data-board-said]").textContent = text;
    }

    /* --- what the portal answers -------------------------------------------------------------------- */
    function replace(id, html) {
      const old = card(id);
      if (!old) return;
      const holder = document.createElement("template");
      holder.innerHTML = html.trim();
      const fresh = holder.content.firstElementChild;
      const focused = old.contains(document.activeElement) ? document.activeElement : null;
      const place = focused ? [...old.querySelectorAll("a, button, input")].indexOf(focused) : -1;
      const box = old.querySelector("[name=agents]");
      if (box?.checked) fresh.querySelector("[name=agents]").checked = true;
      fresh.hidden = old.hidden;
      old.replaceWith(fresh);
      if (focused) {
        const target = focused.matches("[role=switch]") ? switchOf(fresh) : fresh.querySelectorAll("a, button, input")[place];
        target?.focus({ preventScroll: true });
      }
    }

    function show(answer) {
      for (const [id, html] of Object.entries(answer.cards)) if (!waiting.has(id)) replace(id, html);
      for (const [key, text] of Object.entries(answer.counts)) {
        const place = board.querySelector(`[data-count="${key}"]`);
        if (place && place.textContent !== text) place.textContent = text;
      }
      const head = board.querySelector("[data-board-head]");
      if (head.dataset.shown !== answer.head) {
        head.innerHTML = answer.head;
        head.dataset.shown = answer.head;
      }
      if (answer.said) say(answer.said);
      const differ = cards().filter((one) => {
        const version = answer.versions[one.dataset.agent];
        return version !== undefined && version !== one.dataset.version && !waiting.has(one.dataset.agent);
      });
      lookIn(differ.length ? 0 : answer.again_s, differ.map((one) => one.dataset.agent));
    }

    async function look(ids) {
      if (document.hidden) return; // the tab looks again when it is seen
      const moving = cards().filter((one) => "isMoving" in one.dataset).map((one) => one.dataset.agent);
      const wanted = [...new Set([...ids, ...moving])].slice(0, MOST);
      try {
        const response = await fetch(`${words.look}?ids=${wanted.join(",")}`, { redirect: "error" });
        if (response.ok) show(await response.json());
      } catch {
        lookIn(WAIT_AFTER_FAILURE_S, []);
      }
    }

    function lookIn(seconds, ids) {
      clearTimeout(timer);
      timer = setTimeout(() => look(ids), seconds * 1000);
    }

    /* --- what a person presses ---------------------------------------------------------------------- */
    async function post(url, body) {
      let response;
      try {
        response = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual" });
      } catch {
        throw new Error(words.noConnection);
      }
      if (response.type === "opaqueredirect") throw new Error(words.signedOut);
      if (!response.ok) throw new Error(response.status === 502 || response.status === 503 ? words.noConnection : words.refused);
      try {
        return await response.json();
      } catch {
        throw new Error(words.refused);
      }
    }

    function optimistic(id, isOn) {
      const one = card(id);
      const before = one.outerHTML;
      switchOf(one).setAttribute("aria-checked", String(isOn));
      switchOf(one).value = `${id}:${isOn ? "OFF" : "AVAIL"}`;
      one.classList.toggle("board-is-on", isOn);
      one.querySelector(".board-now").textContent = isOn ? words.available : words.off;
      const badge = one.querySelector(".badge");
      badge.className = "badge badge-info";
      badge.dataset.state = "SENDING";
      badge.textContent = words.sending;
      return before;
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
      const before = optimistic(id, isOn);
      waiting.set(id, (waiting.get(id) || 0) + 1);
      queue = queue.then(() => act(url, body, [[id, before]]));
    }

    /* Posts, shows what became of it, and asks where the portal asks. Presses are sent in their order. */
    async function act(url, body, befores) {
      let answer = null;
      let trouble = "";
      try {
        answer = await post(url, body);
      } catch (problem) {
        trouble = problem.message;
      }
      for (const [id] of befores) {
        if (waiting.get(id) > 1) waiting.set(id, waiting.get(id) - 1);
        else waiting.delete(id);
      }
      if (answer?.ask) {
        await ask(answer, befores);
      } else if (answer) {
        if (body.has("bulk") || body.has("asked")) chooseNone();
        show(answer);
      } else {
        putBack(befores);
        say(trouble);
      }
    }

    function putBack(befores) {
      for (const [id, before] of befores) if (!waiting.has(id)) replace(id, before);
    }

    /* Resolves when the question is answered; no press overtakes it. */
    function ask(answer, befores) {
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
          if (!posted) putBack(befores);
          if (opener?.isConnected) opener.focus({ preventScroll: true });
          resolve(posted ? act(question.action, posted, befores) : undefined);
        }, { once: true });
        dialog.showModal();
        dialog.querySelector("input[type=radio]:checked, input[type=radio], [data-board-cancel]")?.focus();
      });
    }

    form.addEventListener("submit", (event) => {
      if (!event.submitter) return;
      event.preventDefault();
      say("");
      press(event.submitter);
    });

    /* A time beside a choice chooses it. */
    dialog.addEventListener("input", (event) => {
      if (event.target.name === "time") dialog.querySelector("[name=until][value=time]").checked = true;
    });

    /* --- search and choosing ------------------------------------------------------------------------- */
    function filter() {
      const parts = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const digits = search.value.replace(/[\s+-]/g, "");
      let found = 0;
      for (const section of board.querySelectorAll("[data-department]")) {
        let inside = 0;
        for (const one of section.querySelectorAll("[data-agent]")) {
          const text = one.dataset.search;
          const fits = parts.every((part) => text.includes(part)) || (digits.length > 2 && text.includes(digits));
          one.hidden = !fits;
          if (fits) inside += 1;
        }
        section.hidden = inside === 0;
        found += inside;
      }
      board.querySelector("[data-board-none]").hidden = found > 0 || cards().length === 0;
    }

    function chosen() {
      const bar = board.querySelector("[data-board-bulk]");
      if (!bar) return;
      const count = form.querySelectorAll("[name=agents]:checked").length;
      const label = bar.querySelector("[data-board-chosen]");
      label.textContent = count === 1 ? label.dataset.one : label.dataset.many.replace("{n}", count);
      bar.hidden = count === 0;
    }

    function chooseNone() {
      form.querySelectorAll("[name=agents]:checked").forEach((box) => { box.checked = false; });
      chosen();
    }

    search.addEventListener("input", filter);
    search.form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", chosen);
    form.addEventListener("reset", (event) => { event.preventDefault(); chooseNone(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) lookIn(0, []); });

    filter();
    chosen();
    lookIn(1, []);
  });
})();
