// What every operators' page does by itself: copies on click, asks before an end, looks again, keys.
"use strict";

// ---- copies what stands in it -------------------------------------------------------------------
document.addEventListener("click", (event) => {
  const source = event.target.closest("[data-copy]");
  if (!source || !navigator.clipboard) return;
  navigator.clipboard.writeText(source.dataset.copy || source.textContent.trim()).then(() => {
    source.classList.add("k-copied");
    say("Copied");
    setTimeout(() => source.classList.remove("k-copied"), 1500);
  });
});

// One line for people who hear the page instead of seeing it.
function say(text) {
  let voice = document.getElementById("k-voice");
  if (!voice) {
    voice = Object.assign(document.createElement("p"), { id: "k-voice", className: "k-hidden" });
    voice.setAttribute("role", "status");
    document.body.append(voice);
  }
  voice.textContent = text;
}

// ---- dialogs ------------------------------------------------------------------------------------
function dialog(...content) {
  const box = document.createElement("dialog");
  box.className = "k-dialog k-page";
  box.append(...content);
  box.setAttribute("aria-label", (box.querySelector("h2, p")?.textContent || "").trim());
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) box.close();
  });
  document.body.append(box);
  box.showModal();
  return box;
}

function element(name, className, text) {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

// A form with data-confirm asks first; data-confirm-word is what its button then says.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.id === "changelist-form") return confirmSelected(event, form);
  if (form.dataset.confirm) confirmFirst(event, form, form.dataset.confirm, form.dataset.confirmWord);
});

function confirmFirst(event, form, question, word) {
  if (form.dataset.confirmed) return;
  event.preventDefault();
  const submitter = event.submitter;
  const actions = element("div", "k-actions", "");
  const yes = element("button", "k-button k-danger", word || "Yes");
  const no = element("button", "k-button", "No, leave it");
  no.dataset.close = "";
  actions.append(yes, no);
  const box = dialog(element("p", "", question), actions);
  no.focus();
  yes.addEventListener("click", () => {
    box.close();
    form.dataset.confirmed = "yes";
    form.requestSubmit(submitter);
  });
}

// The actions of a list name how many rows they are about.
// Two have a page of their own, on which the number is typed.
function confirmSelected(event, form) {
  const action = form.querySelector("select[name=action]");
  if (!action || !action.value || action.value === "revoke_selected") return;
  const across = form.querySelector("input[name=select_across]");
  if (action.value === "cancel_selected" && across?.value === "1") return;
  const ticked = form.querySelectorAll("input.action-select:checked").length;
  const total = form.querySelector("[data-actions-icnt]")?.dataset.actionsIcnt;
  const count = across?.value === "1" ? `all ${total ?? ""} that match` : String(ticked);
  const what = action.selectedOptions[0].textContent.trim();
  confirmFirst(event, form, `${what}: ${count}. Go on?`, what);
}

// A link with data-dialog opens the part of its page that is marked so; without scripts, the page.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-dialog]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const answer = await fetch(link.href, { credentials: "same-origin" });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const content = page.querySelector("[data-dialog-content]");
  if (!answer.ok || !content) return window.location.assign(link.href);
  const box = dialog(content);
  (box.querySelector("[autofocus]") || box.querySelector("button, a, input"))?.focus();
});

// ---- looks again: parts with data-live="SECONDS" ask for themselves, unless paused --------------
const PAUSED = "k8s4r-paused";
let ticks = 0;

function isPaused() {
  return localStorage.getItem(PAUSED) === "yes";
}

function isBusy(part) {
  const chosen = window.getSelection();
  return part.contains(document.activeElement?.closest("input, select, textarea"))
    || (chosen && !chosen.isCollapsed && part.contains(chosen.anchorNode))
    || document.querySelector("dialog[open], .action-select:checked");
}

function look() {
  ticks += 1;
  if (document.hidden || isPaused()) return;
  document.querySelectorAll("[data-live]").forEach((part) => {
    if (ticks % Number(part.dataset.live) === 0 && !isBusy(part)) htmx.trigger(part, "k-look");
  });
}

function showPause() {
  document.querySelectorAll("[data-pause]").forEach((button) => {
    button.setAttribute("aria-pressed", isPaused() ? "true" : "false");
    button.textContent = isPaused() ? "Updates are paused: go on" : "Pause updates";
  });
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-pause]")) return;
  localStorage.setItem(PAUSED, isPaused() ? "no" : "yes");
  showPause();
});

// What was opened stays open, and a part that cannot be asked for is shown as old.
let opened = [];
document.addEventListener("htmx:beforeSwap", () => {
  opened = [...document.querySelectorAll("details[open][id]")].map((one) => one.id);
});
document.addEventListener("htmx:afterSwap", () => {
  opened.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
  mend(document);
});
["htmx:sendError", "htmx:responseError"].forEach((name) => document.addEventListener(name, (event) => {
  event.target.classList?.add("k-stale");
}));

// ---- keys ---------------------------------------------------------------------------------------
const PLACES = {
  h: "", t: "executors/task/", a: "agents/agent/", p: "pools/pool/", e: "audit/auditevent/",
};
const HELP = [
  ["/", "filter the list"], ["g h", "overview"], ["g t", "tasks"], ["g a", "agents"],
  ["g p", "pools"], ["g e", "events"], ["Ctrl K", "find anything"], ["?", "this help"],
];
let before = "";

