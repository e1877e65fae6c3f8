// The strips of one run, in groups: each VM's by gfn, the host's by pfn. Only what is in the window
// is drawn; what is narrower than a pixel or two becomes one striped cell.

const GLYPHS = {
  accepted: "✓", pending: "…", blocked: "⊘", measured: "Σ", dirty: "●", pinned: "⚓", cached: "◈",
};
const SIZES = { 0: "4K", 9: "2M", 18: "1G", 27: "512G" };
const NARROW = 2;

const hex = (n) => "0x" + n.toString(16);

function sizeOf(pages) {
  for (const [unit, n] of [["TiB", 2 ** 28], ["GiB", 2 ** 18], ["MiB", 2 ** 8], ["KiB", 1 / 4]]) {
    if (pages >= n) return +(pages / n).toFixed(1) + " " + unit;
  }
  return "0";
}

function element(parent, tag, cls, text) {
  const e = document.createElement(tag);
  if (cls) e.className = cls;
  if (text !== undefined) e.textContent = text;
  if (parent) parent.append(e);
  return e;
}

/** The strips of one VM, or of the host, with one window over them. */
class Group {
  constructor(run, vm, indices) {
    this.run = run;
    this.vm = vm;
    this.indices = indices;
    this.window = [0, 1];
    this.axes = {};
    this.tracks = new Map();
  }

  axis() {
    const mode = view.cells ? "cells" : "scale";
    return this.axes[mode] || (this.axes[mode] = new Axis(this.run, this.indices, view.cells));
  }

  build(parent) {
    this.box = element(parent, "div", "group");
    const what = this.vm ? "VM " + this.vm + ", by guest page" : "host, by frame";
    element(this.box, "h3", "", what);
    this.ticks = element(this.box, "div", "ticks");
    for (const i of this.indices) {
      const strip = this.run.strips[i];
      const row = element(this.box, "div", "strip " + strip.role);
      row.dataset.strip = i;
      element(row, "div", "name", strip.name).title = strip.name;
      const track = element(row, "div", "track");
      this.tracks.set(i, track);
      track.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
      track.addEventListener("pointermove", (e) => this.look(e));
      track.addEventListener("dblclick", (e) => this.enter(e));
      track.addEventListener("pointerdown", (e) => this.drag(e));
    }
    this.readout = element(this.box, "div", "note readout");
    this.readout.hidden = true;
  }

  /** Returns a place on the axis as a part of the window. */
  part(place) {
    return (place - this.window[0]) / (this.window[1] - this.window[0]);
  }

  placeOf(e) {
    const r = e.currentTarget.getBoundingClientRect();
    const part = (e.clientX - r.left) / r.width;
    return this.window[0] + part * (this.window[1] - this.window[0]);
  }

  zoom(factor, around) {
    const [a, b] = this.window;
    const at = around === undefined ? (a + b) / 2 : around;
    const width = Math.min(1, Math.max(1e-12, (b - a) * factor));
    let from = at - (at - a) * (width / (b - a));
    from = Math.min(1 - width, Math.max(0, from));
    this.window = [from, from + width];
  }

  pan(by) {
    const width = this.window[1] - this.window[0];
    const from = Math.min(1 - width, Math.max(0, this.window[0] + by * width));
    this.window = [from, from + width];
  }

  wheel(e) {
    if (!e.ctrlKey && !e.shiftKey && Math.abs(e.deltaX) <= Math.abs(e.deltaY) && !e.altKey) return;
    e.preventDefault();
    if (e.ctrlKey || e.altKey) this.zoom(e.deltaY > 0 ? 1.25 : 0.8, this.placeOf(e));
    else this.pan((e.deltaX || e.deltaY) / 600);
    this.draw();
  }

  drag(e) {
    const track = e.currentTarget;
    let x = e.clientX;
    const move = (m) => {
      this.pan((x - m.clientX) / track.clientWidth);
      x = m.clientX;
      this.draw();
    };
    const up = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
  }

