package dev.cocovisor.tdx.module.call;

import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.sept.SeptEntry;
import dev.cocovisor.tdx.module.sept.SeptState;
import dev.cocovisor.tdx.module.td.Mrtd;
import dev.cocovisor.tdx.module.td.Td;

/**
 * The measurement of a build: MR.EXTEND and MR.FINALIZE.
 *
 * <p>Source: TDX module 1.5.01, {@code tdh_mr_extend.c}, {@code tdh_mr_finalize.c}.
 */
final class MeasureCalls {
  private final Checks checks;
  private final PhysicalMemory memory;

  MeasureCalls(Checks checks, PhysicalMemory memory) {
    this.checks = checks;
    this.memory = memory;
  }

  long extend(Frame f, Registers r) {
    long s = checks.beginAlone(f, r, SeamCall.MR_EXTEND);
    if (s != 0) {
      return s;
    }
    long gpa = f.rcx;
    Td td = f.td();
    if ((gpa & (Mrtd.CHUNK - 1)) != 0 || !checks.privateGpa(td, gpa)) {
      return SeamStatus.OPERAND_INVALID.with(Operand.RCX);
    }
    Checks.walk(f, td, gpa, 0);
    if (f.level != 0 || SeptState.of(f.entry) != SeptState.MAPPED) {
      return Checks.details(f, r, SeamStatus.EPT_ENTRY_NOT_PRESENT.with(Operand.RCX));
    }
    byte[] chunk = new byte[Mrtd.CHUNK];
    memory.read(SeptEntry.hpa(f.entry, 0) + (gpa & 4095), chunk, 0, chunk.length);
    td.mrtdInProgress.extend(gpa, chunk, 0);
    return 0;
  }

  long finish(Frame f, Registers r) {
    long s = checks.tdr(f, r.rcx, Operand.RCX, true);
    if (s == 0) {
      s = checks.tdState(f, SeamCall.MR_FINALIZE, false);
    }
    if (s != 0) {
      return s;
    }
    Td td = f.td();
    if (td.vcpus() == 0) {
      return SeamStatus.NO_VCPUS.code();
    }
    td.mrtd = td.mrtdInProgress.value();
    td.opState = Td.RUNNABLE;
    return 0;
  }
}
