package dev.cocovisor.tdx.seamlog;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.tdx.module.TdxModule;
import dev.cocovisor.tdx.module.abi.PlatformConfig;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.pamt.Pamt;
import dev.cocovisor.tdx.module.td.Td;
import dev.cocovisor.tdx.module.td.TdParams;
import dev.cocovisor.tdx.module.td.Tdvps;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The platform of the recordings: one TDMR of 2 GiB, four processors, two TDs with two vCPUs each
 * at fixed addresses.
 */
final class RecordedMachine {
  static final int TDS = 2;
  static final int VCPUS = 2;
  static final int PROCESSORS = 4;

  private static final long TDMR_BASE = 0x40000000L;
  private static final long TDMR_END = 0xc0000000L;
  private static final long TD_STRIDE = 0x40000L;
  private static final long VCPU_STRIDE = 0x10000L;
  private static final long PARAMS = 0x100000L;
  private static final long SOURCES = 0x200000L;
  private static final int SOURCE_PAGES = 16;
  private static final int FIRST_HKID = 0x20;

  final PhysicalMemory memory = new SparseMemory();
  final Pamt pamt = new Pamt(TDMR_BASE, TDMR_END);
  final TdxModule module =
      new TdxModule(PlatformConfig.standard(PROCESSORS), memory, List.of(pamt));
  private final Registers r = new Registers();

  RecordedMachine() {
    byte[] page = new byte[4096];
    for (int k = 0; k < SOURCE_PAGES; k++) {
      for (int j = 0; j < page.length; j++) {
        page[j] = (byte) (k * 37 + j * 11 + (j >> 8) * 7);
      }
      memory.write(SOURCES + k * 4096L, page, 0, page.length);
    }
  }

  static long tdr(int td) {
    return TDMR_BASE + td * TD_STRIDE;
  }

  static long tdvpr(int td, int vcpu) {
    return tdr(td) + (vcpu + 1) * VCPU_STRIDE;
  }

  @Nullable Td td(int i) {
    return module.td(tdr(i));
  }

  @Nullable Tdvps vcpu(int td, int vcpu) {
    return module.vcpu(tdvpr(td, vcpu));
  }

  /** Writes TD_PARAMS. */
  void params(long hpa, TdParams params) {
    byte[] raw = params.toBytes();
    memory.write(hpa, raw, 0, raw.length);
  }

  /** Makes the calls the recording made before each ordinary program. */
  void setUp(int levels, int gpaw, int septVeDisable) {
    for (int i = 0; i < TDS; i++) {
      long t = tdr(i);
      long at = PARAMS + i * 0x1000L;
      long attributes = septVeDisable != 0 ? TdParams.SEPT_VE_DISABLE : 0;
      params(at, new TdParams(attributes, 3, 8, 0, 6 | (levels - 1L) << 3, gpaw, 80));
      call(SeamCall.MNG_CREATE, 0, t, FIRST_HKID + i);
      call(SeamCall.MNG_KEY_CONFIG, 0, t, 0);
      for (int k = 1; k <= 6; k++) {
        call(SeamCall.MNG_ADDCX, 0, t + k * 0x1000L, t);
      }
      call(SeamCall.MNG_INIT, 0, t, at);
      for (int v = 0; v < VCPUS; v++) {
        long p = tdvpr(i, v);
        call(SeamCall.VP_CREATE, 0, p, t);
        for (int k = 1; k <= 5; k++) {
          call(SeamCall.VP_ADDCX, 0, p + k * 0x1000L, p);
        }
        call(SeamCall.VP_INIT, 1 + v, p, 0);
      }
    }
    for (int v = 0; v < VCPUS; v++) {
      call(SeamCall.VP_FLUSH, 1 + v, tdvpr(1, v), 0);
    }
  }

  private void call(SeamCall leaf, int lp, long rcx, long rdx) {
    r.clear();
    r.rax = leaf.leaf();
    r.rcx = rcx;
    r.rdx = rdx;
    long s = module.seamcall(lp, r);
    if (s != 0) {
      throw new IllegalStateException(leaf.callName() + ": " + SeamStatus.describe(s));
    }
  }
}
