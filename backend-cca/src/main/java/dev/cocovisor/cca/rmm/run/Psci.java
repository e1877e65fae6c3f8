package dev.cocovisor.cca.rmm.run;

import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.GranuleState;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.page.RecExit;
import dev.cocovisor.cca.rmm.page.RecParams;
import dev.cocovisor.cca.rmm.realm.Context;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.realm.Rec;

/**
 * PSCI as the RMM offers it to realms, and RMI_PSCI_COMPLETE, the host's part in it: only the host
 * knows which REC granule an MPIDR names, so CPU_ON and AFFINITY_INFO wait for it.
 */
// TF-RMM runtime/rsi/psci.c; runtime/rmi/rec.c, smc_psci_complete.
public final class Psci {
  public static final long SUCCESS = 0;
  public static final long NOT_SUPPORTED = -1;
  public static final long INVALID_PARAMS = -2;
  public static final long DENIED = -3;
  public static final long ALREADY_ON = -4;
  public static final long INVALID_ADDRESS = -9;

  private static final long VERSION_1_1 = 0x10001;
  private static final long AFFINITY_ON = 0;
  private static final long AFFINITY_OFF = 1;

  private static final int F32_VERSION = 0x8400_0000;
  private static final int F32_CPU_SUSPEND = 0x8400_0001;
  private static final int F64_CPU_SUSPEND = 0xC400_0001;
  private static final int F32_CPU_OFF = 0x8400_0002;
  private static final int F32_CPU_ON = 0x8400_0003;
  private static final int F64_CPU_ON = 0xC400_0003;
  private static final int F32_AFFINITY_INFO = 0x8400_0004;
  private static final int F64_AFFINITY_INFO = 0xC400_0004;
  private static final int F32_SYSTEM_OFF = 0x8400_0008;
  private static final int F32_SYSTEM_RESET = 0x8400_0009;
  private static final int F32_FEATURES = 0x8400_000A;
  private static final int F32_SMCCC_VERSION = 0x8000_0000;

  private final GranuleTable granules;

  /** What becomes of a CPU_ON that is denied though its target is on already. */
  public enum DeniedWhenOn {
    /** RMI_PSCI_COMPLETE fails and changes nothing. */
    REFUSED,
    /** It fails, but the realm is told ALREADY_ON. */
    ANSWERED
  }

  private final DeniedWhenOn deniedWhenOn;

  /** Creates the realm's and the host's half of PSCI. */
  public Psci(Context context, DeniedWhenOn deniedWhenOn) {
    this.deniedWhenOn = deniedWhenOn;
    this.granules = context.granules();
  }

  /** Handles the function in x0; returns whether control goes to the host. */
  public boolean call(Rec rec) {
    return switch ((int) rec.regs[0]) {
      case F32_VERSION -> back(rec, VERSION_1_1);
      case F32_CPU_SUSPEND, F64_CPU_SUSPEND -> {
        exit(rec, 1);
        rec.answer(SUCCESS);
        yield true;
      }
      case F32_CPU_OFF -> {
        exit(rec, 1);
        rec.runnable = false;
        rec.answer(SUCCESS);
        yield true;
      }
      case F32_CPU_ON, F64_CPU_ON -> cpuOn(rec);
      case F32_AFFINITY_INFO, F64_AFFINITY_INFO -> affinityInfo(rec);
      case F32_SYSTEM_OFF, F32_SYSTEM_RESET -> {
        granules.lock(rec.realm.granule);
        rec.realm.state = Realm.State.SYSTEM_OFF;
        granules.unlock(rec.realm.granule);
        exit(rec, 1);
        yield true;
      }
      case F32_FEATURES -> back(rec, isImplemented((int) rec.regs[1]) ? SUCCESS : NOT_SUPPORTED);
      default -> back(rec, NOT_SUPPORTED);
    };
  }

