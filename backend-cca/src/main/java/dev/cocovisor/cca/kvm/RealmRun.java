package dev.cocovisor.cca.kvm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.mem.PhysicalMemory;
import dev.cocovisor.api.ops.MappingOps;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.page.RecEntry;
import dev.cocovisor.cca.rmm.page.RecParams;
import dev.cocovisor.cca.rmm.page.RecRun;
import dev.cocovisor.cca.rmm.run.RealmSide;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Running a REC and handling its exits.
 *
 * <p>Each step of a guest is one entry: REC_ENTER, the step, and the exit it caused or else an
 * interrupt. So between two steps no REC runs, and the host may change RIPAS or complete PSCI.
 */
// The CCA series, arch/arm64/kvm/rmi-exit.c: handle_rec_exit, rec_exit_ripas_change, rec_exit_psci;
// arch/arm64/kvm/rmi.c: kvm_rec_pre_enter, kvm_complete_ripas_change.
final class RealmRun {
  private static final long DATA_ABORT_EL1 = 0x9600_0010L;
  private static final long INSTRUCTION_ABORT_EL1 = 0x8600_0010L;
  private static final int SYSTEM_EVENT_SHUTDOWN = 1;
  private static final int SYSTEM_EVENT_RESET = 2;

  private final VmContext vm;
  private final Rmi rmm;
  private final RealmLife life;

  RealmRun(VmContext vm, Rmi rmm, RealmLife life) {
    this.vm = vm;
    this.rmm = rmm;
    this.life = life;
  }

  private PhysicalMemory memory() {
    return vm.host().memory().raw();
  }

  /** Walks as hardware does while the REC runs; see {@link MappingOps#guestWalk}. */
  long walk(VcpuContext vcpu, RealmVcpu v, long gpa, Access access) {
    if (!enter(v)) {
      return failedEntry(vcpu, v);
    }
    RealmSide.Access result =
        rmm.realmSide().access(v.pe, v.rec, gpa, access == Access.WRITE, access == Access.FETCH);
    long address = v.pe.x1();
    return switch (result) {
      case DONE -> {
        interrupt(v);
        yield address;
      }
      case ABORT_IN_REALM -> {
        interrupt(v);
        vcpu.setExit(
            new Exit.GuestAbort(access == Access.FETCH ? INSTRUCTION_ABORT_EL1 : DATA_ABORT_EL1));
        yield MappingOps.WALK_EXIT;
      }
      case EXIT -> MappingOps.WALK_FAULT;
    };
  }

  private boolean enter(RealmVcpu v) {
    memory().writeLong(v.run, v.ripasRefused ? RecEntry.RIPAS_REJECT : 0);
    v.ripasRefused = false;
    v.entryStatus = rmm.recEnter(v.pe, v.rec, v.run);
    return v.pe.entered();
  }

  /** A realm that is off or a vCPU that is off does not run; a missing host call page is mapped. */
  private long failedEntry(VcpuContext vcpu, RealmVcpu v) {
    if (v.entryStatus == Status.SUCCESS && resolveAbort(vcpu, v)) {
      return MappingOps.WALK_RETRY;
    }
    vcpu.setExit(new Exit.Unknown());
    return MappingOps.WALK_EXIT;
  }

  private void interrupt(RealmVcpu v) {
    var _ = rmm.realmSide().interrupt(v.rec, false);
  }

  /** Maps the private page that a SYNC exit names. */
  private boolean resolveAbort(VcpuContext vcpu, RealmVcpu v) {
    long ipa = RecRun.hpfar(memory(), v.run) << 8;
    return vm.mapPage(vcpu, ipa, true).ok();
  }

