package dev.cocovisor.snp.kvm;

import static dev.cocovisor.api.PageLevel.PAGE_SHIFT;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.snp.kvm.SevSettings.Migration;
import java.util.BitSet;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Which pages a SEV guest shares with its host, for live migration: three designs.
 *
 * <p><b>bitmap</b>, the 2020 series in its sixth revision: KVM keeps a bit a gfn, 1 = encrypted and
 * the default. A hypercall of the guest sets and clears, and grows the bitmap to whatever gfn it
 * names; slots grow it too. GET reads (bits past the end are 1), SET only clears, RESET fills. The
 * feature bit is always there. (The sixth revision's SET also read the user's bitmap at the wrong
 * index for a start other than 0; that slip is not reproduced.)
 *
 * <p><b>cap</b>, what its reviewer asked for: KVM_ENABLE_CAP decides whether the feature is offered
 * at all and how many pages the bitmap has, no RESET, SET installs exactly what it is given and
 * with a null pointer resets, GET wants a start that is a multiple of 8.
 *
 * <p><b>merged</b>, 5.14: nothing here. The hypercall ends in user space and so does the MSR.
 *
 * <p>Sources: review of "KVM: x86: Introduce KVM_PAGE_ENC_BITMAP_RESET ioctl" v6, 10 April 2020;
 * {@code arch/x86/kvm/x86.c}, kvm_emulate_hypercall.
 */
public final class EncBitmap {
  /** KVM_HC_PAGE_ENC_STATUS, later KVM_HC_MAP_GPA_RANGE. */
  public static final long HYPERCALL = 12;

  /** MSR by which the guest says that it will make the hypercall, sixth revision. */
  public static final long MSR_V6 = 0x4b56_4d06L;

  /** The same from the seventh revision on; merged as MSR_KVM_MIGRATION_CONTROL. */
  public static final long MSR = 0x4b56_4d08L;

  /** KVM_FEATURE_SEV_LIVE_MIGRATION of the sixth revision. */
  public static final int FEATURE_V6 = 14;

  /** KVM_FEATURE_HC_MAP_GPA_RANGE. */
  public static final int FEATURE_HC_MAP_GPA_RANGE = 16;

  /** KVM_FEATURE_MIGRATION_CONTROL. */
  public static final int FEATURE_MIGRATION_CONTROL = 17;

  /** The capability of the reviewer's variant; it never had a number, so this one is free. */
  public static final int CAP_PAGE_ENC_BITMAP = 0x10000;

  private static final long KVM_ENOSYS = 1000;

  /** What a kernel can allocate for one bitmap: 256 MiB of it, guests of 8 TiB. */
  private static final long MAX_PAGES = Integer.MAX_VALUE;

  /** What one GET or SET can copy: kmalloc gives 4 MiB, pages. */
  private static final long MAX_COPY = (4L << 20) * 8;

  private final SevVm sev;

  /**
   * Of its own: the guest's hypercall comes with its vCPU's mutex held, under which kvm->lock may
   * not be taken, as the series did (Documentation/virt/kvm/locking.rst).
   */
  private final ModelLock lock = new ModelLock("sev page_enc_bmap");

  private final Migration design;

  /** Pages that are not encrypted; the rest, and all beyond, is. */
  private final BitSet shared = new BitSet();

  private long size;
  private boolean offered;
  private boolean guestReady;

  EncBitmap(SevVm sev) {
    this.sev = sev;
    this.design = sev.platform().settings().migration();
    this.offered = design == Migration.BITMAP;
  }

  /** Returns the KVM feature bits (CPUID 4000_0001 EAX) this design offers the guest. */
  public long features() {
    return switch (design) {
      case MERGED -> 1L << FEATURE_HC_MAP_GPA_RANGE | 1L << FEATURE_MIGRATION_CONTROL;
      case BITMAP -> 1L << FEATURE_V6;
      case CAP -> offered ? 1L << FEATURE_V6 : 0;
    };
  }

  /** Tells whether the guest has said that it takes part. */
  public boolean guestReady() {
    return guestReady;
  }