  private static boolean isImplemented(int function) {
    return switch (function) {
      case F32_VERSION,
          F32_CPU_SUSPEND,
          F64_CPU_SUSPEND,
          F32_CPU_OFF,
          F32_CPU_ON,
          F64_CPU_ON,
          F32_AFFINITY_INFO,
          F64_AFFINITY_INFO,
          F32_SYSTEM_OFF,
          F32_SYSTEM_RESET,
          F32_FEATURES,
          F32_SMCCC_VERSION ->
          true;
      default -> false;
    };
  }

  private static boolean cpuOn(Rec rec) {
    if (!rec.realm.geometry.isProtected(rec.regs[2])) {
      return back(rec, INVALID_ADDRESS);
    }
    long target = RecParams.mpidrToIndex(rec.regs[1]);
    if (target >= rec.realm.recsCreated()) {
      return back(rec, INVALID_PARAMS);
    }
    if (target == rec.index) {
      return back(rec, ALREADY_ON);
    }
    return pend(rec);
  }

  private static boolean affinityInfo(Rec rec) {
    long target = RecParams.mpidrToIndex(rec.regs[1]);
    if (rec.regs[2] != 0 || target >= rec.realm.recsCreated()) {
      return back(rec, INVALID_PARAMS);
    }
    if (target == rec.index) {
      return back(rec, AFFINITY_ON);
    }
    return pend(rec);
  }

  /** Leaves the registers alone until the host completes the request. */
  private static boolean pend(Rec rec) {
    rec.psciPending = true;
    exit(rec, 2);
    return true;
  }

  private static boolean back(Rec rec, long x0) {
    rec.answer(x0);
    return false;
  }

  private static void exit(Rec rec, int gprs) {
    rec.exit.reason(RecExit.PSCI);
    for (int i = 0; i < gprs; i++) {
      rec.exit.gpr(i, rec.regs[i]);
    }
  }

  /** RMI_PSCI_COMPLETE: every failure is ERROR_INPUT. */
  public long complete(Pe pe, long calling, long target, long status) {
    if (!granules.findLockTwo(calling, GranuleState.S_REC, target, GranuleState.S_REC)) {
      return pe.refuse(Status.ERROR_INPUT, "one of the two is no REC");
    }
    int c = granules.find(calling);
    int t = granules.find(target);
    long result =
        granules.count(c) != 0
            ? pe.refuse(Status.ERROR_INPUT, "the calling REC is running")
            : complete(
                pe, Rec.of(granules, c), Rec.of(granules, t), granules.count(t) != 0, status);
    granules.unlock(t);
    granules.unlock(c);
    return result;
  }

  private long complete(Pe pe, Rec calling, Rec target, boolean targetRuns, long status) {
    if (!calling.psciPending
        || calling.realm != target.realm
        || RecParams.mpidrToIndex(calling.regs[1]) != target.index) {
      return pe.refuse(Status.ERROR_INPUT, "no PSCI request is pending for that target");
    }
    boolean on = targetRuns || target.runnable;
    int function = (int) calling.regs[0];
    long answer;
    if (function == F32_CPU_ON || function == F64_CPU_ON) {
      if (status != SUCCESS && status != DENIED) {
        return pe.refuse(Status.ERROR_INPUT, "the status is neither SUCCESS nor DENIED");
      }
      if (on && status == DENIED) {
        // DEN0137 1.0: nothing can be denied to a REC that is on. TF-RMM also answers the realm.
        if (deniedWhenOn == DeniedWhenOn.ANSWERED) {
          calling.answer(ALREADY_ON);
          calling.psciPending = false;
        }
        return pe.refuse(Status.ERROR_INPUT, "nothing can be denied to a REC that is on");
      }
      answer = on ? ALREADY_ON : status;
      if (answer == SUCCESS) {
        target.regs[0] = calling.regs[3];
        target.pc = calling.regs[2];
        target.runnable = true;
      }
    } else {
      if (status != SUCCESS) {
        return pe.refuse(Status.ERROR_INPUT, "AFFINITY_INFO takes no other status than SUCCESS");
      }
      answer = on ? AFFINITY_ON : AFFINITY_OFF;
    }
    calling.answer(answer);
    calling.psciPending = false;
    return Status.SUCCESS;
  }
}
