package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.TdParams;
import java.util.List;

/**
 * KVM_TDX_INIT_VM: from an empty VM to a TD that can be built.
 *
 * <p>Parameters are checked before anything is taken, then the HKID, then every page; the module
 * comes last. Only a status that blames the user's parameters is given back; every other failure is
 * the host's bug, except that entropy may be out. Source: Linux 7.3, {@code
 * arch/x86/kvm/vmx/tdx.c}, tdx_td_init, setup_tdparams, setup_tdparams_eptp_controls,
 * __tdx_td_init.
 */
final class TdInit {
  /** What KVM lets be set of TD_PARAMS.ATTRIBUTES. */
  static final long SUPPORTED_ATTRIBUTES = TdParams.SEPT_VE_DISABLE;

  /** Extended features of the model's processor. */
  static final long SUPPORTED_XFAM = 0x61be7L;

  /** x87 and SSE: every TD has them, asked for or not (xfam_fixed1). */
  private static final long XFAM_ALWAYS = 3;

  private static final int MAX_CPUID = 256;
  private static final long ADDRESS_LEAF = 0x80000008L;

  /** CONFIG_FLAGS: the TD's addresses have 52 bits; VP.VMCALL leaves RBP alone. */
  private static final long MAX_GPAW = 1;

  private static final long NO_RBP_MOD = 1L << 2;
  private static final long WRITE_BACK = 6;

  /** TD_PARAMS tells the time stamp counter's frequency in units of 25 MHz. */
  private static final int KHZ = 25_000;

  private final TdxVm td;
  private List<Object> cpuid = List.of();

  TdInit(TdxVm td) {
    this.td = td;
  }

  long run(VendorCommand c) {
    Fields in = c.in();
    if (td.state != TdxVm.State.UNINITIALIZED) {
      return td.no(Errno.EINVAL, "the TD is initialized");
    }
    if (in.number("flags", 0) != 0) {
      return td.no(Errno.EINVAL, "flags are reserved");
    }
    if (TdCommands.unreadable(td, c)) {
      return td.no(Errno.EFAULT, TdCommands.NO_STRUCTURE);
    }
    List<Object> entries = in.list("cpuid");
    if (entries.size() > MAX_CPUID) {
      return td.no(Errno.E2BIG, "more than 256 CPUID entries");
    }
    if (in.number("reserved", 0) != 0 || in.number("padding", 0) != 0) {
      return td.no(Errno.EINVAL, "reserved bytes are set");
    }
    Errno r = check(in, entries);
    if (!r.ok()) {
      return TdxVm.failed(r);
    }
    cpuid = entries;
    long result = create(c, params(in));
    if (result == 0) {
      td.state = TdxVm.State.INITIALIZED;
    }
    return result;
  }

  /** Checks what the user asked for, in the order of setup_tdparams. */
  private Errno check(Fields in, List<Object> entries) {
    if (!td.vm().vcpus().isEmpty()) {
      return td.refuse(Errno.EBUSY, "the VM has vCPUs");
    }
    if ((in.number("attributes", 0) & ~SUPPORTED_ATTRIBUTES) != 0) {
      return td.refuse(Errno.EINVAL, "an attribute KVM does not support");
    }
    if ((in.number("xfam", 0) & ~SUPPORTED_XFAM) != 0) {
      return td.refuse(Errno.EINVAL, "an extended feature the host does not support");
    }
    int width = guestWidth(entries);
    if (width < 0) {
      return td.refuse(Errno.EINVAL, "CPUID 0x80000008 says neither 48 nor 52 address bits");
    }
    // The width is also a setting of the host here, because the shared bit is fixed when the VM is
    // made; another one is refused as on a host whose EPT has too few levels.
    if (width != td.platform().width()) {
      return td.refuse(
          Errno.EINVAL, "the host has TDs of " + td.platform().width() + " address bits");
    }
    String wrong = TdCpuid.check(entries);
    return wrong == null ? Errno.OK : td.refuse(Errno.EINVAL, wrong);
  }