  /** Returns how many pages the bitmap covers. */
  public long size() {
    return size;
  }

  Errno enableCap(int cap, long flags, long pages) {
    if (cap != CAP_PAGE_ENC_BITMAP || design != Migration.CAP || flags != 0) {
      return Errno.EINVAL;
    }
    if (pages < 0 || pages > MAX_PAGES) {
      return Errno.ENOMEM;
    }
    lock.lock();
    try {
      offered = pages != 0;
      size = pages;
      shared.clear((int) pages, Integer.MAX_VALUE);
    } finally {
      lock.unlock();
    }
    return Errno.OK;
  }

  void slotsChanged(@Nullable SlotView now) {
    // Hot-plugged memory makes room; memory that goes leaves the bitmap as it is.
    if (design == Migration.BITMAP && now != null) {
      lock.lock();
      try {
        var _ = grow(now.endGfn());
      } finally {
        lock.unlock();
      }
    }
  }

  private boolean grow(long pages) {
    if (pages < 0 || pages > MAX_PAGES) {
      return false;
    }
    size = Math.max(size, pages);
    return true;
  }

  @Nullable RunResult hypercall(VcpuContext vcpu, long nr, long[] args) {
    if (nr != HYPERCALL || design == Migration.MERGED) {
      return null;
    }
    Errno r = sev.pageEncStatusHc(vcpu, args[0], args[1], args[2] != 0);
    return RunResult.ok(new Exit.Hlt(r == Errno.ENOSYS ? -KVM_ENOSYS : -r.number()));
  }

  /** Carries out a guest's CPUID of KVM's feature leaf: {@code guest_cpuid(vcpu, {})}. */
  RunResult cpuid() {
    return RunResult.ok(new Exit.Vendor(5, "KVM_EXIT_HLT", new Fields().put("rax", features())));
  }

  /** Carries out a guest's WRMSR: {@code guest_wrmsr(vcpu, {msr, value})}. */
  RunResult wrmsr(GuestAction.Vendor action) {
    long msr = action.fields().number("msr");
    long value = action.fields().number("value");
    boolean known = design == Migration.MERGED ? msr == MSR : msr == MSR_V6 || msr == MSR;
    if (!known || (value & ~1L) != 0 || (design == Migration.CAP && !offered)) {
      return RunResult.ok(new Exit.Vendor(5, "KVM_EXIT_HLT", new Fields().put("fault", "#GP")));
    }
    guestReady = value != 0;
    if (design == Migration.MERGED) {
      // KVM filters the MSR to user space, which alone keeps the list of shared pages.
      return RunResult.ok(
          new Exit.Vendor(
              30, "KVM_EXIT_X86_WRMSR", new Fields().put("index", msr).put("data", value)));
    }
    return RunResult.ok(new Exit.Hlt(-1));
  }

  Errno pageEncStatus(long gpa, long npages, boolean encrypted) {
    if (!offered) {
      return Errno.ENOSYS;
    }
    if (!sev.info().active) {
      return Errno.EINVAL;
    }
    if (npages == 0) {
      return Errno.OK;
    }
    long gfn = gpa >>> PAGE_SHIFT;
    long end = gfn + npages;
    if (Long.compareUnsigned(end, gfn) <= 0) {
      return Errno.EINVAL;
    }
    lock.lock();
    try {
      if (design == Migration.CAP ? end < 0 || end > size : !grow(end)) {
        return design == Migration.CAP ? Errno.EINVAL : Errno.ENOMEM;
      }
      shared.set((int) gfn, (int) end, !encrypted);
      return Errno.OK;
    } finally {
      lock.unlock();
    }
  }

  private Errno refused() {
    return design == Migration.MERGED || !sev.info().active
        ? Errno.ENOTTY
        : offered ? Errno.OK : Errno.EINVAL;
  }

