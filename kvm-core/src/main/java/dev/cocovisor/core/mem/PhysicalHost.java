package dev.cocovisor.core.mem;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.DirectMap;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.sched.Choice;
import dev.cocovisor.api.sched.Place;
import dev.cocovisor.api.sched.PointKind;
import dev.cocovisor.api.sched.SchedulePoint;
import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Physical memory of one host: allocator, content, guards and direct map.
 *
 * <p>Thread-safe; guards are added and removed while platforms come and go, not during accesses.
 */
public final class PhysicalHost implements HostMemory, Place {
  private final FrameStore content;
  private final FrameAllocator allocator;
  private final KernelDirectMap directMap = new KernelDirectMap();
  private final UserFrames userFrames;
  private final long frames;
  private final long zeroPage;
  private final Pins pins = new Pins();
  private volatile PhysicalGuard[] guards = {};
  private volatile LongPredicate[] exporters = {};
  private volatile LongPredicate[] takers = {};

  /**
   * Creates memory of {@code frames} 4 KiB frames. Frame 0 is the kernel's page of zeros, which
   * reads of untouched anonymous memory share.
   */
  public PhysicalHost(long frames) {
    this(FrameAllocator.buddy(frames), new HugePool(Integer.MAX_VALUE), frames);
  }

  /** Creates memory whose frames another allocator hands out; as {@link #PhysicalHost(long)}. */
  public PhysicalHost(FrameAllocator allocator) {
    this(allocator, new HugePool(Integer.MAX_VALUE), Long.MAX_VALUE);
  }

  /**
   * As {@link #PhysicalHost(FrameAllocator)}, with a pool of pages for hugetlb memory.
   *
   * @param frames how many frames the allocator has; what wants more need not try
   */
  public PhysicalHost(FrameAllocator allocator, HugePool pool, long frames) {
    this.allocator = allocator;
    this.content = new FrameStore(frames);
    this.frames = frames;
    this.userFrames = new UserFrames(this, pool);
    zeroPage = allocator.allocate(0, 0);
  }

  @Override
  public long frames() {
    return frames;
  }

  /** Returns the frames behind user memory and who holds them. */
  public UserFrames userFrames() {
    return userFrames;
  }

  @Override
  public String placeName(long pfn) {
    return "frame 0x" + Long.toHexString(pfn);
  }

  /** Returns the frame of the shared page of zeros; it is never freed or written. */
  public long zeroPage() {
    return zeroPage;
  }

  @Override
  public PhysicalMemory raw() {
    return content;
  }

  @Override
  public long allocate(int order) {
    return allocate(order, 0);
  }

  /** Allocates from the cache of a CPU, so that CPUs do not meet on the zone's lock. */
  public long allocate(int order, int cpu) {
    return fails() ? NO_FRAME : allocator.allocate(order, cpu);
  }

  /** As {@link #allocate(int, int)}, from the nodes that a policy allows; null allows all. */
  public long allocate(int order, int cpu, @Nullable MemoryPolicy policy) {
    return policy == null
        ? allocate(order, cpu)
        : fails() ? NO_FRAME : policy.allocate(allocator, order, cpu);
  }

  /** Whether an explorer lets this allocation fail. */
  private boolean fails() {
    return SchedulePoint.choose(Choice.ALLOCATION, this, 2) != 0;
  }

  /** Returns the number of memory nodes. */
  public int nodes() {
    return allocator.nodes();
  }

  /** Returns the memory node a frame lies on. */
  public int nodeOf(long pfn) {
    return allocator.nodeOf(pfn);
  }

  /**
   * Gives a block back; frames of it that are pinned are freed with their last pin (folio_put).
   * Whoever frees is the last owner but the pins: a mapping, a file, a guest_memfd.
   */
  @Override
  public void free(long pfn, int order) {
    SchedulePoint.write(PointKind.FRAME, this, pfn);
    if (order == 0) {
      if (!pins.orphan(pfn)) {
        allocator.free(pfn, 0, 0);
      }
    } else if (pins.none(pfn, pfn + (1L << order))) {
      allocator.free(pfn, order, 0);
    } else {
      for (long p = pfn; p < pfn + (1L << order); p++) {
        free(p, 0);
      }
    }
  }