  /** Zooms to the span that was clicked twice. */
  enter(e) {
    const page = this.axis().page(this.placeOf(e));
    const i = +e.currentTarget.parentNode.dataset.strip;
    const span = page === undefined ? undefined : spanAt(this.now[i], page);
    if (span) this.show(span[0], span[1]);
  }

  /** Makes a range fill a third of the window. */
  show(first, end) {
    const a = this.axis().place(first);
    const b = this.axis().place(end - 1) + 1e-12;
    const width = Math.min(1, Math.max(b - a, 1e-12) * 3);
    const from = Math.min(1 - width, Math.max(0, (a + b - width) / 2));
    this.window = [from, from + width];
    this.draw();
  }

  /** Draws a state, with what the step changed outlined. */
  draw(now = this.now, changes = this.changes) {
    this.now = now;
    this.changes = changes;
    const changed = new Map();
    for (const c of changes) {
      if (!this.tracks.has(c[0])) continue;
      if (!changed.has(c[0])) changed.set(c[0], []);
      changed.get(c[0]).push(c);
    }
    for (const [i, track] of this.tracks) this.drawStrip(track, i, changed.get(i) || []);
    this.drawTicks();
    if (this.cross !== undefined) this.read(this.cross);
  }

  drawStrip(track, i, changed) {
    const axis = this.axis();
    const width = track.clientWidth || 800;
    const out = document.createDocumentFragment();
    for (const s of axis.segments) {
      if (s.gap) this.box_(out, "gap", s.x / axis.total, (s.x + s.width) / axis.total);
    }
    let many;
    for (const span of this.now[i]) {
      const a = this.part(axis.place(span[0]));
      const b = this.part(axis.place(span[1] - 1) + this.onePage(axis, span[1] - 1));
      if (b < 0 || a > 1) continue;
      if ((b - a) * width < NARROW) {
        if (many && (a - many[1]) * width < NARROW) { many[1] = b; many[2]++; continue; }
        this.drawMany(out, many);
        many = [a, b, 1, span];
        continue;
      }
      this.drawMany(out, many);
      many = undefined;
      this.drawCell(out, axis, i, span, a, b, width);
    }
    this.drawMany(out, many);
    for (const [, first, pages] of changed) {
      const a = axis.place(first);
      this.box_(out, "change", a, axis.place(first + pages - 1) + this.onePage(axis, first + pages - 1));
    }
    if (this.cross !== undefined) {
      const x = this.part(axis.place(this.cross) + this.onePage(axis, this.cross) / 2);
      element(out, "div", "cross").style.left = 100 * x + "%";
    }
    track.replaceChildren(out);
  }

  onePage(axis, page) {
    const s = axis.segments[axis.index(page)];
    return s ? s.width / (s.end - s.first) / axis.total : 0;
  }

  box_(out, cls, from, to) {
    const a = Math.max(-0.01, this.part(from));
    const b = Math.min(1.01, this.part(to));
    if (b < 0 || a > 1) return undefined;
    const e = element(out, "div", cls);
    e.style.left = 100 * a + "%";
    e.style.width = Math.max(100 * (b - a), 0.15) + "%";
    return e;
  }

  drawMany(out, many) {
    if (!many) return;
    const e = element(out, "div", "cell " + (many[2] > 1 ? "many" : this.run.values[many[3][2]].kind));
    e.style.left = 100 * many[0] + "%";
    e.style.width = "max(2px, " + 100 * (many[1] - many[0]) + "%)";
    e.title = many[2] + " ranges; zoom in to tell them apart";
    e.style.padding = 0;
  }