  /**
   * Lets the realm make an RSI or PSCI call.
   *
   * @param fields {@code fn}: a name of {@link RsiCall} or RESULT, which only reads the registers
   *     after an entry; {@code args}: x1 on
   */
  RunResult rsi(VcpuContext vcpu, RealmVcpu v, Fields fields) {
    String fn = fields.text("fn", "");
    List<Object> list = fields.list("args");
    long[] args = new long[list.size()];
    for (int i = 0; i < args.length; i++) {
      args[i] = list.get(i) instanceof Long n ? n : 0;
    }
    for (long tries = 0; ; tries++) {
      if (tries > 0) {
        Errno again = vcpu.goRound(RecRun.hpfar(memory(), v.run) >>> 4, tries);
        if (!again.ok()) {
          return RunResult.of(again, vcpu.exit());
        }
      }
      if (!enter(v)) {
        if (v.entryStatus == Status.SUCCESS && resolveAbort(vcpu, v)) {
          continue;
        }
        return new RunResult(Errno.EIO, new Exit.Unknown());
      }
      if (fn.equals("RESULT")) {
        interrupt(v);
        return registers(v, 3);
      }
      RsiCall call = RsiCall.valueOf(fn);
      if (!rmm.realmSide().call(v.pe, v.rec, call.fid(), args).exited()) {
        int n = 1 + call.outputs();
        RunResult result = registers(v, n);
        interrupt(v);
        return result;
      }
      int reason = RecRun.reason(memory(), v.run);
      if (reason == RecRun.SYNC) {
        if (!resolveAbort(vcpu, v)) {
          long ipa = RecRun.hpfar(memory(), v.run) << 8;
          return fault(Exit.MemoryFault.PRIVATE, ipa, PageLevel.PAGE_SIZE);
        }
        continue;
      }
      return switch (reason) {
        case RecRun.RIPAS_CHANGE -> {
          RunResult told = ripasChange(v);
          yield told != null ? told : changed(vcpu, v);
        }
        case RecRun.HOST_CALL -> hostCall(v);
        case RecRun.PSCI -> psci(v);
        default -> RunResult.ok(new Exit.Unknown());
      };
    }
  }

  private RunResult registers(RealmVcpu v, int n) {
    Fields out = new Fields();
    for (int i = 0; i < n; i++) {
      out.put("x" + i, rmm.realmSide().register(v.rec, i));
    }
    return RunResult.ok(new Exit.Vendor(-1, "DONE", out));
  }

  private static RunResult fault(long flags, long gpa, long size) {
    return new RunResult(Errno.EFAULT, new Exit.MemoryFault(flags, gpa, size));
  }

  /**
   * Tells the VMM, which converts the range; the RMM is asked before the next entry. Null where the
   * attributes are right already and the series looks at them first: the run goes on.
   */
  private @Nullable RunResult ripasChange(RealmVcpu v) {
    v.ripasBase = RecRun.ripasBase(memory(), v.run);
    v.ripasTop = RecRun.ripasTop(memory(), v.run);
    v.ripasRam = RecRun.ripasIsRam(memory(), v.run);
    return life.series() == RealmSeries.CARRIED && attributesMatch(v)
        ? null
        : new RunResult(Errno.EFAULT, told(v));
  }

  /** Goes on in the same run after a RIPAS change of which the VMM is not told. */
  private RunResult changed(VcpuContext vcpu, RealmVcpu v) {
    Errno e = completeRipasChange(vcpu);
    if (!e.ok() || !enter(v)) {
      return new RunResult(e.ok() ? Errno.EIO : e, new Exit.Unknown());
    }
    interrupt(v);
    return registers(v, 3);
  }

  private RunResult hostCall(RealmVcpu v) {
    Fields out = new Fields();
    out.put("imm", RecRun.immediate(memory(), v.run));
    for (int i = 0; i < 4; i++) {
      out.put("x" + i, RecRun.gpr(memory(), v.run, i));
    }
    return RunResult.ok(new Exit.Vendor(-1, "RSI_HOST_CALL", out));
  }

