package dev.cocovisor.core.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.mem.PhysicalHost;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Random programs on the memory manager and on a naive one, page by page: the same answers, the
 * same bytes, no leaf of a guest that outlives its page, and every frame back at the end.
 */
class MmPropertyTest {
  private static final long BLOCK = 512;
  private static final long BASE = 0x7f40_0000_0000L >>> 12;
  private static final long PAGES = 5 * BLOCK;
  private static final long FILE_PAGES = 2 * BLOCK + 3;
  private static final int PROGRAMS = 40;
  private static final int CALLS = 90;

  private static final int COLLAPSE = 25;

  private static final int[] ADVICE = {
    0, 1, 2, 4, 4, 4, 8, 9, 10, 11, 14, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 25, 102, 103
  };

  @ParameterizedTest
  @EnumSource(ThpMode.class)
  void answersAndBytesAreThoseOfANaiveMemory(ThpMode mode) {
    for (int seed = 0; seed < PROGRAMS; seed++) {
      new Program(mode, seed).run();
    }
  }

  /** One random program; its calls are told when something differs. */
  private static final class Program {
    private final Random random;
    private final PhysicalHost host = new PhysicalHost(1 << 18);
    private final AddressSpace space;
    private final NaiveMemory naive = new NaiveMemory();
    private final NaiveGuest guest;
    private final MappingCalls calls;
    private final List<String> log = new ArrayList<>();
    private final List<MemFd> files = new ArrayList<>();
    private final List<NaiveMemory.File> naiveFiles = new ArrayList<>();
    private final String name;

    /**
     * A file's huge page can be touched behind the file's end (finish_fault), which a naive memory
     * does not know: either files are collapsed or they end anywhere.
     */
    private final boolean collapses;

    Program(ThpMode mode, int seed) {
      random = new Random(seed);
      collapses = (seed & 1) == 0;
      long size = collapses ? 2 * BLOCK : FILE_PAGES;
      name = "mode " + mode + ", seed " + seed;
      space =
          new AddressSpace(
              host, new AddressLimits(AddressLimits.x86Top(47), mode, false, false, 0, false));
      guest = new NaiveGuest(space);
      calls = new MappingCalls(space);
      for (int i = 0; i < 2; i++) {
        files.add(new MemFd(host, size << 12));
        var f = new NaiveMemory.File();
        f.size = size;
        naiveFiles.add(f);
      }
    }

    void run() {
      for (int i = 0; i < CALLS; i++) {
        step();
        guest.check(what());
        look();
      }
      space.clear();
      files.forEach(MemFd::release);
      assertThat(host.allocatedFrames()).as(what()).isEqualTo(1);
    }

    private String what() {
      return name + ":\n" + String.join("\n", log);
    }

    private long page() {
      long[] edges = {0, 1, 2, 0x1ff, 0x200, 0x201, 0x3ff, 0x400, 0x401, 0x600, 0x800};
      return BASE + (random.nextInt(4) == 0 ? random.nextLong(PAGES) : edges[random.nextInt(11)]);
    }

    private long length(long from) {
      long[] lengths = {1, 1, 2, 3, 0x1ff, 0x200, 0x200, 0x201, 0x400, 0x600};
      return Math.min(lengths[random.nextInt(lengths.length)], BASE + PAGES - from);
    }

    private void same(String call, long got, long expected) {
      log.add(call + " = " + got);
      assertThat(got).as(what()).isEqualTo(expected);
    }

    private void step() {
      long from = page();
      long len = length(from);
      switch (random.nextInt(20)) {
        case 0, 1, 2 -> map(from, len);
        case 3 -> unmap(from, len);
        case 4, 5 -> protect(from, len);
        case 6, 7, 8, 9 -> advise(from, len, ADVICE[random.nextInt(ADVICE.length)]);
        case 10 -> remap(from, len);
        case 11 -> lock(from, len);
        case 12 -> file();
        case 13 -> fork();
        case 14, 15, 16 -> store(from);
        default -> touch(from);
      }
    }

