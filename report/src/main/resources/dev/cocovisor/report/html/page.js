// The page: one slider over all that is shown.

const view = { cells: true, at: 0, tab: 0 };
const $ = (id) => document.getElementById(id);
let page;
let pictures = [];
let positions = [];
let calls;
let anchor = 0;
let found = { hits: [], text: "", i: -1 };

async function load() {
  const box = $("document");
  if (box.type === "application/json") return JSON.parse(box.textContent);
  const bytes = Uint8Array.from(atob(box.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

/** Returns the runs that are side by side now. */
function together() {
  return page.sideBySide ? page.runs : page.runs.slice(view.tab, view.tab + 1);
}

/** Makes the positions of the slider: a step of the run, or a line that several runs share. */
function align(runs) {
  if (runs.length === 1) return runs[0].steps.map((s, k) => [k]);
  const lines = [...new Set(runs.flatMap((r) => r.steps.map((s) => s.line)))].sort((a, b) => a - b);
  const next = runs.map(() => -1);
  return lines.map((line) =>
    runs.map((r, i) => {
      while (next[i] + 1 < r.steps.length && r.steps[next[i] + 1].line <= line) next[i]++;
      return next[i];
    }));
}

function open() {
  const runs = together();
  const box = $("picture");
  box.replaceChildren();
  const list = element(box, "div", "runs");
  $("differences-here") && $("differences-here").remove();
  if (page.differences) element(list, "div", "note").id = "differences-here";
  positions = align(runs);
  pictures = runs.map((r) => new Picture(r));
  pictures.forEach((p) => p.build(list, runs.length > 1));
  const slider = $("slider");
  slider.max = Math.max(0, positions.length - 1);
  calls.use(runs[longest(runs)]);
  lanesLegend(runs[longest(runs)]);
}

/** Returns which run's calls are listed: the one in which most happens. */
function longest(runs) {
  const events = (r) => r.steps.reduce((n, s) => n + s.events.length, r.steps.length);
  if (runs.length === 1) return 0;
  let best = 0;
  runs.forEach((r, i) => { if (events(r) > events(runs[best])) best = i; });
  return best;
}

/** Goes to a position of the slider. */
function go(at) {
  if (!positions.length) return;
  view.at = Math.min(positions.length - 1, Math.max(0, at));
  const steps = positions[view.at];
  pictures.forEach((p, i) => p.draw(steps[i]));
  $("slider").value = view.at;
  const which = longest(together());
  calls.select(Math.max(0, steps[which]));
  const line = together()[which].steps[Math.max(0, steps[which])].line;
  $("where").textContent = view.at + 1 + " / " + positions.length + (line ? "  line " + line : "");
  differencesHere(line);
  document.body.dataset.at = view.at;
}

/** Goes to a step of the run whose calls are listed. */
function goStep(k) {
  const which = longest(together());
  let lo = positions.findIndex((p) => p[which] >= k);
  go(lo < 0 ? positions.length - 1 : lo);
}

function each(f) {
  pictures.forEach((p) => p.groups.forEach(f));
}

function redraw() {
  each((g) => g.draw());
}

const KEYS = {
  ArrowRight: () => go(view.at + 1),
  ArrowLeft: () => go(view.at - 1),
  ArrowDown: () => go(view.at + 1),
  ArrowUp: () => go(view.at - 1),
  PageDown: () => go(view.at + 10),
  PageUp: () => go(view.at - 10),
  Home: () => go(0),
  End: () => go(positions.length - 1),
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  0: fit,
  f: scale,
  t: theme,
  "/": () => $("search").focus(),
  n: () => hit(1),
  N: () => hit(-1),
};

function zoom(factor) {
  each((g) => g.zoom(factor, g.cross === undefined ? undefined : g.axis().place(g.cross)));
  redraw();
}

function fit() {
  each((g) => { g.window = [0, 1]; });
  redraw();
}

function scale() {
  view.cells = !view.cells;
  $("scale").textContent = view.cells ? "cells" : "true scale";
  fit();
}

function theme() {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme || (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
}

function keys(e) {
  if (e.target.tagName === "INPUT" && e.target.type === "search") return;
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.shiftKey && (e.key === "ArrowRight" || e.key === "ArrowLeft")) {
    each((g) => g.pan(e.key === "ArrowRight" ? 0.2 : -0.2));
    redraw();
  } else if (KEYS[e.key]) {
    KEYS[e.key]();
  } else {
    return;
  }
  e.preventDefault();
}

/** Finds steps: those that changed a page or a frame, or whose words have the text. */
function find(text) {
  const run = together()[longest(together())];
  const m = /^\s*(gfn|gpa|pfn)\s*[:=]?\s*(0x[0-9a-f]+|\d+)\s*$/i.exec(text);
  found = { text, hits: [], i: -1, page: undefined };
  if (m) {
    let n = Number(m[2]);
    if (m[1].toLowerCase() === "gpa") n = Math.floor(n / 4096);
    const frame = m[1].toLowerCase() === "pfn";
    run.steps.forEach((s, k) => { if (s.state.some((c) => touches(run, c, frame, n))) found.hits.push(k); });
    found.page = n;
    found.frame = frame;
  } else if (text.trim()) {
    const t = text.toLowerCase();
    run.steps.forEach((s, k) => { if (has(run, s, t)) found.hits.push(k); });
  }
  calls.hits = new Set(found.hits);
  calls.draw();
}

function touches(run, [strip, first, pages, value, leads], frame, n) {
  const frames = run.strips[strip].role === "frames";
  if (!frame) return !frames && n >= first && n < first + pages;
  return frames ? n >= first && n < first + pages : leads >= 0 && n >= leads && n < leads + pages;
}

function has(run, s, t) {
  return s.call.toLowerCase().includes(t) || s.result.toLowerCase().includes(t)
    || (s.expected || "").toLowerCase().includes(t)
    || s.events.some((e) => (e.name + "(" + e.arguments + ") = " + e.result).toLowerCase().includes(t))
    || s.state.some((c) => c[3] >= 0 && run.values[c[3]].state.toLowerCase().includes(t));
}

/** Goes to the next hit, or the one before, and shows the page that was looked for. */
function hit(by) {
  const n = found.hits.length;
  $("hits").textContent = found.text ? (n ? "" : "nothing") : "";
  if (!n) return;
  // While one types, the search begins where it was begun, not where a shorter word led.
  if (found.i < 0) found.i = found.hits.findIndex((k) => k >= anchor);
  else found.i += by;
  found.i = ((found.i % n) + n) % n;
  goStep(found.hits[found.i]);
  $("hits").textContent = found.i + 1 + " of " + n;
  if (found.page !== undefined) pointAt(found.page, found.frame);
}

function pointAt(n, frame) {
  each((g) => {
    if (g.vm === "") {
      if (frame) { g.show(n, n + 1); g.point(n); }
      return;
    }
    let gfn = frame ? undefined : n;
    for (const i of g.indices) {
      if (gfn !== undefined || !frame) break;
      const s = g.now[i].find((x) => x[3] >= 0 && n >= x[3] && n < x[3] + x[1] - x[0]);
      if (s) gfn = s[0] + n - s[3];
    }
    if (gfn !== undefined) { g.show(gfn, gfn + 1); g.point(gfn); }
  });
}

function differencesHere(line) {
  const box = $("differences-here");
  if (!box) return;
  const here = page.differences.filter((d) => d.rows.some((r) => r.line === line));
  box.replaceChildren();
  element(box, "h3", "", here.length ? "Here they differ" : "Here they do not differ");
  here.forEach((d) => difference(box, d, line));
}

function difference(box, d, line) {
  const e = element(box, "div", "difference");
  element(e, "div", "q", d.question);
  for (const row of d.rows) {
    if (line !== undefined && row.line !== line) continue;
    const p = element(e, "div");
    if (line === undefined && row.line) {
      const b = element(p, "button", "", "line " + row.line);
      b.type = "button";
      b.addEventListener("click", () => goLine(row.line));
      p.append(" ");
    }
    p.append(row.name + ": ");
    p.append(Object.entries(row.groups).map(([text, who]) => who.join(", ") + ": " + text).join("  |  "));
  }
  for (const [who, rule] of Object.entries(d.rules)) {
    const p = element(e, "div", "", who + " – " + rule.says + " ");
    element(p, "span", "src", "(" + rule.source + ")");
  }
}

function goLine(line) {
  const runs = together();
  const at = positions.findIndex((p) => p.some((k, i) => k >= 0 && runs[i].steps[k].line === line));
  if (at >= 0) go(at);
}

function extra() {
  const box = $("extra");
  if (page.differences && page.differences.length) {
    const note = element(box, "details", "note");
    element(note, "summary", "", "All " + page.differences.length + " differences, with their rules");
    page.differences.forEach((d) => difference(note, d));
  }
  if (page.findings) {
    for (const f of page.findings) element(element(box, "div", "note"), "div", "expected", f);
  }
  for (const [of, all] of Object.entries(page.coverage || {})) {
    const note = element(box, "details", "note");
    element(note, "summary", "", "Covered: " + all.length + " " + of);
    for (const each of all) element(note, "div", "", each);
  }
  if (page.cases) casesTable(box);
}

function casesTable(box) {
  const table = element(box, "table", "cases");
  const head = element(table, "tr");
  ["case", "verdict", "what"].forEach((h) => element(head, "th", "", h));
  for (const c of page.cases) {
    const tr = element(table, "tr", c.verdict === "passed" ? "passed" : c.verdict === "failed" ? "failed" : "");
    const run = page.runs.findIndex((r) => r.name === c.name);
    if (run < 0) {
      element(tr, "td", "", c.name);
    } else {
      const b = element(element(tr, "td"), "button", "", c.name);
      b.type = "button";
      b.addEventListener("click", () => { tab(run); scrollTo(0, 0); });
    }
    element(tr, "td", "", c.verdict);
    const what = element(tr, "td");
    element(what, "div", "", c.title || "");
    if (c.message) element(what, "pre", "", c.message);
  }
}

function header() {
  $("title").textContent = page.title;
  $("about").textContent = page.about || "";
  document.title = page.title + " – cocovisor";
  for (const c of page.chips) element($("chips"), "span", "chip " + (c.tone || ""), c.text);
  if (!page.sideBySide && page.runs.length > 1) {
    $("tabs").hidden = false;
    page.runs.forEach((r, i) => {
      const b = element($("tabs"), "button", "", r.name || r.backend || "run " + (i + 1));
      b.type = "button";
      b.setAttribute("aria-selected", i === 0);
      b.addEventListener("click", () => tab(i));
    });
  }
}

/** Opens one of the runs that are not side by side. */
function tab(i) {
  view.tab = i;
  [...$("tabs").children].forEach((o, k) => o.setAttribute("aria-selected", k === i));
  open();
  go(firstUnmet(page.runs[i]));
}

/** Where a run is opened: at the first answer that was not expected, else at its end. */
function firstUnmet(run) {
  const k = run.steps.findIndex((s) => s.expected || s.conflict);
  return k >= 0 ? k : run.steps.length - 1;
}

function legend() {
  const box = $("legend");
  const one = (kind, text) => {
    const b = element(box, "b");
    element(b, "span", "swatch cell " + kind);
    b.append(text);
  };
  one("private", "private");
  one("shared", "shared");
  one("pending", "not accepted yet");
  one("blocked", "blocked, on its way");
  one("control", "the trusted half's own");
  one("lost", "lost");
  one("private small", "small pages");
  one("private pale", "not mapped");
  element(box, "b", "", "□ outlined: changed by this step");
  for (const [word, glyph] of Object.entries(GLYPHS)) element(box, "b", "", glyph + " " + word);
  const help = element(box, "b");
  help.innerHTML = "<kbd>←</kbd> <kbd>→</kbd> step, <kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd> zoom, <kbd>⇧←</kbd> <kbd>⇧→</kbd> pan, <kbd>f</kbd> cells or true scale, <kbd>/</kbd> find, <kbd>n</kbd> next hit, <kbd>t</kbd> theme";
}

function lanesLegend(run) {
  const old = $("lane-names");
  if (old) old.remove();
  if (!run.lanes || run.lanes.length < 2) return;
  const box = element(null, "div", "note");
  box.id = "lane-names";
  run.lanes.forEach((name, i) => {
    const b = element(box, "b");
    element(b, "span", "", "● ").style.color = LANE_COLORS[i % LANE_COLORS.length];
    b.append(name + "   ");
  });
  element(box, "span", "more", "a thick lane holds a lock; a ringed dot is where two meet");
  $("picture").prepend(box);
}

async function start() {
  const began = performance.now();
  page = await load();
  header();
  legend();
  extra();
  if (!page.runs.length) {
    document.querySelector("main").hidden = true;
    document.querySelector("main").style.display = "none";
    $("bar").style.display = "none";
    $("extra").className = "all";
  } else {
    calls = new CallList($("calls"), $("rows"), goStep);
    open();
    const at = /step=(\d+)/.exec(location.hash);
    view.cells = !/scale/.test(location.hash);
    $("scale").textContent = view.cells ? "cells" : "true scale";
    const theme_ = /theme=(light|dark)/.exec(location.hash);
    if (theme_) document.documentElement.dataset.theme = theme_[1];
    if (at) goStep(Number(at[1]) - 1); else go(firstPosition());
    $("slider").addEventListener("input", (e) => go(Number(e.target.value)));
    $("first").addEventListener("click", KEYS.Home);
    $("last").addEventListener("click", KEYS.End);
    $("next").addEventListener("click", KEYS.ArrowRight);
    $("back").addEventListener("click", KEYS.ArrowLeft);
    $("in").addEventListener("click", KEYS["+"]);
    $("out").addEventListener("click", KEYS["-"]);
    $("fit").addEventListener("click", fit);
    $("scale").addEventListener("click", scale);
    $("search").addEventListener("focus", () => { anchor = calls.current; });
    $("search").addEventListener("input", (e) => { find(e.target.value); hit(1); });
    $("search").addEventListener("keydown", (e) => {
      if (e.key === "Enter") hit(e.shiftKey ? -1 : 1);
      if (e.key === "Escape") { e.target.value = ""; find(""); hit(1); e.target.blur(); }
    });
    addEventListener("keydown", keys);
    addEventListener("resize", () => { redraw(); calls.draw(); });
  }
  $("theme").addEventListener("click", theme);
  document.body.dataset.loaded = Math.round(performance.now() - began);
}

function firstPosition() {
  const run = together()[longest(together())];
  const k = firstUnmet(run);
  const which = longest(together());
  const at = positions.findIndex((p) => p[which] >= k);
  return at < 0 ? positions.length - 1 : at;
}

start();