function help() {
  const list = element("dl", "k-facts", "");
  HELP.forEach(([keys, what]) => list.append(element("dt", "k-key", keys), element("dd", "", what)));
  const close = element("button", "k-button", "Close");
  close.dataset.close = "";
  dialog(element("h2", "k-h2", "Keys"), list, close);
  close.focus();
}

function go(key) {
  const link = document.querySelector(`#nav-sidebar a[href$="/admin/${PLACES[key]}"]`);
  if (link) window.location.assign(link.href);
}

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea, dialog, [contenteditable]")) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const last = before;
  before = event.key;
  if (event.key === "?") return help();
  if (last === "g" && event.key in PLACES) return go(event.key);
  if (event.key !== "/") return;
  const field = document.querySelector("#searchbar, [data-filter]");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// ---- mends what Unfold leaves out: names and Tab stops of its controls ---------------------------
const NAMES = {
  dock_to_right: "Show or hide the menu", close: "Close the menu", unfold_more: "Account",
  filter_list: "Filters", light_mode: "Light colours", dark_mode: "Dark colours",
  computer: "Colours of the system", arrow_upward: "Sort", cancel: "Do not sort by this",
};

function mend(root) {
  root.querySelectorAll("[x-on\\:click]:not(button, input, select, summary, a[href])").forEach((one) => {
    if (one.id === "changelist-filter-close") return;
    one.tabIndex = 0;
    one.setAttribute("role", "button");
    named(one);
  });
  root.querySelectorAll("a[href], button").forEach(named);
  root.querySelectorAll("input.action-select").forEach((box) => {
    const row = box.closest("tr")?.querySelector("th, td:nth-child(2)");
    box.setAttribute("aria-label", `Select ${row?.innerText.trim().split("\n")[0] || "this row"}`);
  });
  root.querySelector("#action-toggle")?.setAttribute("aria-label", "Select every row of this page");
  root.querySelector("#searchbar")?.setAttribute("aria-label", "Search");
  root.querySelectorAll("select[name=action]").forEach((one) => one.setAttribute("aria-label", "Action"));
}

// Django's own widgets make theirs once the page has loaded.
function mendWidgets() {
  document.querySelectorAll("a[id^=calendarlink], a[id^=clocklink]").forEach((link) => {
    link.setAttribute("aria-label", link.firstElementChild?.title || "Choose");
  });
  document.querySelectorAll(".selector button").forEach((button) => {
    button.title ||= `${button.textContent.trim()}: choose something first`;
  });
  document.querySelectorAll("#content input:not([type=hidden])").forEach((field) => {
    const labels = [...(field.labels || [])].map((label) => label.textContent.trim()).join("");
    if (labels || field.getAttribute("aria-label")) return;
    const label = field.closest(".field-line, .form-row, .flex")?.parentElement?.querySelector("label, legend");
    field.setAttribute("aria-label", [field.placeholder, label?.textContent.trim()].filter(Boolean).join(": ") || field.name);
  });
}

function named(one) {
  const icon = one.matches(".material-symbols-outlined") ? one : one.querySelector(".material-symbols-outlined");
  if (!icon || one.getAttribute("aria-label") || one.title) return;
  const copy = one.cloneNode(true);
  copy.querySelectorAll(".material-symbols-outlined").forEach((inner) => inner.remove());
  if (one !== icon && copy.textContent.trim()) return;
  const word = icon.textContent.trim();
  one.setAttribute("aria-label", NAMES[word] || word.replaceAll("_", " "));
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== " ") return;
  if (!event.target.matches("[role=button][tabindex]")) return;
  event.preventDefault();
  event.target.click();
});

document.addEventListener("DOMContentLoaded", () => {
  mend(document);
  // A browser may leave `autofocus` be: when the page before was sent off by a key, for instance.
  if (document.activeElement === document.body) document.querySelector("[autofocus]")?.focus();
  showPause();
  setInterval(look, 1000);
});
window.addEventListener("load", () => setTimeout(mendWidgets));

// ---- a form that shows what is different from before ---------------------------------------------
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form[data-diff]");
  if (!form) return;
  const fields = [...form.querySelectorAll("[data-was]")];
  const compare = () => {
    const changed = fields.filter((field) => field.value.trim() !== field.dataset.was.trim());
    fields.forEach((field) => {
      const note = form.querySelector(`[data-was-of="${field.name}"]`);
      note.hidden = !changed.includes(field);
      note.replaceChildren("changed; before: ", element("del", "", field.dataset.was.trim() || "nothing"));
      field.classList.toggle("k-changed", changed.includes(field));
    });
    form.querySelector("[data-changes]").textContent = changed.length
      ? `Changed: ${changed.map((field) => field.name.replaceAll("_", " ")).join(", ")}.`
      : "Nothing is changed.";
  };
  form.addEventListener("input", compare);
  compare();
});

// A list that was asked for anew has new boxes: Unfold's actions are told.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "changelist-form" || !window.Actions) return;
  const list = document.querySelector(".result-list-wrapper");
  const boxes = list.querySelectorAll("tr input.action-select");
  if (boxes.length) window.Actions(boxes, { parent: list });
});