  /**
   * Keeps a frame, whatever becomes of what it belongs to, until {@link #unpin} (FOLL_LONGTERM).
   */
  public void pin(long pfn) {
    pins.pin(pfn);
  }

  /** Gives a pin back; the frame is freed if nothing else holds it. */
  public void unpin(long pfn) {
    if (pins.unpin(pfn)) {
      allocator.free(pfn, 0, 0);
    }
  }

  @Override
  public void get(long pfn) {
    pin(pfn);
  }

  @Override
  public void put(long pfn) {
    unpin(pfn);
  }

  /** Tells whether a frame of a range is pinned. */
  public boolean isPinned(long from, long to) {
    return !pins.none(from, to);
  }

  /** Reports every frame that is pinned and free. */
  public void checkInvariants(Consumer<String> violation) {
    pins.forEachPinned(pfn -> {
      if (isFree(pfn)) {
        violation.accept("frame 0x" + Long.toHexString(pfn) + " is pinned and free");
      }
    });
  }

  @Override
  public long allocatedFrames() {
    return allocator.allocated();
  }

  @Override
  public boolean isFree(long pfn) {
    return allocator.isFree(pfn);
  }

  @Override
  public void addGuard(PhysicalGuard guard) {
    PhysicalGuard[] now = Arrays.copyOf(guards, guards.length + 1);
    now[now.length - 1] = guard;
    guards = now;
  }

  @Override
  public void removeGuard(PhysicalGuard guard) {
    guards = Arrays.stream(guards).filter(g -> g != guard).toArray(PhysicalGuard[]::new);
  }

  /**
   * Adds somebody who may make a frame readable that its guard keeps from the host, encrypted or
   * emptied; asked before a host's access faults, after which the guards are asked again.
   */
  public void addExporter(LongPredicate exporter) {
    LongPredicate[] now = Arrays.copyOf(exporters, exporters.length + 1);
    now[now.length - 1] = exporter;
    exporters = now;
  }

  /** Removes an exporter. */
  public void removeExporter(LongPredicate exporter) {
    exporters = Arrays.stream(exporters).filter(e -> e != exporter).toArray(LongPredicate[]::new);
  }

  /** Adds somebody who may take a frame from a guest by force, for {@link #reach}. */
  public void addTaker(LongPredicate taker) {
    LongPredicate[] now = Arrays.copyOf(takers, takers.length + 1);
    now[now.length - 1] = taker;
    takers = now;
  }

  /** Removes a taker. */
  public void removeTaker(LongPredicate taker) {
    takers = Arrays.stream(takers).filter(t -> t != taker).toArray(LongPredicate[]::new);
  }

  /**
   * The kernel reaches for a frame through its own mapping, not by a copy from or to user space
   * that can fail: a frame that a guard keeps from it is taken back by force where its owner can do
   * that.
   *
   * @return false where the kernel would die of it
   */
  public boolean reach(long pfn, boolean write) {
    if (judge(Accessor.HOST_KERNEL, pfn, write) != Verdict.FAULT) {
      return true;
    }
    boolean any = false;
    for (LongPredicate t : takers) {
      any |= t.test(pfn);
    }
    return any;
  }

  /**
   * Judges an access that is made now: where a guard keeps a frame from the host, whoever owns it
   * may export it first. Source: {@code include/linux/mm.h}, arch_make_folio_accessible.
   */
  private Verdict judge(Accessor who, long pfn, boolean write) {
    Verdict v = check(who, pfn, write);
    return v == Verdict.FAULT && exporters.length != 0 && isHost(who) && exported(pfn)
        ? check(who, pfn, write)
        : v;
  }

  private static boolean isHost(Accessor who) {
    return switch (who.kind()) {
      case HOST_USER, HOST_KERNEL -> true;
      default -> false;
    };
  }

  private boolean exported(long pfn) {
    boolean any = false;
    for (LongPredicate e : exporters) {
      any |= e.test(pfn);
    }
    return any;
  }