  /** Finds the guest's address width in CPUID leaf 0x80000008, EAX 23:16; -1 for none. */
  private static int guestWidth(List<Object> entries) {
    Fields e = TdCpuid.find(entries, ADDRESS_LEAF, 0);
    int width = e == null ? -1 : (int) (e.number("eax", 0) >>> 16) & 0xff;
    return width == 48 || width == 52 ? width : -1;
  }

  private TdParams params(Fields in) {
    boolean wide = td.platform().width() == 52;
    return new TdParams(
        in.number("attributes", 0),
        in.number("xfam", 0) | XFAM_ALWAYS,
        td.maxVcpus(),
        0,
        WRITE_BACK | (td.rootLevel() - 1L) << 3,
        wide ? NO_RBP_MOD | MAX_GPAW : NO_RBP_MOD,
        (int) (td.vm().tscKhz() / KHZ));
  }

  private long create(VendorCommand c, TdParams params) {
    int hkid = td.platform().hkids().take();
    if (hkid < 0) {
      return td.no(Errno.ENOSPC, "HKIDs are used up");
    }
    ControlPages pages = new ControlPages(td, td.tdcx.length + 1);
    if (!pages.complete()) {
      td.platform().hkids().give(hkid);
      return td.no(Errno.ENOMEM, "no page for the TD's control structures");
    }
    long tdr = pages.take();
    long s = td.seam().call(SeamCall.MNG_CREATE, tdr, hkid, 0, 0);
    if (s != 0) {
      pages.giveBackWith(tdr);
      td.platform().hkids().give(hkid);
      return entropy(s) ? again() : bug(s, SeamCall.MNG_CREATE);
    }
    td.tdr = tdr;
    td.hkid = hkid;
    long r = configure(c, pages, params);
    if (r < 0) {
      // What was not added goes back, then the TD ends as any other does.
      pages.giveBack();
      td.teardown().releaseHkid();
      td.teardown().freeTd();
    }
    return r;
  }

  private long configure(VendorCommand c, ControlPages pages, TdParams params) {
    long s = td.seam().call(SeamCall.MNG_KEY_CONFIG, td.tdr, 0, 0, 0);
    if (s != 0) {
      return bug(s, SeamCall.MNG_KEY_CONFIG);
    }
    while (td.tdcxCount < td.tdcx.length) {
      s = td.seam().call(SeamCall.MNG_ADDCX, pages.peek(), td.tdr, 0, 0);
      if (s != 0) {
        return entropy(s) ? again() : bug(s, SeamCall.MNG_ADDCX);
      }
      td.tdcx[td.tdcxCount++] = pages.take() >>> PageLevel.PAGE_SHIFT;
    }
    return initialize(c, params);
  }

  private long initialize(VendorCommand c, TdParams params) {
    long at = td.vm().host().memory().allocate(0);
    if (at < 0) {
      return td.no(Errno.ENOMEM, "no page for TD_PARAMS");
    }
    byte[] raw = params.toBytes();
    TdCpuid.put(cpuid, raw);
    td.vm().host().memory().raw().write(at << PageLevel.PAGE_SHIFT, raw, 0, raw.length);
    long s = td.seam().call(SeamCall.MNG_INIT, td.tdr, at << PageLevel.PAGE_SHIFT, 0, 0);
    td.vm().host().memory().raw().zero(at, 1);
    td.vm().host().memory().free(at, 0);
    if (SeamStatus.OPERAND_INVALID.is(s)) {
      c.out().put("hw_error", s);
      return td.no(Errno.EINVAL, "TDH.MNG.INIT: " + SeamStatus.describe(s));
    }
    return s == 0 ? 0 : bug(s, SeamCall.MNG_INIT);
  }

  private static boolean entropy(long status) {
    return SeamStatus.RND_NO_ENTROPY.is(status);
  }

  private long again() {
    return td.no(Errno.EAGAIN, "the module's random generator gave nothing");
  }

  private long bug(long status, SeamCall call) {
    td.bugOn(status, call);
    return TdxVm.failed(Errno.EIO);
  }
}