  private RunResult psci(RealmVcpu v) {
    long fid = RecRun.gpr(memory(), v.run, 0);
    if (fid == RsiCall.PSCI_SYSTEM_OFF.fid()) {
      return RunResult.ok(new Exit.SystemEvent(SYSTEM_EVENT_SHUTDOWN));
    }
    if (fid == RsiCall.PSCI_SYSTEM_RESET.fid()) {
      return RunResult.ok(new Exit.SystemEvent(SYSTEM_EVENT_RESET));
    }
    if (fid == RsiCall.PSCI_CPU_ON.fid() || fid == RsiCall.PSCI_AFFINITY_INFO.fid()) {
      RealmVcpu target = vcpu((int) RecParams.mpidrToIndex(RecRun.gpr(memory(), v.run, 1)));
      if (target == null) {
        return new RunResult(
            vm.host().trace().refuse(Errno.EIO, "PSCI names a vCPU that the realm does not have"),
            new Exit.Unknown());
      }
      if (rmm.psciComplete(v.pe, v.rec, target.rec, 0) != Status.SUCCESS || !enter(v)) {
        return new RunResult(Errno.EIO, new Exit.Unknown());
      }
      interrupt(v);
      return registers(v, 1);
    }
    // CPU_OFF and CPU_SUSPEND are done; a vCPU that is off leaves its next entry refused.
    return RunResult.ok(new Exit.Done(0));
  }

  private @Nullable RealmVcpu vcpu(int id) {
    for (VcpuContext c : vm.vcpus()) {
      if (c.id() == id && c.vendorState() instanceof RealmVcpu v && v.rec != Granules.NONE) {
        return v;
      }
    }
    return null;
  }

  /**
   * Asks the RMM for the RIPAS change that the VMM was told of, table by table. Pages that became
   * EMPTY are taken back. Where the RMM refuses (memory that is DESTROYED and that the realm did
   * not say it gives up) the rest is left, and a change to RAM is answered with a rejection.
   *
   * <p>v15 asks the RMM once the VMM was told, whatever it did; the last revision asks the
   * attributes, and tells the VMM again as long as they say otherwise (ripas_range_matches_gmem).
   */
  Errno completeRipasChange(VcpuContext vcpu) {
    RealmVcpu v = RealmVcpu.of(vcpu);
    HostedRealm realm = life.created();
    if (life.series() == RealmSeries.CARRIED && v.ripasBase < v.ripasTop && !attributesMatch(v)) {
      vcpu.setExit(told(v));
      return Errno.EFAULT;
    }
    long from = v.ripasBase;
    while (v.ripasBase < v.ripasTop) {
      long status = rmm.rttSetRipas(v.pe, realm.rd(), v.rec, v.ripasBase, v.ripasTop);
      if (status == Status.SUCCESS) {
        v.ripasBase = v.pe.x1();
        continue;
      }
      int level = Status.index(status);
      if (!RealmTables.isRtt(status)) {
        return Errno.ENXIO;
      }
      if (level == RealmTables.PAGE_LEVEL || !mustSplit(v, level)) {
        v.ripasRefused = v.ripasRam;
        break;
      }
      Errno e = realm.tables().createTables(v.pe, v.ripasBase, level, level + 1);
      if (!e.ok()) {
        return e;
      }
    }
    long changed = v.ripasBase;
    v.ripasTop = v.ripasBase;
    if (!v.ripasRam && changed > from) {
      vm.mmuLock().lock();
      vm.zapRange(from >>> PageLevel.PAGE_SHIFT, changed >>> PageLevel.PAGE_SHIFT);
      vm.mmuLock().unlock();
    }
    return Errno.OK;
  }

  private boolean attributesMatch(RealmVcpu v) {
    return vm.rangeIs(
        v.ripasBase >>> PageLevel.PAGE_SHIFT, v.ripasTop >>> PageLevel.PAGE_SHIFT, v.ripasRam);
  }

  private static Exit told(RealmVcpu v) {
    return new Exit.MemoryFault(
        v.ripasRam ? Exit.MemoryFault.PRIVATE : 0, v.ripasBase, v.ripasTop - v.ripasBase);
  }

  /** Tells whether an entry was refused because the range cuts it, not because of its RIPAS. */
  private static boolean mustSplit(RealmVcpu v, int level) {
    long size = RealmTables.entrySize(level);
    return (v.ripasBase & (size - 1)) != 0 || v.ripasBase + size > v.ripasTop;
  }
}