  drawCell(out, axis, i, span, a, b, width) {
    const value = this.run.values[span[2]];
    const role = this.run.strips[i].role;
    const left = Math.max(a, -0.01);
    const px = (Math.min(b, 1.01) - left) * width;
    const e = element(out, "div", "cell " + this.look_(role, value));
    e.style.left = 100 * left + "%";
    e.style.width = 100 * (Math.min(b, 1.01) - left) + "%";
    e.dataset.first = span[0];
    e.dataset.pages = span[1] - span[0];
    e.dataset.state = value.state;
    e.title = describe(this.run, i, span);
    if (px < 14) e.style.padding = 0;
    const size = value.order ? SIZES[value.order] || "2^" + value.order : "";
    if (px > 34) {
      const words = role === "memory" ? [value.kind === "empty" ? "" : value.kind, size] : [size, value.state];
      e.append(words.filter(Boolean).join(" "));
    }
    if (role === "memory" && value.marks && px > 12) {
      const marks = value.marks.map((m) => GLYPHS[m] || "").join("");
      if (px <= 34) e.append("\u00a0");
      element(e, "span", "marks", px < 9 * marks.length ? marks[0] : marks);
    }
    this.lines(e, axis, span, value.order || 0, role, a, b, width);
  }

  /** In the sum of all tables a page that nothing maps is pale, and a mark may tell more. */
  look_(role, value) {
    if (role !== "memory") return value.kind;
    const marks = value.marks || [];
    const special = ["blocked", "pending"].find((m) => marks.includes(m));
    return (special || value.kind) + (marks.includes("mapped") ? "" : " pale");
  }

  /** Parts a cell into its pages: lines where there is room, else a texture. */
  lines(e, axis, span, order, role, a, b, width) {
    const each = 2 ** order;
    const n = (span[1] - span[0]) / each;
    if (role === "slots" || role === "attributes" || n < 2) return;
    const step = this.onePage(axis, span[0]) * each / (this.window[1] - this.window[0]) * width;
    if (step >= 4 && n <= 64) {
      for (let k = 1; k < n; k++) {
        const x = (this.part(axis.place(span[0] + k * each)) - Math.max(a, -0.01)) * width;
        if (x > 0 && x < (b - a) * width) element(e, "i").style.left = x + "px";
      }
    } else if (order === 0 && (span[3] >= 0)) {
      e.classList.add("small");
    }
  }

  drawTicks() {
    const axis = this.axis();
    const width = this.ticks.clientWidth || 800;
    const out = document.createDocumentFragment();
    let free = -1;
    const tick = (page, place) => {
      const x = this.part(place);
      if (x < -0.0001 || x > 1.0001) return;
      const text = hex(this.vm ? page * 4096 : page);
      const side = x < 0.05 ? "l" : x > 0.95 ? "r" : "";
      const wide = text.length * 6.4;
      const left = x * width - (side === "l" ? 0 : side === "r" ? wide : wide / 2);
      if (left < free) return;
      const t = element(out, "span", side, text);
      t.style.left = 100 * x + "%";
      free = left + wide + 10;
    };
    for (const s of axis.segments) {
      if (s.gap) continue;
      tick(s.first, s.x / axis.total);
      const px = s.width / axis.total / (this.window[1] - this.window[0]) * width;
      const wide = Math.min(8, Math.floor(px / 150));
      for (let k = 1; k < wide; k++) {
        let page = s.first + Math.round(((s.end - s.first) * k) / wide);
        const round = 2 ** Math.floor(Math.log2((s.end - s.first) / wide));
        page = Math.round(page / round) * round;
        if (page > s.first && page < s.end) tick(page, axis.place(page));
      }
    }
    this.ticks.replaceChildren(out);
    this.ticks.title = this.vm ? "guest physical addresses" : "frame numbers";
  }

  /** Shows what every row says of the page under the pointer. */
  look(e) {
    const page = this.axis().page(this.placeOf(e));
    if (page === undefined || page === this.cross) return;
    this.point(page);
  }

  point(page) {
    this.cross = page;
    this.draw();
  }

  read(page) {
    const table = document.createElement("table");
    for (const i of this.indices) {
      const span = spanAt(this.now[i], page);
      const tr = element(table, "tr");
      element(tr, "td", "", this.run.strips[i].name);
      element(tr, "td", "", span ? words(this.run, i, span, page) : "–");
    }
    const name = this.vm ? "gfn " + hex(page) + ", gpa " + hex(page * 4096) : "pfn " + hex(page);
    const head = element(null, "h3", "", name);
    this.readout.replaceChildren(head, table);
    this.readout.hidden = false;
  }
}

