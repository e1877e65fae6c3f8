// The list of calls with their hooks and firmware calls. Every line is as high as any other, so a
// line's place is known without drawing the others, and only what is seen is drawn.

const HIGH = 20;
const SHOWN = 10;
const SHOWN_HERE = 400;
const LONG = 20000;

class CallList {
  constructor(box, rows, go) {
    this.box = box;
    this.rows = rows;
    this.go = go;
    this.hits = new Set();
    box.addEventListener("scroll", () => this.draw());
  }

  use(run) {
    this.run = run;
    this.lanes = new Lanes(run);
    const each = run.steps.length > LONG ? 0 : SHOWN;
    this.shown = each;
    this.start = new Uint32Array(run.steps.length + 1);
    run.steps.forEach((s, k) => {
      this.start[k + 1] = this.start[k] + 1 + Math.min(s.events.length, each) + (s.events.length > each && each ? 1 : 0);
    });
    this.current = 0;
    this.resize();
  }

  /** Lines that the current call has more than it has elsewhere. */
  extra() {
    const n = this.run.steps[this.current].events.length;
    const here = Math.min(n, SHOWN_HERE) + (n > SHOWN_HERE ? 1 : 0);
    return 1 + here - (this.start[this.current + 1] - this.start[this.current]);
  }

  resize() {
    const n = this.run.steps.length;
    this.rows.style.height = (n ? this.start[n] + this.extra() : 0) * HIGH + "px";
  }

  top(k) {
    return this.start[k] + (k > this.current ? this.extra() : 0);
  }

  select(k) {
    this.current = k;
    this.resize();
    const top = this.start[k] * HIGH;
    const high = this.box.clientHeight;
    if (top < this.box.scrollTop + 2 * HIGH || top > this.box.scrollTop + high - 6 * HIGH) {
      this.box.scrollTop = top - high / 3;
    }
    this.draw();
  }

  /** Returns the call whose lines are at a line of the list. */
  at(line) {
    let lo = 0;
    let hi = this.run.steps.length - 1;
    while (lo < hi) {
      const mid = (lo + hi + 1) >> 1;
      if (this.top(mid) <= line) lo = mid; else hi = mid - 1;
    }
    return lo;
  }

  draw() {
    const n = this.run.steps.length;
    const out = document.createDocumentFragment();
    if (n) {
      const from = Math.floor(this.box.scrollTop / HIGH) - 4;
      const to = from + Math.ceil(this.box.clientHeight / HIGH) + 8;
      for (let k = this.at(Math.max(0, from)); k < n && this.top(k) <= to; k++) this.step(out, k);
    }
    this.rows.replaceChildren(out);
  }

  line(out, at, cls, k) {
    const row = element(out, "div", "row " + cls + (k === this.current ? " current" : "") + (this.hits.has(k) ? " hit" : ""));
    row.style.top = at * HIGH + "px";
    row.addEventListener("click", () => this.go(k));
    return row;
  }

  step(out, k) {
    const s = this.run.steps[k];
    let at = this.top(k);
    const row = this.line(out, at++, "call" + (s.expected ? " unmet" : ""), k);
    row.dataset.step = k;
    element(row, "span", "no", s.line || k + 1);
    this.lanes.draw(row, k, true);
    element(row, "span", "text", s.call).title = s.call;
    element(row, "span", "res", s.result ? "= " + s.result : "").title = s.result;
    const most = k === this.current ? SHOWN_HERE : this.shown;
    s.events.slice(0, most).forEach((e) => this.event(out, at++, k, e));
    if (s.events.length > most && most) {
      const more = this.line(out, at, "event", k);
      element(more, "span", "no");
      this.lanes.draw(more, k, false);
      element(more, "span", "text more", "  and " + (s.events.length - most) + " more");
    }
  }

  event(out, at, k, e) {
    const row = this.line(out, at, "event " + e.kind, k);
    element(row, "span", "no");
    this.lanes.draw(row, k, false);
    const indent = element(row, "span");
    indent.style.flex = "0 0 " + (8 + 14 * e.depth) + "px";
    element(row, "span", "kind " + e.kind).title = e.kind;
    const text = e.kind === "refusal" ? e.name + ": " + e.result : e.name + "(" + e.arguments + ")" + (e.result ? " = " + e.result : "");
    element(row, "span", "text", text).title = text;
  }
}

const LANE = 16;
const LANE_COLORS = ["#3f73dd", "#d9822b", "#1c8a5a", "#a04bd0", "#c2414b", "#1f8a9c", "#8a7a1f", "#6b7280"];

/** Swim lanes beside the calls: who acts, who holds a lock, where two meet. */
class Lanes {
  constructor(run) {
    this.run = run;
    this.names = run.lanes || [];
  }

  draw(row, k, call) {
    if (this.names.length < 2) return;
    const s = this.run.steps[k];
    const ns = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(ns, "svg");
    svg.setAttribute("class", "lanes");
    svg.setAttribute("width", this.names.length * LANE + 6);
    svg.setAttribute("height", HIGH);
    const add = (tag, attrs) => {
      const e = document.createElementNS(ns, tag);
      for (const a in attrs) e.setAttribute(a, attrs[a]);
      svg.append(e);
      return e;
    };
    this.names.forEach((name, i) => {
      const x = i * LANE + 8;
      const color = LANE_COLORS[i % LANE_COLORS.length];
      const held = (s.held && s.held[name]) || [];
      add("line", { x1: x, x2: x, y1: 0, y2: HIGH, stroke: color, "stroke-width": held.length ? 5 : 1, opacity: held.length ? 0.75 : 0.4 });
      if (call && s.lane === name) {
        add("circle", { cx: x, cy: HIGH / 2, r: s.conflict ? 6 : 4, fill: color, stroke: s.conflict ? "var(--bad)" : "var(--card)", "stroke-width": s.conflict ? 3 : 1 });
      }
      if (held.length) {
        const title = document.createElementNS(ns, "title");
        title.textContent = name + " holds " + held.join(", ");
        svg.lastChild.append(title);
      }
    });
    row.append(svg);
  }
}