  @Override
  public Verdict check(Accessor who, long pfn, boolean write) {
    Verdict worst = Verdict.ALLOW;
    for (PhysicalGuard g : guards) {
      Verdict v = g.check(who, pfn, write);
      if (severity(v) > severity(worst)) {
        worst = v;
      }
    }
    return worst;
  }

  private static int severity(Verdict v) {
    return switch (v) {
      case ALLOW -> 0;
      case CIPHER -> 1;
      case POISON -> 2;
      case FAULT -> 3;
    };
  }

  @Override
  public DirectMap directMap() {
    return directMap;
  }

  @Override
  public Errno read(Accessor who, long hpa, byte[] into, int offset, int length) {
    for (int done = 0; done < length; ) {
      long at = hpa + done;
      int n = Math.min(4096 - (int) (at & 4095), length - done);
      long pfn = at >>> PageLevel.PAGE_SHIFT;
      if (blockedByDirectMap(who, pfn)) {
        return Errno.EFAULT;
      }
      Verdict v = judge(who, pfn, false);
      if (v == Verdict.FAULT) {
        return Errno.EFAULT;
      }
      content.read(at, into, offset + done, n);
      if (v == Verdict.CIPHER) {
        for (int i = 0; i < n; i++) {
          into[offset + done + i] = (byte) (into[offset + done + i] ^ pad(at + i, who.key()));
        }
      }
      done += n;
    }
    return Errno.OK;
  }

  @Override
  public Errno write(Accessor who, long hpa, byte[] from, int offset, int length) {
    for (int done = 0; done < length; ) {
      long at = hpa + done;
      int n = Math.min(4096 - (int) (at & 4095), length - done);
      Verdict v = judge(who, at >>> PageLevel.PAGE_SHIFT, true);
      if (v == Verdict.FAULT || blockedByDirectMap(who, at >>> PageLevel.PAGE_SHIFT)) {
        return Errno.EFAULT;
      }
      if (v == Verdict.CIPHER) {
        for (int i = 0; i < n; i++) {
          content.writeByte(at + i, from[offset + done + i] ^ pad(at + i, who.key()));
        }
      } else {
        content.write(at, from, offset + done, n);
      }
      done += n;
    }
    return Errno.OK;
  }

  /**
   * Reads one byte through the guards.
   *
   * @return 0 to 255, or -1 where a guard faults
   */
  public int readByte(Accessor who, long hpa) {
    Verdict v = judge(who, hpa >>> PageLevel.PAGE_SHIFT, false);
    if (v == Verdict.FAULT || blockedByDirectMap(who, hpa >>> PageLevel.PAGE_SHIFT)) {
      return -1;
    }
    int b = content.readByte(hpa);
    return v == Verdict.CIPHER ? b ^ pad(hpa, who.key()) : b;
  }

  /** Writes one byte through the guards; false where one faults. */
  public boolean writeByte(Accessor who, long hpa, int value) {
    Verdict v = judge(who, hpa >>> PageLevel.PAGE_SHIFT, true);
    if (v == Verdict.FAULT || blockedByDirectMap(who, hpa >>> PageLevel.PAGE_SHIFT)) {
      return false;
    }
    content.writeByte(hpa, v == Verdict.CIPHER ? value ^ pad(hpa, who.key()) : value);
    return true;
  }

  private boolean blockedByDirectMap(Accessor who, long pfn) {
    return who.kind() == Accessor.Kind.HOST_KERNEL && !directMap.isPresent(pfn);
  }

  /**
   * What lies between the content and its view under a key, as a byte to be xored: it depends on
   * place and key alone and is never zero, so a byte never shows as it is.
   */
  private static int pad(long hpa, int key) {
    long x = (hpa * 0x9e3779b97f4a7c15L) ^ (key * 0xc2b2ae3d27d4eb4fL);
    int b = (int) (((x ^ (x >>> 29)) * 0xbf58476d1ce4e5b9L) >>> 40) & 0xff;
    return b == 0 ? 0xa5 : b;
  }
}