    private void map(long from, long len) {
      int prot = random.nextInt(8) == 0 ? random.nextInt(4) : 3;
      int which = random.nextInt(5);
      boolean shared = which == 3;
      int n = random.nextInt(2);
      long index = random.nextInt(3) == 0 ? random.nextLong(FILE_PAGES) : (from - BASE) % BLOCK;
      MemFd f = which < 3 ? null : files.get(n);
      NaiveMemory.File nf = which < 3 ? null : naiveFiles.get(n);
      var wish = new MappingCalls.Wish(from << 12, len << 12, prot, true, false, false);
      long r = calls.map(wish, false, shared, f, index);
      naive.map(from, from + len, prot, shared, nf, index);
      String to = f == null ? "anonymous" : (shared ? "shared " : "private ") + n + "@" + index;
      same(call("mmap", from, len) + " prot " + prot + " " + to, r, from << 12);
    }

    private static String call(String what, long from, long len) {
      return what + " " + Long.toHexString(from - BASE) + "+" + Long.toHexString(len);
    }

    private void unmap(long from, long len) {
      Errno r = calls.munmap(from << 12, len << 12);
      naive.unmap(from, from + len);
      same(call("munmap", from, len), r.number(), 0);
    }

    private void protect(long from, long len) {
      int prot = random.nextInt(4);
      Errno r = calls.mprotect(from << 12, len << 12, prot);
      long p = from;
      while (p < from + len && naive.pages.containsKey(p)) {
        naive.pages.computeIfPresent(p++, (_, v) -> v.with(prot));
      }
      same(
          call("mprotect", from, len) + " prot " + prot,
          r.number(),
          p < from + len ? Errno.ENOMEM.number() : 0);
    }

    private void lock(long from, long len) {
      boolean on = random.nextInt(3) == 0;
      Errno r = calls.lock(from << 12, len << 12, on);
      int expected = 0;
      for (long p = from; p < from + len && expected == 0; p++) {
        if (naive.pages.containsKey(p)) {
          naive.pages.computeIfPresent(p, (_, v) -> v.locked(on));
        } else {
          expected = Errno.ENOMEM.number();
        }
      }
      for (long p = from; on && p < from + len && expected == 0; p++) {
        // A page that faults is told as a hole is.
        int was = naive.read(p);
        NaiveMemory.Page v = naive.pages.get(p);
        if (was >= 0 && v != null && !v.shared() && (v.prot() & 2) != 0) {
          int _ = naive.write(p, was);
        }
        expected = was < 0 ? Errno.ENOMEM.number() : 0;
      }
      same(call(on ? "mlock" : "munlock", from, len), r.number(), expected);
    }

    private void advise(long from, long len, int advice) {
      if (advice == COLLAPSE && !collapses) {
        return;
      }
      var e = new AdviceExpectation(naive, from, from + len, advice);
      Errno r = new Advice(space).madvise(from << 12, len << 12, advice);
      log.add(call("madvise", from, len) + " " + advice + " = " + r);
      e.check(r, what());
    }

    private void remap(long from, long len) {
      boolean keep = random.nextInt(3) == 0;
      long now = keep || random.nextInt(3) > 0 ? len : length(from);
      long at = random.nextBoolean() ? page() : from + PAGES;
      boolean overlaps = from + len > at && at + now > from;
      long r = new Remap(space).mremap(from << 12, len << 12, now << 12, keep ? 7 : 3, at << 12);
      log.add(
          call("mremap", from, len)
              + " to "
              + call("", at, now)
              + (keep ? " keep" : "")
              + " = "
              + r);
      if (overlaps) {
        assertThat(r).as(what()).isEqualTo(-Errno.EINVAL.number());
        return;
      }
      if (r < 0) {
        // Sizes that differ want one mapping, which a naive memory does not know; nothing changes.
        assertThat(r).as(what()).isEqualTo(-Errno.EFAULT.number());
        assertThat(len == now && naive.pages.containsKey(from)).as(what()).isFalse();
        return;
      }
      assertThat(r).as(what()).isEqualTo(at << 12);
      if (now != len) {
        naive.unmap(from + now, from + len);
        naive.unmap(at, at + now);
      }
      naive.move(from, from + Math.min(len, now), at, keep);
      grow(at, len, now);
    }

