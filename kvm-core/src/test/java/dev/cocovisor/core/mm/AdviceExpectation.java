package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;

/** What one madvise is to answer, and what it does to a naive memory. */
final class AdviceExpectation {
  private static final int DONTNEED = 4;
  private static final int FREE = 8;
  private static final int REMOVE = 9;
  private static final int DONTFORK = 10;
  private static final int DOFORK = 11;
  private static final int WIPEONFORK = 18;
  private static final int KEEPONFORK = 19;
  private static final int COLD = 20;
  private static final int PAGEOUT = 21;
  private static final int POPULATE_READ = 22;
  private static final int POPULATE_WRITE = 23;
  private static final int DONTNEED_LOCKED = 24;
  private static final int COLLAPSE = 25;
  private static final int GUARD_INSTALL = 102;
  private static final int GUARD_REMOVE = 103;

  private final int advice;
  private Errno expected = Errno.OK;

  /** Works on the naive memory at once. */
  AdviceExpectation(NaiveMemory naive, long from, long to, int advice) {
    this.advice = advice;
    boolean populates = advice == POPULATE_READ || advice == POPULATE_WRITE;
    for (long p = from; p < to && expected.ok(); p++) {
      NaiveMemory.Page v = naive.pages.get(p);
      if (v == null) {
        if (populates) {
          expected = Errno.ENOMEM;
        }
        continue;
      }
      expected = one(naive, p, v);
    }
    if (expected.ok() && naive.hole(from, to)) {
      expected = Errno.ENOMEM;
    }
  }

  private Errno one(NaiveMemory naive, long p, NaiveMemory.Page v) {
    return switch (advice) {
      case DONTNEED, DONTNEED_LOCKED, FREE, GUARD_INSTALL -> discard(naive, p, v);
      case GUARD_REMOVE -> put(naive, p, v.guarded(false));
      case REMOVE -> remove(v);
      case COLD, PAGEOUT -> v.locked() ? Errno.EINVAL : Errno.OK;
      case DONTFORK, DOFORK -> put(naive, p, v.kept(advice == DONTFORK));
      case WIPEONFORK -> v.file() != null ? Errno.EINVAL : put(naive, p, v.wiped(true));
      case KEEPONFORK -> put(naive, p, v.wiped(false));
      case POPULATE_READ, POPULATE_WRITE -> populate(naive, p, v);
      default -> Errno.OK;
    };
  }

  private static Errno put(NaiveMemory naive, long p, NaiveMemory.Page now) {
    naive.pages.put(p, now);
    return Errno.OK;
  }

  private Errno discard(NaiveMemory naive, long p, NaiveMemory.Page v) {
    boolean wrong = v.locked() && advice != DONTNEED_LOCKED;
    if (wrong || (advice == FREE && v.file() != null)) {
      return Errno.EINVAL;
    }
    if (advice != FREE) {
      naive.forget(p);
    }
    return put(naive, p, v.guarded(v.guard() || advice == GUARD_INSTALL));
  }

  private static Errno remove(NaiveMemory.Page v) {
    if (v.locked() || v.file() == null) {
      return Errno.EINVAL;
    }
    if (!v.shared()) {
      return Errno.EACCES;
    }
    v.file().punch(v.index(), v.index() + 1);
    return Errno.OK;
  }

  private Errno populate(NaiveMemory naive, long p, NaiveMemory.Page v) {
    boolean write = advice == POPULATE_WRITE;
    if ((v.prot() & (write ? 2 : 1)) == 0) {
      return Errno.EINVAL;
    }
    int was = v.guard() ? NaiveMemory.SEGV : naive.read(p);
    if (was == NaiveMemory.SEGV && !v.guard()) {
      was = 0; // stores only: there to be stored to
    }
    if (was < 0) {
      return Errno.EFAULT;
    }
    return write ? wrote(naive, p, was) : Errno.OK;
  }

  private static Errno wrote(NaiveMemory naive, long p, int was) {
    return naive.write(p, was) == NaiveMemory.BUS ? Errno.EFAULT : Errno.OK;
  }

  void check(Errno got, String what) {
    if (advice == COLLAPSE) {
      // Whether pages can be one is the tables' affair; no byte changes either way.
      return;
    }
    assertThat(got).as(what).isEqualTo(expected);
  }
}