/** Says what a span means at one of its pages. */
function words(run, i, span, page) {
  const value = run.values[span[2]];
  const role = run.strips[i].role;
  const sized = ["stage", "mirror", "external", "backing", "owner"].includes(role) && span[3] >= 0;
  const size = value.order || sized ? SIZES[value.order || 0] + " " : "";
  const to = span[3] < 0 ? "" : role === "frames" ? ", gfn " : " → pfn ";
  const lead = span[3] < 0 ? "" : to + hex(span[3] + page - span[0]);
  const marks = value.marks ? "  [" + value.marks.join(", ") + "]" : "";
  return size + value.state + lead + marks;
}

function describe(run, i, span) {
  const pages = span[1] - span[0];
  const unit = run.strips[i].role === "frames" ? "pfn " : "gfn ";
  const range = unit + hex(span[0]) + (pages > 1 ? " to " + hex(span[1] - 1) : "");
  return run.strips[i].name + ": " + range + " (" + sizeOf(pages) + ")\n" + words(run, i, span, span[0]);
}

/** One run: its groups, and what the step changed, in words. */
class Picture {
  constructor(run) {
    this.run = run;
    this.states = new States(run);
    const byVm = new Map();
    run.strips.forEach((s, i) => {
      if (!byVm.has(s.vm)) byVm.set(s.vm, []);
      byVm.get(s.vm).push(i);
    });
    const vms = [...byVm.keys()].sort((a, b) => (a === "") - (b === "") || a.localeCompare(b, "en", { numeric: true }));
    this.groups = vms.map((vm) => new Group(run, vm, byVm.get(vm)));
  }

  build(parent, head) {
    this.box = element(parent, "article", "run");
    this.head = head ? element(this.box, "h2") : null;
    for (const g of this.groups) g.build(this.box);
    // Side by side the words are folded away, so that the strips stand close.
    this.note = element(this.box, head ? "details" : "div", "note changes");
  }

  draw(step) {
    this.step = step;
    const now = this.states.after(step);
    const before = this.states.after(step - 1);
    const at = this.run.steps[step];
    const changes = at ? at.state : [];
    if (this.head) {
      this.head.textContent = this.run.backend || "";
      if (at) element(this.head, "span", "says", "  " + at.call + " = " + at.result);
    }
    for (const g of this.groups) {
      const empty = g.indices.every((i) => !now[i].length && !before[i].length);
      g.box.style.opacity = empty ? 0.45 : 1;
      g.draw(now, changes);
    }
    this.say(at, before, changes);
  }

  say(at, before, changes) {
    const list = document.createElement("ul");
    const told = changes.filter((c) => this.run.strips[c[0]].role !== "memory");
    for (const c of told.slice(0, 14)) {
      const strip = this.run.strips[c[0]];
      const was = spanAt(before[c[0]], c[1]);
      const unit = strip.role === "frames" ? "pfn " : "gfn ";
      const range = unit + hex(c[1]) + (c[2] > 1 ? "…" + hex(c[1] + c[2] - 1) : "");
      const text = (v, lead) => (v < 0 ? "nothing" : words(this.run, c[0], [c[1], c[1] + c[2], v, lead], c[1]));
      const old = was ? words(this.run, c[0], was, c[1]) : "nothing";
      const vm = strip.vm && this.groups.length > 2 ? "VM " + strip.vm + " " : "";
      const li = element(list, "li", "", vm + strip.name + ", " + range + ": " + old + " ⟶ " + text(c[3], c[4]));
      li.dataset.strip = c[0];
    }
    if (told.length > 14) element(list, "li", "more", "and " + (told.length - 14) + " more");
    const say = [];
    if (at && at.expected) say.push(element(null, "div", "expected", "expected " + at.expected + ", got " + at.result));
    for (const line of (at && at.ownership) || []) element(list, "li", "", "frames " + line);
    const some = changes.length || list.children.length;
    const title = some ? "This step changed" + (this.head ? " " + list.children.length + " ranges" : "") : "This step changed no table";
    this.note.replaceChildren(element(null, this.head ? "summary" : "h3", "", title), ...say, list);
  }
}