    /** A mapping that grows has pages of its own kind behind it. */
    private void grow(long at, long len, long now) {
      NaiveMemory.Page last = len == 0 ? null : naive.pages.get(at + len - 1);
      for (long p = len; last != null && p < now; p++) {
        naive.pages.put(at + p, last.behind(1 + (p - len)));
      }
    }

    private void file() {
      int n = random.nextInt(2);
      long from = random.nextLong(FILE_PAGES);
      from = collapses ? from & -BLOCK : from;
      long len = Math.min(length(BASE), FILE_PAGES + BLOCK - from);
      len = collapses ? (len + BLOCK - 1) & -BLOCK : len;
      MemFd f = files.get(n);
      NaiveMemory.File nf = naiveFiles.get(n);
      switch (random.nextInt(3)) {
        case 0 -> {
          same("ftruncate " + n + " " + from, f.truncate(from << 12).number(), 0);
          nf.truncate(from);
          naive.truncated(nf);
        }
        case 1 -> {
          Errno r = f.fallocate(3, from << 12, len << 12);
          nf.punch(from, from + len);
          same("punch " + n + " " + from + "+" + len, r.number(), 0);
        }
        default -> {
          Errno r = f.fallocate(0, from << 12, len << 12);
          nf.size = Math.max(nf.size, from + len);
          same("fallocate " + n + " " + from + "+" + len, r.number(), 0);
        }
      }
    }

    /** A child sees what there was, whatever its parent stores afterwards. */
    private void fork() {
      AddressSpace child = Fork.of(space);
      NaiveMemory was = naive.fork();
      log.add("fork");
      for (int i = 0; i < 4; i++) {
        store(page());
      }
      for (int i = 0; i < 8; i++) {
        long p = page();
        assertThat(peek(child, p)).as(what() + "\nchild at " + (p - BASE)).isEqualTo(was.read(p));
      }
      child.clear();
    }

    private void store(long page) {
      int value = 1 + random.nextInt(255);
      long e = space.access(page << 12, true);
      if (e >= 0) {
        host.raw().writeByte(AddressSpace.frameOf(e) << 12, value);
      }
      int expected = naive.write(page, value);
      same("store " + Long.toHexString(page - BASE) + " " + value, Math.min(e, 0), expected);
    }

    private void touch(long page) {
      boolean write = random.nextInt(3) == 0;
      boolean there = guest.touch(page, write);
      log.add((write ? "guest stores " : "guest loads ") + Long.toHexString(page - BASE));
      NaiveMemory.Page p = naive.pages.get(page);
      if (there && write && p != null) {
        // The guest's store breaks a share without changing the byte.
        int was = naive.read(page);
        int _ = naive.write(page, Math.max(0, was));
      }
      boolean may =
          p != null && (write ? (p.prot() & 2) != 0 : (p.prot() & 1) != 0) && naive.read(page) >= 0;
      assertThat(there).as(what()).isEqualTo(may);
    }

    private int peek(AddressSpace s, long page) {
      long e = s.access(page << 12, false);
      return e < 0 ? (int) e : host.raw().readByte(AddressSpace.frameOf(e) << 12);
    }

    private void look() {
      for (int i = 0; i < 6; i++) {
        long p = i < 4 ? page() : BASE + random.nextLong(2 * PAGES);
        int got = peek(space, p);
        assertThat(got).as("byte at %x, %s", p - BASE, what()).isEqualTo(naive.read(p));
      }
    }
  }
}
