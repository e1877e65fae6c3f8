package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.TdParams;
import java.util.List;

/**
 * The {@code KVM_TDX_*} commands, from an empty VM to a TD that can run.
 *
 * <p>Every command has {@code flags} and {@code hw_error}; the latter must be zero and comes back
 * with the status of the SEAMCALL that failed. Source: {@code arch/x86/kvm/vmx/tdx.c},
 * tdx_vm_ioctl, tdx_vcpu_ioctl, tdx_td_init, tdx_td_vcpu_init, tdx_td_finalize;
 * KVM_TDX_INIT_MEM_REGION is in {@link MemRegion}.
 */
final class TdBuild {
  private static final long KNOWN_ATTRIBUTES = TdParams.SEPT_VE_DISABLE | 1L << 63;
  private static final long KNOWN_XFAM = 0x61be7L;
  private static final long XFAM_ALWAYS = 3;
  private static final int MAX_CPUID = 256;
  private static final long ADDRESS_LEAF = 0x80000008L;
  private static final int DEFAULT_VCPUS = 8;

  /** 2 GHz in units of 25 MHz. */
  private static final int TSC = 80;

  private final TdxVm td;
  private final MemRegion region;
  private List<Object> cpuid = List.of();

  TdBuild(TdxVm td) {
    this.td = td;
    region = new MemRegion(td);
  }

  static long no(Errno e) {
    return -e.number();
  }

  long vmCommand(VendorCommand c) {
    if (c.in().number("hw_error", 0) != 0) {
      return no(Errno.EINVAL);
    }
    td.vm().kvmLock().lock();
    try {
      return switch (c.name()) {
        case "KVM_TDX_CAPABILITIES" -> capabilities(c);
        case "KVM_TDX_INIT_VM" -> initVm(c);
        case "KVM_TDX_FINALIZE_VM" -> finish(c);
        default -> no(Errno.EINVAL);
      };
    } finally {
      td.vm().kvmLock().unlock();
    }
  }

  long vcpuCommand(VcpuContext vcpu, VendorCommand c) {
    if (c.in().number("hw_error", 0) != 0) {
      return no(Errno.EINVAL);
    }
    return switch (c.name()) {
      case "KVM_TDX_INIT_VCPU" -> initVcpu(vcpu, c);
      case "KVM_TDX_INIT_MEM_REGION" -> region.add(vcpu, c);
      case "KVM_TDX_GET_CPUID" -> getCpuid(vcpu, c);
      default -> no(Errno.EINVAL);
    };
  }

  static long hardware(VendorCommand c, long status, Errno errno) {
    c.out().put("hw_error", status);
    return no(errno);
  }

  private long capabilities(VendorCommand c) {
    if (c.in().number("flags", 0) != 0) {
      return no(Errno.EINVAL);
    }
    c.out().put("supported_attrs", KNOWN_ATTRIBUTES).put("supported_xfam", KNOWN_XFAM);
    if (c.in().has("nent") && c.in().number("nent") < 1) {
      return no(Errno.E2BIG);
    }
    return 0;
  }

  // ---- KVM_TDX_INIT_VM

  private long initVm(VendorCommand c) {
    Fields in = c.in();
    if (td.state != TdxVm.State.UNINITIALIZED
        || in.number("flags", 0) != 0
        || in.number("reserved", 0) != 0) {
      return no(Errno.EINVAL);
    }
    List<Object> entries = in.list("cpuid");
    if (entries.size() > MAX_CPUID) {
      return no(Errno.E2BIG);
    }
    if (!td.vm().vcpus().isEmpty()) {
      return no(Errno.EBUSY);
    }
    long attributes = in.number("attributes", 0);
    long xfam = in.number("xfam", XFAM_ALWAYS);
    if ((attributes & ~KNOWN_ATTRIBUTES) != 0
        || (xfam & ~KNOWN_XFAM) != 0
        || (xfam & XFAM_ALWAYS) != XFAM_ALWAYS) {
      return no(Errno.EINVAL);
    }
    int width = guestWidth(entries);
    // The width is also a setting of the host here, because the shared bit is fixed when the VM is
    // made; asking for another one is refused like an unsupported one.
    if (width != td.platform().width()) {
      return no(Errno.EINVAL);
    }
    int vcpus = (int) in.number("max_vcpus", DEFAULT_VCPUS);
    int levels = width == 52 ? 5 : 4;
    TdParams params =
        new TdParams(attributes, xfam, vcpus, 0, 6 | (levels - 1L) << 3, width == 52 ? 1 : 0, TSC);
    int hkid = td.platform().hkids().take();
    if (hkid < 0) {
      return no(Errno.ENOSPC);
    }
    long result = create(c, hkid, params);
    if (result < 0) {
      undo(hkid);
      return result;
    }
    cpuid = entries;
    td.state = TdxVm.State.INITIALIZED;
    return 0;
  }

  /** Finds the guest's address width in CPUID leaf 0x80000008, EAX 23:16. */
  private static int guestWidth(List<Object> entries) {
    for (Object o : entries) {
      if (o instanceof Fields e && e.number("function", -1) == ADDRESS_LEAF) {
        int width = (int) (e.number("eax", 0) >>> 16) & 0xff;
        return width == 48 || width == 52 ? width : -1;
      }
    }
    return -1;
  }