  Errno get(long start, long npages, long[] into) {
    Errno r = refused();
    if (!r.ok()) {
      return r;
    }
    if (start < 0
        || npages < 0
        || start + npages < start
        || npages > into.length * 64L
        || (design == Migration.CAP && (start & 7) != 0)) {
      return Errno.EINVAL;
    }
    lock.lock();
    try {
      for (long i = 0; i < npages; i++) {
        long gfn = start + i;
        boolean encrypted = gfn >= size || !shared.get((int) gfn);
        long bit = 1L << i;
        int w = (int) (i >>> 6);
        into[w] = encrypted ? into[w] | bit : into[w] & ~bit;
      }
      return Errno.OK;
    } finally {
      lock.unlock();
    }
  }

  Errno set(long start, long npages, long[] from) {
    Errno r = refused();
    if (!r.ok()) {
      return r;
    }
    if (design == Migration.CAP && from.length == 0) {
      return fill();
    }
    if (start < 0 || npages < 0 || start + npages < start || npages > from.length * 64L) {
      return Errno.EINVAL;
    }
    lock.lock();
    try {
      if (design == Migration.CAP ? start + npages > size : !grow(start + npages)) {
        return design == Migration.CAP ? Errno.EINVAL : Errno.ENOMEM;
      }
      for (long i = 0; i < npages; i++) {
        boolean encrypted = (from[(int) (i >>> 6)] & 1L << i) != 0;
        if (!encrypted || design == Migration.CAP) {
          shared.set((int) (start + i), !encrypted);
        }
      }
      return Errno.OK;
    } finally {
      lock.unlock();
    }
  }

  Errno reset() {
    // The reviewer's variant has no such ioctl: SET with a null pointer does it.
    return design != Migration.BITMAP || !sev.info().active ? Errno.ENOTTY : fill();
  }

  private Errno fill() {
    lock.lock();
    try {
      shared.clear();
      return Errno.OK;
    } finally {
      lock.unlock();
    }
  }

  long ioctl(VendorCommand c) {
    return switch (c.name()) {
      case "KVM_GET_PAGE_ENC_BITMAP" -> getIoctl(c);
      case "KVM_SET_PAGE_ENC_BITMAP" -> setIoctl(c);
      case "KVM_PAGE_ENC_BITMAP_RESET" -> -sev.resetPageEncBitmap().number();
      default -> -Errno.ENOTTY.number();
    };
  }

  private long getIoctl(VendorCommand c) {
    long npages = c.in().number("num_pages", 0);
    Errno refused = refused();
    if (!refused.ok()) {
      return -refused.number();
    }
    if (npages < 0 || npages > MAX_COPY) {
      return -Errno.ENOMEM.number();
    }
    long[] words = new long[(int) ((npages + 63) / 64)];
    Errno r = sev.getPageEncBitmap(c.in().number("start_gfn", 0), npages, words);
    if (!r.ok()) {
      return -r.number();
    }
    byte[] bytes = new byte[(int) ((npages + 7) / 8)];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (words[i / 8] >>> (i % 8 * 8));
    }
    c.out().put("enc_bitmap", HexFormat.of().formatHex(bytes));
    return 0;
  }

  private long setIoctl(VendorCommand c) {
    long npages = c.in().number("num_pages", 0);
    Errno refused = refused();
    if (!refused.ok()) {
      return -refused.number();
    }
    if (npages < 0 || npages > MAX_COPY) {
      return -Errno.ENOMEM.number();
    }
    String text = c.in().text("enc_bitmap", "0");
    if (text.equals("0") || text.equals("NULL")) {
      return design == Migration.CAP
          ? -sev.setPageEncBitmap(0, 0, new long[0]).number()
          : -Errno.EFAULT.number();
    }
    byte[] bytes;
    try {
      bytes = HexFormat.of().parseHex(text);
    } catch (IllegalArgumentException e) {
      return -Errno.EFAULT.number();
    }
    if (bytes.length * 8L < npages) {
      return -Errno.EFAULT.number();
    }
    long[] words = new long[bytes.length / 8 + 1];
    for (int i = 0; i < bytes.length; i++) {
      words[i / 8] |= (bytes[i] & 0xffL) << (i % 8 * 8);
    }
    return -sev.setPageEncBitmap(c.in().number("start_gfn", 0), npages, words).number();
  }
}
