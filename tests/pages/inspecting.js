// What would a person stumble over on the open page? Returns it in words; see inspecting.py.
({contrast}) => {
  const faults = [];
  const shown = (el) => el.checkVisibility({opacityProperty: true, visibilityProperty: true})
    && el.getBoundingClientRect().width > 0 && el.getBoundingClientRect().height > 0;
  const label = (el) => `<${el.tagName.toLowerCase()} ${[...el.attributes]
    .filter((a) => ["class", "name", "href", "x-on:click", "id"].includes(a.name))
    .map((a) => `${a.name}="${a.value.slice(0, 60)}"`).join(" ")}>`;

  if (!document.title.trim()) faults.push("no title");
  const headings = [...document.querySelectorAll("h1")].filter(shown);
  if (headings.length !== 1) faults.push(`${headings.length} h1: ${headings.map((h) => h.innerText)}`);
  else if (!headings[0].innerText.trim()) faults.push("an empty h1");
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) {
    const widest = [...document.querySelectorAll("body *")].filter(shown)
      .find((el) => el.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
    faults.push(`scrolls sideways by ${wide} px: ${widest ? label(widest) : "?"}`);
  }

  const words = (el) => {
    const copy = el.cloneNode(true);
    copy.querySelectorAll(".material-symbols-outlined, [aria-hidden=true]").forEach((i) => i.remove());
    const inside = [...copy.querySelectorAll("[alt], [aria-label]")]
      .map((i) => i.getAttribute("alt") || i.getAttribute("aria-label"));
    return (copy.textContent + inside.join("")).trim();
  };
  const name = (el) => el.getAttribute("aria-label") || el.title || el.alt
    || (el.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean)
         .map((id) => document.getElementById(id)?.textContent).join("")
    || [...(el.labels || [])].map((l) => l.textContent).join("").trim()
    || (["INPUT", "TEXTAREA", "SELECT"].includes(el.tagName)
        ? (["submit", "button"].includes(el.type) ? el.value : "") : words(el));
  const interactive = [...document.querySelectorAll(
    "a, button, input:not([type=hidden]), select, textarea, summary, [tabindex], [data-copy], "
    + "[x-on\\:click], [onclick], [role=button]")]
    .filter((el) => shown(el) && !el.closest("[data-log-lines]") && !el.matches("[data-backdrop]"));
  for (const el of interactive) {
    if (el.disabled) { if (!el.title) faults.push(`disabled without a reason: ${label(el)}`); continue; }
    if (el.tabIndex < 0 && !el.closest("[aria-hidden=true]")) faults.push(`not reachable: ${label(el)}`);
    if (!name(el)) faults.push(`no name: ${label(el)}`);
  }
  const looks = (el) => {
    const s = getComputedStyle(el);
    return [s.outlineStyle, s.outlineWidth, s.boxShadow, s.borderColor, s.backgroundColor].join();
  };
  for (const el of interactive.filter((one) => one.tabIndex >= 0 && !one.disabled)) {
    document.activeElement?.blur();
    const before = looks(el);
    el.focus({preventScroll: true});
    if (document.activeElement !== el) faults.push(`cannot be focused: ${label(el)}`);
    else if (looks(el) === before) faults.push(`focus is not seen: ${label(el)}`);
  }
  document.activeElement?.blur();

  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const known = new Map();
  const rgba = (text) => {
    if (!known.has(text)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = text;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(text, [r, g, b, a / 255]);
    }
    return known.get(text);
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const ground = (el) => {
    const layers = [];
    for (let at = el; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) layers.push(colour);
      if (colour[3] === 1) break;
    }
    const dark = document.documentElement.classList.contains("dark");
    return layers.reverse().reduce((below, top) => over(top, below), dark ? [0, 0, 0, 1] : [255, 255, 255, 1]);
  };
  const light = (c) => [0, 1, 2].map((i) => c[i] / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const walker = document.createTreeWalker(document.getElementById("content") || document.body, NodeFilter.SHOW_TEXT);
  const judged = new Set();
  while (walker.nextNode()) {
    const el = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || judged.has(el) || !shown(el)) continue;
    if (el.closest("option, script, style, .material-symbols-outlined, [disabled]")) continue;
    judged.add(el);
    const below = ground(el);
    const found = ratio(over(rgba(getComputedStyle(el).color), below), below);
    if (found < contrast) faults.push(`contrast ${found.toFixed(2)}: ${label(el)} "${el.textContent.trim().slice(0, 30)}"`);
  }
  document.querySelectorAll(".k-chip, [data-tone]").forEach((el) => {
    if (shown(el) && !words(el)) faults.push(`told by colour alone: ${label(el)}`);
  });
  return faults;
}
