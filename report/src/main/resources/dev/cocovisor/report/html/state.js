// States: what every strip says after a step. A run has changes only; states between are made by
// applying them, from the nearest state that was kept. A span is [first, end, value, leads to].

const EVERY = 256;

/** Puts a range into an ascending list of spans, in place. */
function assign(spans, first, end, value, leads) {
  let lo = 0;
  let hi = spans.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (spans[mid][1] > first) hi = mid; else lo = mid + 1;
  }
  let stop = lo;
  const pieces = [];
  while (stop < spans.length && spans[stop][0] < end) {
    const s = spans[stop++];
    if (s[0] < first) pieces.push([s[0], first, s[2], s[3]]);
    if (s[1] > end) pieces.push([end, s[1], s[2], s[3] < 0 ? -1 : s[3] + end - s[0]]);
  }
  if (value >= 0) {
    const at = pieces.length && pieces[0][0] < first ? 1 : 0;
    pieces.splice(at, 0, [first, end, value, leads]);
  }
  spans.splice(lo, stop - lo, ...pieces);
  for (let i = Math.max(1, lo); i <= lo + pieces.length && i < spans.length;) {
    if (continues(spans[i - 1], spans[i])) {
      spans[i - 1] = [spans[i - 1][0], spans[i][1], spans[i][2], spans[i - 1][3]];
      spans.splice(i, 1);
    } else {
      i++;
    }
  }
}

function continues(a, b) {
  const on = a[3] < 0 ? b[3] < 0 : a[3] + a[1] - a[0] === b[3];
  return a[1] === b[0] && a[2] === b[2] && on;
}

/** Returns the span that holds a page, or undefined. */
function spanAt(spans, page) {
  let lo = 0;
  let hi = spans.length - 1;
  while (lo <= hi) {
    const mid = (lo + hi) >> 1;
    if (page < spans[mid][0]) hi = mid - 1;
    else if (page >= spans[mid][1]) lo = mid + 1;
    else return spans[mid];
  }
  return undefined;
}

/** The states of one run. */
class States {
  constructor(run) {
    this.run = run;
    this.kept = new Map([[-1, run.strips.map(() => [])]]);
    this.recent = new Map();
  }

  /** Returns the lists of spans after a step; -1 for before the first. */
  after(step) {
    const near = this.kept.get(step) || this.recent.get(step);
    if (near) return near;
    let from = step;
    while (!this.kept.has(from) && !this.recent.has(from)) from--;
    let state = this.kept.get(from) || this.recent.get(from);
    for (let k = from + 1; k <= step; k++) {
      state = this.applied(state, this.run.steps[k].state);
      if (k % EVERY === EVERY - 1) this.kept.set(k, state);
    }
    this.recent.set(step, state);
    if (this.recent.size > 64) this.recent.delete(this.recent.keys().next().value);
    return state;
  }

  applied(state, changes) {
    if (!changes.length) return state;
    const now = state.slice();
    const own = new Set();
    for (const [strip, first, pages, value, leads] of changes) {
      if (!own.has(strip)) {
        own.add(strip);
        now[strip] = now[strip].slice();
      }
      assign(now[strip], first, first + pages, value, leads);
    }
    return now;
  }
}
