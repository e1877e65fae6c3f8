// An axis leads from pages to places between 0 and 1. Stretches of memory that nothing ever told
// apart are one segment. By cells, a segment's width grows with the logarithm of its size, so that a
// page stays visible beside a terabyte; at true scale it is its size. What no strip ever spoke of is
// a gap of fixed width.

const GAP = 1;

class Axis {
  constructor(run, strips, cells) {
    const marks = new Set();
    const ranges = [];
    const wanted = new Set(strips);
    for (const step of run.steps) {
      for (const [strip, first, pages, value] of step.state) {
        if (!wanted.has(strip)) continue;
        marks.add(first);
        marks.add(first + pages);
        if (value >= 0) ranges.push([first, first + pages]);
      }
    }
    const edges = [...marks].sort((a, b) => a - b);
    const covered = union(ranges);
    this.segments = [];
    let x = 0;
    let r = 0;
    for (let i = 0; i + 1 < edges.length; i++) {
      while (r < covered.length && covered[r][1] <= edges[i]) r++;
      const gap = r >= covered.length || covered[r][0] >= edges[i + 1];
      const pages = edges[i + 1] - edges[i];
      const width = gap ? GAP : cells ? 4 + Math.log2(pages) : pages;
      this.segments.push({ first: edges[i], end: edges[i + 1], x, width, gap });
      x += width;
    }
    if (!cells) this.shrinkGaps();
    this.total = this.segments.reduce((sum, s) => sum + s.width, 0) || 1;
  }

  /** At true scale a gap is one part in fifty of what is there. */
  shrinkGaps() {
    const there = this.segments.reduce((sum, s) => sum + (s.gap ? 0 : s.width), 0);
    let x = 0;
    for (const s of this.segments) {
      if (s.gap) s.width = there / 50;
      s.x = x;
      x += s.width;
    }
  }

  index(page) {
    let lo = 0;
    let hi = this.segments.length - 1;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (page < this.segments[mid].end) hi = mid; else lo = mid + 1;
    }
    return lo;
  }

  /** Returns the place of the beginning of a page. */
  place(page) {
    if (!this.segments.length) return 0;
    const s = this.segments[this.index(page)];
    const part = Math.min(1, Math.max(0, (page - s.first) / (s.end - s.first)));
    return (s.x + part * s.width) / this.total;
  }

  /** Returns the page at a place; undefined in a gap. */
  page(place) {
    const x = place * this.total;
    const s = this.segments.find((g) => x < g.x + g.width) || this.segments[this.segments.length - 1];
    if (!s || s.gap) return undefined;
    const part = Math.min(0.999999, Math.max(0, (x - s.x) / s.width));
    return s.first + Math.floor(part * (s.end - s.first));
  }
}

/** Returns ranges as ascending ones that do not touch. */
function union(ranges) {
  const sorted = ranges.sort((a, b) => a[0] - b[0]);
  const out = [];
  for (const [from, to] of sorted) {
    const last = out[out.length - 1];
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out;
}