  private long create(VendorCommand c, int hkid, TdParams params) {
    long tdr = frame();
    if (tdr < 0) {
      return no(Errno.ENOMEM);
    }
    long s = td.seam().call(SeamCall.MNG_CREATE, tdr << 12, hkid, 0, 0);
    if (s != 0) {
      td.vm().host().memory().free(tdr, 0);
      return hardware(c, s, SeamStatus.RND_NO_ENTROPY.is(s) ? Errno.EAGAIN : Errno.EIO);
    }
    td.tdr = tdr << 12;
    td.hkid = hkid;
    s = td.seam().call(SeamCall.MNG_KEY_CONFIG, td.tdr, 0, 0, 0);
    if (s != 0) {
      return hardware(c, s, Errno.EIO);
    }
    while (td.tdcxCount < td.tdcx.length) {
      long page = frame();
      if (page < 0) {
        return no(Errno.ENOMEM);
      }
      s = td.seam().call(SeamCall.MNG_ADDCX, page << 12, td.tdr, 0, 0);
      if (s != 0) {
        td.vm().host().memory().free(page, 0);
        return hardware(c, s, Errno.EIO);
      }
      td.tdcx[td.tdcxCount++] = page;
    }
    long at = frame();
    if (at < 0) {
      return no(Errno.ENOMEM);
    }
    byte[] raw = params.toBytes();
    td.vm().host().memory().raw().write(at << 12, raw, 0, raw.length);
    s = td.seam().call(SeamCall.MNG_INIT, td.tdr, at << 12, 0, 0);
    td.vm().host().memory().raw().zero(at, 1);
    td.vm().host().memory().free(at, 0);
    if (s == 0) {
      return 0;
    }
    return hardware(c, s, SeamStatus.OPERAND_INVALID.is(s) ? Errno.EINVAL : Errno.EIO);
  }

  /** Takes a failed creation back, so that the VM can be tried again or destroyed. */
  private void undo(int hkid) {
    if (td.hkid < 0) {
      td.platform().hkids().give(hkid);
      return;
    }
    Teardown teardown = new Teardown(td);
    teardown.releaseHkid();
    teardown.freeTd();
  }

  private long frame() {
    long pfn = td.vm().host().memory().allocate(0);
    if (pfn == HostMemory.NO_FRAME) {
      return -1;
    }
    td.vm().host().memory().raw().zero(pfn, 1);
    return pfn;
  }

  // ---- KVM_TDX_INIT_VCPU

  private long initVcpu(VcpuContext vcpu, VendorCommand c) {
    TdxVcpu v = TdxVm.vcpu(vcpu);
    if (c.in().number("flags", 0) != 0 || v.initialized || td.state != TdxVm.State.INITIALIZED) {
      return no(Errno.EINVAL);
    }
    td.vm().kvmLock().lock();
    try {
      v.lp = td.seam().newProcessor();
    } finally {
      td.vm().kvmLock().unlock();
    }
    SeamCalls seam = new SeamCalls(td.platform().module(), v.lp);
    v.seam = seam;
    long page = frame();
    if (page < 0) {
      return no(Errno.ENOMEM);
    }
    long s = td.seam().call(SeamCall.VP_CREATE, page << 12, td.tdr, 0, 0);
    if (s != 0) {
      td.vm().host().memory().free(page, 0);
      return hardware(c, s, Errno.EIO);
    }
    v.tdvpr = page << 12;
    while (v.tdcxCount < v.tdcx.length) {
      page = frame();
      if (page < 0) {
        return no(Errno.ENOMEM);
      }
      s = td.seam().call(SeamCall.VP_ADDCX, page << 12, v.tdvpr, 0, 0);
      if (s != 0) {
        td.vm().host().memory().free(page, 0);
        return hardware(c, s, Errno.EIO);
      }
      v.tdcx[v.tdcxCount++] = page;
    }
    s = seam.vpInit(v.tdvpr, c.in().number("data", 0));
    td.seam().made(SeamCall.VP_INIT, v.tdvpr, s);
    if (s != 0) {
      return hardware(c, s, Errno.EIO);
    }
    v.initialized = true;
    return 0;
  }

  // ---- the rest

  private long finish(VendorCommand c) {
    if (!td.hasHkid() || td.state != TdxVm.State.INITIALIZED || !td.premapped().isEmpty()) {
      return no(Errno.EINVAL);
    }
    long s = td.seam().call(SeamCall.MR_FINALIZE, td.tdr, 0, 0, 0);
    if (s != 0) {
      return hardware(c, s, SeamStatus.OPERAND_BUSY.is(s) ? Errno.EBUSY : Errno.EIO);
    }
    td.state = TdxVm.State.RUNNABLE;
    return 0;
  }

  private long getCpuid(VcpuContext vcpu, VendorCommand c) {
    if (c.in().number("flags", 0) != 0 || !TdxVm.vcpu(vcpu).initialized) {
      return no(Errno.EINVAL);
    }
    c.out().put("nent", cpuid.size());
    if (c.in().number("nent", MAX_CPUID) < cpuid.size()) {
      return no(Errno.E2BIG);
    }
    c.out().putAny("cpuid", cpuid);
    return 0;
  }
}
