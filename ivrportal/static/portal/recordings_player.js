// The player of a recording. Before the first sound it asks whether there is one, so that what is missing is told in a
// sentence. Without this script the browser's own player stands in its place.
"use strict";

const KEEP_SPEED = "player-speed";

for (const player of document.querySelectorAll("[data-player]")) start(player);

function start(player) {
  const part = (name) => player.querySelector(`[data-${name}]`);
  const audio = part("audio"), toggle = part("toggle"), seek = part("seek"), said = part("said");
  const speeds = [...player.querySelectorAll("[data-speed]")];
  const words = player.dataset;
  let isLooked = false, isSeeking = false;

  audio.controls = false;
  part("bar").hidden = part("speeds").hidden = false;
  let length = Number(words.seconds);
  show();
  setSpeed(localStorage.getItem(KEEP_SPEED) ?? "1");

  // --- what it says --------------------------------------------------------------------------------------

  function clock(seconds) {
    const whole = Math.floor(seconds);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }

  function show() {
    if (Number.isFinite(audio.duration) && audio.duration > 0) length = audio.duration;
    seek.max = Math.max(1, Math.round(length));
    if (!isSeeking) seek.value = audio.currentTime;
    const now = isSeeking ? Number(seek.value) : audio.currentTime;
    part("now").textContent = clock(now);
    part("end").textContent = length ? clock(length) : "–";
    seek.setAttribute("aria-valuetext", `${clock(now)} / ${clock(length)}`);
    const isPlaying = !audio.paused && !audio.ended;
    part("icon").textContent = isPlaying ? "pause" : "play_arrow";
    toggle.setAttribute("aria-label", isPlaying ? words.pause : words.play);
  }

  function say(text, isBad = false) {
    said.textContent = text;
    said.toggleAttribute("data-bad", isBad);
  }

  // --- playing -------------------------------------------------------------------------------------------

  async function look() {
    toggle.setAttribute("aria-busy", "true");
    say(words.fetching);
    try {
      const reply = await fetch(words.look, { cache: "no-store", redirect: "error" });
      const answer = await reply.json();
      isLooked = answer.is_ready === true;
      say(answer.words ?? "", !isLooked);
    } catch {
      say(words.lost, true);
    }
    toggle.removeAttribute("aria-busy");
    return isLooked;
  }

  async function play() {
    if (toggle.hasAttribute("aria-busy")) return;
    if (!isLooked && !(await look())) return;
    if (audio.error) audio.load();
    try {
      await audio.play();
    } catch (error) {
      if (error.name !== "AbortError") say(words.broken, true); // aborted: paused before it began
    }
  }

  function playOrPause() {
    if (audio.paused || audio.ended) play();
    else audio.pause();
  }

  function go(seconds) {
    const end = Number.isFinite(audio.duration) ? audio.duration : length;
    audio.currentTime = Math.min(Math.max(0, seconds), end);
    show();
  }

  function setSpeed(speed) {
    const chosen = speeds.find((button) => button.dataset.speed === speed) ?? speeds[1];
    audio.defaultPlaybackRate = audio.playbackRate = Number(chosen.dataset.speed);
    for (const button of speeds) button.setAttribute("aria-pressed", String(button === chosen));
    localStorage.setItem(KEEP_SPEED, chosen.dataset.speed);
  }

  function changeSpeed(by) {
    const at = speeds.findIndex((button) => button.getAttribute("aria-pressed") === "true");
    setSpeed(speeds[Math.min(Math.max(0, at + by), speeds.length - 1)].dataset.speed);
  }

  for (const event of ["timeupdate", "durationchange", "play", "pause", "ended", "seeked"]) audio.addEventListener(event, show);
  audio.addEventListener("error", () => {
    isLooked = false; // the next press asks again what is the matter
    say(words.broken, true);
    show();
  });
  audio.addEventListener("playing", () => say(""));
  toggle.addEventListener("click", playOrPause);
  seek.addEventListener("input", () => {
    isSeeking = true;
    show();
  });
  seek.addEventListener("change", async () => {
    isSeeking = false;
    go(Number(seek.value));
  });
  for (const button of player.querySelectorAll("[data-skip]"))
    button.addEventListener("click", () => go(audio.currentTime + Number(button.dataset.skip)));
  for (const button of speeds) button.addEventListener("click", () => setSpeed(button.dataset.speed));

  const keys = {
    " ": playOrPause,
    k: playOrPause,
    ArrowLeft: () => go(audio.currentTime - 5),
    ArrowRight: () => go(audio.currentTime + 5),
    ArrowUp: () => changeSpeed(1),
    ArrowDown: () => changeSpeed(-1),
  };
  player.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    if (event.key === " " && event.target.closest("button") && event.target !== toggle) return; // the button's own
    event.preventDefault();
    keys[event.key]();
  });
}
