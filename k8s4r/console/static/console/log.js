// The log of one attempt, as it is written: follows the event stream, colours it safely, finds in it.
"use strict";

const MOST_LINES = 20000;
// A line that never ends is shown in pieces.
const LONGEST_LINE = 8192;
// Select Graphic Rendition; every other control sequence (ECMA-48) means nothing on a page.
const CONTROL = /\x1b\[([0-9;]*)m|\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;
const GROUP = /^(?:::group::|##\[group\])(.*)$/;
const GROUP_END = /^(?:::endgroup::|##\[endgroup\])/;

class Log {
  constructor(section) {
    this.section = section;
    this.part = (name) => section.querySelector(`[data-log-${name}]`);
    this.lines = this.part("lines");
    this.place = section.dataset.after;
    this.number = 0;
    this.kept = 0;
    this.into = this.lines;
    this.streams = {};
    this.isOver = false;
    this.follows = !window.location.hash.startsWith("#L");
    this.listen();
    this.tell();
    this.open();
  }

  // A hidden page lets go of its connection: a browser has six of them for a host.
  open() {
    if (this.source || this.isOver) return;
    const address = new URL(this.section.dataset.log, window.location.href);
    address.searchParams.set("follow", "1");
    if (this.section.dataset.attempt) address.searchParams.set("attempt", this.section.dataset.attempt);
    if (this.place) address.searchParams.set("after", this.place);
    this.source = new EventSource(address);
    this.source.addEventListener("log", (event) => this.take(event));
    this.source.addEventListener("state", (event) => this.moved(JSON.parse(event.data)));
    this.source.addEventListener("end", (event) => this.end(JSON.parse(event.data)));
    this.source.onopen = () => this.say("");
    this.source.onerror = () => this.say(this.source.readyState === EventSource.CLOSED
      ? "The log cannot be read: sign in again, or look whether the task is still there."
      : "The connection was lost; trying again.");
  }

  close() {
    this.source?.close();
    this.source = null;
  }

  take(event) {
    const chunk = JSON.parse(event.data);
    this.place = event.lastEventId;
    this.begun(chunk.attempt);
    if (chunk.attempt !== Number(this.section.dataset.attempt)) return;
    const stream = this.streams[chunk.stream] ??= { decoder: new TextDecoder(), style: {}, line: null };
    const bytes = Uint8Array.from(atob(chunk.data), (letter) => letter.charCodeAt(0));
    const pieces = stream.decoder.decode(bytes, { stream: true }).split("\n");
    pieces.forEach((piece, index) => this.write(stream, piece, chunk, index < pieces.length - 1));
    while (this.kept > MOST_LINES) this.drop();
    this.find();
    this.tell();
    if (this.follows) this.lines.scrollTop = this.lines.scrollHeight;
  }

  write(stream, text, chunk, ends) {
    if (!text && !ends) return;
    if (!stream.line) stream.line = this.begin(stream, chunk);
    const line = stream.line;
    line.raw += text;
    if (ends || line.raw.length > LONGEST_LINE) {
      this.finish(line);
      stream.line = null;
    }
    stream.style = paint(line.text, line.raw, line.style);
  }

  begin(stream, chunk) {
    this.number += 1;
    this.kept += 1;
    const row = document.createElement("div");
    row.className = chunk.stream === "stderr" ? "k-line k-err" : "k-line";
    row.id = `L${this.number}`;
    const number = Object.assign(document.createElement("a"), {
      className: "k-no", href: `#${row.id}`, tabIndex: -1, textContent: this.number,
    });
    const time = Object.assign(document.createElement("time"), {
      className: "k-at", dateTime: chunk.at, textContent: chunk.at.slice(11, 23), title: `${chunk.at} UTC`,
    });
    const text = document.createElement("span");
    text.className = "k-text";
    row.append(number, time, text);
    this.into.append(row);
    if (window.location.hash === `#${row.id}`) this.point();
    return { row, text, raw: "", style: stream.style };
  }

  finish(line) {
    const plain = line.raw.replace(CONTROL, "").trim();
    const group = GROUP.exec(plain);
    if (group) {
      const box = document.createElement("details");
      box.open = true;
      const title = document.createElement("summary");
      title.textContent = group[1] || "group";
      line.row.hidden = true;
      line.row.dataset.mark = "";
      box.append(title, line.row);
      this.lines.append(box);
      this.into = box;
    } else if (GROUP_END.test(plain)) {
      line.row.hidden = true;
      line.row.dataset.mark = "";
      this.into = this.lines;
    }
  }

  drop() {
    const first = this.lines.firstElementChild;
    this.kept -= first.matches(".k-line") ? 1 : first.querySelectorAll(".k-line").length;
    first.remove();
    this.part("cut").hidden = false;
  }

  // A page that was opened before the first attempt shows that one.
  begun(attempt) {
    if (this.section.dataset.attempt || !attempt) return;
    this.section.dataset.attempt = String(attempt);
    this.part("name").textContent = `Log of attempt ${attempt}`;
  }

  moved(task) {
    this.begun(task.attempt);
    const known = this.section.dataset;
    if (task.attempt > Number(known.latest)) known.latest = String(task.attempt);
    if (known.state !== task.state) {
      known.state = task.state;
      document.querySelectorAll("[data-live]").forEach((part) => htmx.trigger(part, "k-look"));
    }
    this.tell();
  }

  end(task) {
    this.isOver = true;
    this.close();
    this.moved(task);
  }

  listen() {
    const lines = this.lines;
    lines.addEventListener("scroll", () => {
      const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
      if (this.follows !== atEnd && !this.part("search").value) this.follow(atEnd, false);
    });
    this.part("follow").addEventListener("click", () => this.follow(!this.follows, true));
    for (const name of ["wrap", "times"]) {
      const box = this.part(name);
      const key = `k8s4r-log-${name}`;
      box.checked = (localStorage.getItem(key) ?? (name === "wrap" ? "yes" : "no")) === "yes";
      const apply = () => lines.classList.toggle(`k-${name}`, box.checked);
      box.addEventListener("change", () => {
        localStorage.setItem(key, box.checked ? "yes" : "no");
        apply();
      });
      apply();
    }
    this.part("search").addEventListener("input", () => { this.find(); this.tell(); });
    window.addEventListener("hashchange", () => this.point());
    document.addEventListener("visibilitychange", () => document.hidden ? this.close() : this.open());
    this.follow(this.follows, false);
  }

  follow(on, jump) {
    this.follows = on;
    this.part("follow").setAttribute("aria-pressed", on ? "true" : "false");
    if (on && jump) this.lines.scrollTop = this.lines.scrollHeight;
  }

  point() {
    this.lines.querySelector(".k-target")?.classList.remove("k-target");
    const row = document.getElementById(window.location.hash.slice(1));
    if (!row?.matches(".k-line")) return;
    row.classList.add("k-target");
    this.follow(false, false);
    row.scrollIntoView({ block: "center" });
  }

  find() {
    const wanted = this.part("search").value.toLowerCase();
    if (!wanted && this.found === undefined) return;
    this.found = wanted ? 0 : undefined;
    const ranges = [];
    for (const row of this.lines.querySelectorAll(".k-line:not([data-mark])")) {
      const text = row.lastElementChild;
      const hit = !wanted || text.textContent.toLowerCase().includes(wanted);
      row.hidden = !hit;
      if (!wanted || !hit) continue;
      this.found += 1;
      for (const node of text.firstElementChild ? text.querySelectorAll("span") : [text]) mark(node, wanted, ranges);
    }
    if (window.Highlight) CSS.highlights.set("k-found", new Highlight(...ranges));
  }

  tell() {
    const wanted = this.part("search").value;
    const known = this.section.dataset;
    const count = this.part("count");
    count.textContent = wanted && this.number ? `${this.found} of ${this.number} lines match` : `${this.number} lines`;
    const empty = this.part("empty");
    empty.textContent = this.number
      ? (wanted && !this.found ? `No line matches “${wanted}”.` : "")
      : (!known.attempt ? known.never : this.isOver ? "It wrote nothing." : "It has not written anything yet.");
    empty.hidden = !empty.textContent;
    const newer = this.part("newer");
    newer.hidden = !(known.attempt && Number(known.latest) > Number(known.attempt));
  }

  say(text) {
    this.part("trouble").textContent = text;
  }
}

function mark(node, wanted, ranges) {
  const text = node.firstChild;
  if (!window.Highlight || text?.nodeType !== Node.TEXT_NODE) return;
  const hay = text.data.toLowerCase();
  for (let at = hay.indexOf(wanted); at >= 0; at = hay.indexOf(wanted, at + wanted.length)) {
    const range = new Range();
    range.setStart(text, at);
    range.setEnd(text, at + wanted.length);
    ranges.push(range);
  }
}

// Fills an element with text in its colours and returns the style in which the next line begins.
function paint(into, raw, style) {
  const line = raw.replace(/\r+$/, "").split("\r").filter(Boolean).at(-1) ?? "";
  into.replaceChildren();
  let now = { ...style };
  let from = 0;
  const put = (text) => {
    if (!text) return;
    const names = Object.entries(now).filter(([, value]) => value).map(([key, value]) => `k-${key}${value === true ? "" : value}`);
    if (!names.length && !into.firstChild && text.length === line.length) {
      into.textContent = text;
      return;
    }
    const piece = document.createElement("span");
    piece.className = names.join(" ");
    piece.textContent = text;
    into.append(piece);
  };
  for (const found of line.matchAll(CONTROL)) {
    put(line.slice(from, found.index));
    from = found.index + found[0].length;
    if (found[1] !== undefined) now = styled(now, found[1].split(";").map(Number));
  }
  put(line.slice(from));
  return now;
}

function styled(before, codes) {
  const style = { ...before };
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at];
    if (code === 0) Object.keys(style).forEach((key) => delete style[key]);
    else if (code === 1) style.bold = true;
    else if (code === 2) style.faint = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.under = true;
    else if (code === 22) style.bold = style.faint = false;
    else if (code === 23) style.italic = false;
    else if (code === 24) style.under = false;
    else if (code >= 30 && code <= 37) style.fg = String(code - 30);
    else if (code >= 90 && code <= 97) style.fg = String(code - 90);
    else if (code === 39) style.fg = "";
    else if (code === 38 || code === 48) at += codes[at + 1] === 2 ? 4 : 2;
  }
  return style;
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-log]").forEach((section) => new Log(section));
});
