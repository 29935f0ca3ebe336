// What the operators' pages do by themselves: copy on click, ask before an end, refresh a log.
"use strict";

const EVERY_MS = 2000;

document.addEventListener("click", (event) => {
  const source = event.target.closest("[data-copy]");
  if (!source || !navigator.clipboard) return;
  navigator.clipboard.writeText(source.textContent.trim()).then(() => {
    source.classList.add("k-copied");
    setTimeout(() => source.classList.remove("k-copied"), 1500);
  });
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// The log of a task that has not ended: asks every two seconds, keeps to the end if you are there,
// and loads the page again when the state has changed, so that everything else on it is true too.
function live(button) {
  const page = document.querySelector(".k-page");
  const log = document.querySelector("[data-log]");
  const cut = document.querySelector("[data-log-cut]");
  const isOn = () => button.getAttribute("aria-pressed") === "true";
  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;

  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", isOn() ? "false" : "true");
    button.textContent = isOn() ? "Pause" : "Go on";
  });

  async function look() {
    if (!isOn() || document.hidden) return;
    const answer = await fetch(button.dataset.live, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    const found = await answer.json();
    if (found.state !== page.dataset.state) {
      window.location.reload();
      return;
    }
    if (found.text === log.textContent) return;
    const stay = atEnd();
    log.textContent = found.text;
    cut.hidden = !found.is_cut;
    if (stay) log.scrollTop = log.scrollHeight;
  }

  setInterval(() => look().then(() => log.classList.remove("k-stale"), () => log.classList.add("k-stale")), EVERY_MS);
}

document.addEventListener("DOMContentLoaded", () => {
  const log = document.querySelector("[data-log]");
  if (log) log.scrollTop = log.scrollHeight;
  document.querySelectorAll("[data-live]").forEach(live);
  document.querySelectorAll("[data-reload-every]").forEach((page) => {
    setInterval(() => document.hidden || window.location.reload(), Number(page.dataset.reloadEvery) * 1000);
  });
});
