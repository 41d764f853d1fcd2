// The player of a recording. Before playing it asks the server whether the recording is available, so that a missing
// one gives a message. Without this script the browser's own player is shown.
"use strict";

const SPEED_STORAGE_KEY = "player-speed";

for (const player of document.querySelectorAll("[data-player]")) initPlayer(player);

function initPlayer(player) {
  const part = (name) => player.querySelector(`[data-${name}]`);
  const audio = part("audio"), toggle = part("toggle"), seek = part("seek"), statusLine = part("status");
  const speeds = [...player.querySelectorAll("[data-speed]")];
  const data = player.dataset;
  let isAvailable = false, isSeeking = false;

  audio.controls = false;
  part("bar").hidden = part("speeds").hidden = false;
  let length = Number(data.seconds);
  updateControls();
  setSpeed(localStorage.getItem(SPEED_STORAGE_KEY) ?? "1");

  // --- display -------------------------------------------------------------------------------------------

  function formatTime(seconds) {
    const whole = Math.floor(seconds);
    return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
  }

  function updateControls() {
    if (Number.isFinite(audio.duration) && audio.duration > 0) length = audio.duration;
    seek.max = Math.max(1, Math.round(length));
    if (!isSeeking) seek.value = audio.currentTime;
    const now = isSeeking ? Number(seek.value) : audio.currentTime;
    part("now").textContent = formatTime(now);
    part("end").textContent = length ? formatTime(length) : "–";
    seek.setAttribute("aria-valuetext", `${formatTime(now)} / ${formatTime(length)}`);
    const isPlaying = !audio.paused && !audio.ended;
    part("icon").textContent = isPlaying ? "pause" : "play_arrow";
    toggle.setAttribute("aria-label", isPlaying ? data.pause : data.play);
  }

  function showStatus(text, isError = false) {
    statusLine.textContent = text;
    statusLine.toggleAttribute("data-bad", isError);
  }

  // --- playing -------------------------------------------------------------------------------------------

  async function checkAvailable() {
    toggle.setAttribute("aria-busy", "true");
    showStatus(data.fetching);
    try {
      const response = await fetch(data.checkUrl, { cache: "no-store", redirect: "error" });
      const result = await response.json();
      isAvailable = result.is_ready === true;
      showStatus(result.words ?? "", !isAvailable);
    } catch {
      showStatus(data.lost, true);
    }
    toggle.removeAttribute("aria-busy");
    return isAvailable;
  }

  async function play() {
    if (toggle.hasAttribute("aria-busy")) return;
    if (!isAvailable && !(await checkAvailable())) return;
    if (audio.error) audio.load();
    try {
      await audio.play();
    } catch (error) {
      if (error.name !== "AbortError") showStatus(data.broken, true); // AbortError: paused before playback began
    }
  }

  function playOrPause() {
    if (audio.paused || audio.ended) play();
    else audio.pause();
  }

  function seekTo(seconds) {
    const end = Number.isFinite(audio.duration) ? audio.duration : length;
    audio.currentTime = Math.min(Math.max(0, seconds), end);
    updateControls();
  }

  function setSpeed(speed) {
    const selected = speeds.find((button) => button.dataset.speed === speed) ?? speeds[1];
    audio.defaultPlaybackRate = audio.playbackRate = Number(selected.dataset.speed);
    for (const button of speeds) button.setAttribute("aria-pressed", String(button === selected));
    localStorage.setItem(SPEED_STORAGE_KEY, selected.dataset.speed);
  }

  function changeSpeed(step) {
    const index = speeds.findIndex((button) => button.getAttribute("aria-pressed") === "true");
    setSpeed(speeds[Math.min(Math.max(0, index + step), speeds.length - 1)].dataset.speed);
  }

  for (const event of ["timeupdate", "durationchange", "play", "pause", "ended", "seeked"]) audio.addEventListener(event, updateControls);
  audio.addEventListener("error", () => {
    isAvailable = false; // the next press asks the server again
    showStatus(data.broken, true);
    updateControls();
  });
  audio.addEventListener("playing", () => showStatus(""));
  toggle.addEventListener("click", playOrPause);
  seek.addEventListener("input", () => {
    isSeeking = true;
    updateControls();
  });
  seek.addEventListener("change", async () => {
    isSeeking = false;
    seekTo(Number(seek.value));
  });
  for (const button of player.querySelectorAll("[data-skip]"))
    button.addEventListener("click", () => seekTo(audio.currentTime + Number(button.dataset.skip)));
  for (const button of speeds) button.addEventListener("click", () => setSpeed(button.dataset.speed));

  const keys = {
    " ": playOrPause,
    k: playOrPause,
    ArrowLeft: () => seekTo(audio.currentTime - 5),
    ArrowRight: () => seekTo(audio.currentTime + 5),
    ArrowUp: () => changeSpeed(1),
    ArrowDown: () => changeSpeed(-1),
  };
  player.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    if (event.key === " " && event.target.closest("button") && event.target !== toggle) return; // let the button handle it
    event.preventDefault();
    keys[event.key]();
  });
}
