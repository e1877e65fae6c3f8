package dev.cocovisor.tdx.seamlog;

import static dev.cocovisor.tdx.seamlog.StateView.hex;

import dev.cocovisor.tdx.module.AccessKind;
import dev.cocovisor.tdx.module.GuestOutcome;
import dev.cocovisor.tdx.module.LockProbe;
import dev.cocovisor.tdx.module.Operand;
import dev.cocovisor.tdx.module.PendingInterrupts;
import dev.cocovisor.tdx.module.Registers;
import dev.cocovisor.tdx.module.SeamCall;
import dev.cocovisor.tdx.module.SeamStatus;
import dev.cocovisor.tdx.module.TdCall;
import dev.cocovisor.tdx.module.TdParams;
import dev.cocovisor.tdx.module.Tdvps;
import dev.cocovisor.tdx.module.TdxModule;
import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One program of a log: reads a line, does what it says on the model, compares the answer.
 *
 * <p>The guest makes progress before each exit, except between {@code same_rip(1)} and {@code
 * same_rip(0)}; so the zero-step guard is derived and nothing is taken from the log.
 */
final class ProgramRun {
  private final int program;
  private final LineScanner scan;
  private final Comparison comparison;
  private final RecordedMachine machine = new RecordedMachine();
  private final Registers in = new Registers();
  private final Registers r = new Registers();
  private final LockProbe probe = new LockProbe(machine.module);
  private @Nullable OtherCall pendingLock;
  private boolean lockHeld;
  private int interruptAt;
  private boolean sameRip;
  private boolean setUp;
  private boolean ended;
  private @Nullable Set<String> finalLines;
  private long lines;

  ProgramRun(int program, LineScanner scan, Comparison comparison) {
    this.program = program;
    this.scan = scan;
    this.comparison = comparison;
  }

  long lines() {
    return lines;
  }

  /** Carries out the line the scanner stands at. */
  void line() {
    lines++;
    String what = scan.word("a call or a state line");
    scan.expect("(");
    if (!setUp && !what.equals("setup")) {
      throw scan.error("setup first");
    }
    switch (what) {
      case "setup" -> setup();
      case "td_params" -> tdParams();
      case "seamcall" -> seamcall();
      case "vp_enter" -> vpEnter();
      case "vp_exit" -> vpExit();
      case "tdcall" -> tdcall();
      case "access" -> access();
      case "lock" -> lock();
      case "lock_failed" -> lockFailed();
      case "unlock" -> unlock();
      case "intr" -> interrupt();
      case "same_rip" -> sameRip();
      case "sept" -> sept();
      case "pamt" -> pamt();
      case "td" -> td();
      case "mrtd" -> mrtd();
      case "final_td", "final_sept", "final_pamt" -> finalLine();
      default -> throw scan.error("a call or a state line of a SEAMCALL log");
    }
  }

  /** Ends the program: what the model still has and the log did not list is a difference. */
  void finish() {
    if (ended) {
      return;
    }
    ended = true;
    if (finalLines != null) {
      for (String left : finalLines) {
        comparison.mismatch(scan.line(), program, "end of program", "", left);
      }
    }
  }

  private void compare(String call, String expected, String got) {
    if (!expected.equals(got)) {
      comparison.mismatch(scan.line(), program, call, expected, got);
    }
  }

  private String callText(int end) {
    return scan.text().substring(0, end);
  }

  private int td0() {
    return scan.decimal("a TD number", RecordedMachine.TDS);
  }

  private int vcpu0() {
    return scan.decimal("a vCPU number", RecordedMachine.VCPUS);
  }

  private int lp0() {
    return scan.decimal("a processor number", RecordedMachine.PROCESSORS);
  }

  // ---- set-up

  private void setup() {
    if (setUp) {
      throw scan.error("one setup only");
    }
    setUp = true;
    boolean none = scan.take("none, ");
    scan.expect("levels=");
    int levels = scan.decimal("4 or 5");
    scan.expect(", gpaw=");
    int gpaw = scan.decimal("0 or 1", 2);
    int veDisable = 0;
    if (!none) {
      scan.expect(", sept_ve_disable=");
      veDisable = scan.decimal("0 or 1", 2);
    }
    scan.expect(")");
    scan.end();
    if (levels != 5 && (levels != 4 || gpaw != 0)) {
      throw scan.error("levels=4, or levels=5 for gpaw=1");
    }
    if (!none) {
      machine.setUp(levels, gpaw, veDisable);
    }
  }

  private void tdParams() {
    long hpa = scan.hex("an address");
    scan.expect(") = {");
    long attributes = scan.field("attributes");
    scan.expect(", ");
    long xfam = scan.field("xfam");
    scan.expect(", ");
    int maxVcpus = (int) scan.field("max_vcpus");
    scan.expect(", ");
    int l2 = (int) scan.field("num_l2_vms");
    scan.expect(", ");
    long eptp = scan.field("eptp_controls");
    scan.expect(", ");
    long flags = scan.field("config_flags");
    scan.expect(", ");
    int tsc = (int) scan.field("tsc_frequency");
    scan.expect("}");
    scan.end();
    machine.params(hpa, new TdParams(attributes, xfam, maxVcpus, l2, eptp, flags, tsc));
  }

  // ---- calls

  private void before(boolean guestCall, int lp) {
    OtherCall other = pendingLock;
    pendingLock = null;
    if (other != null) {
      lockHeld = other.take(probe, machine, guestCall);
      if (!lockHeld) {
        comparison.mismatch(scan.line() - 1, program, "lock", "taken", "lock_failed()");
      }
    }
    if (interruptAt > 0) {
      int at = interruptAt;
      machine.module.setInterrupts(
          lp,
          new PendingInterrupts() {
            private int polls;

            @Override
            public boolean poll() {
              return ++polls >= at;
            }
          });
    }
  }

  private void after(int lp) {
    if (interruptAt > 0) {
      interruptAt = 0;
      machine.module.setInterrupts(lp, PendingInterrupts.NONE);
    }
  }

  private void seamcall() {
    String name = scan.word("a leaf name");
    SeamCall leaf = SeamCall.named(name);
    if (leaf == null && !name.equals("UNKNOWN")) {
      throw scan.error("a known leaf before this");
    }
    in.clear();
    in.rax = leaf == null ? 0 : leaf.leaf();
    int given = 0;
    int lp = 0;
    while (scan.take(", ")) {
      if (scan.take("lp=")) {
        lp = lp0();
      } else {
        given |= 1 << register(in);
      }
    }
    scan.expect(") = ");
    String call = callText(scan.position() - 3);
    long expected = scan.hex("a status");
    before(false, lp);
    copy(in, r);
    long status = machine.module.seamcall(lp, r);
    after(lp);
    compare(call, hex(expected), hex(status));
    if (scan.take(" {")) {
      Registers want = new Registers();
      do {
        int n = register(want);
        if (compared(n, leaf, given, expected)) {
          compare(call, NAMES[n] + "=" + hex(value(want, n)), NAMES[n] + "=" + hex(value(r, n)));
        }
      } while (scan.take(", "));
      scan.expect("}");
    }
    scan.end();
  }

  /** R8 and R9 can hold what the recorder left in them where the leaf does not use them. */
  private static boolean compared(int n, @Nullable SeamCall leaf, int given, long status) {
    if ((n != 3 && n != 4) || (given & 1 << n) != 0) {
      return true;
    }
    if (status == SeamStatus.OPERAND_INVALID.with(Operand.RAX)) {
      return false;
    }
    return n != 3 || (leaf != SeamCall.MEM_SEPT_REMOVE && leaf != SeamCall.MEM_PAGE_PROMOTE);
  }

  private static final String[] NAMES = {"rax", "rcx", "rdx", "r8", "r9", "r10", "r11"};

  /** Reads {@code name=value} into a register and returns its number. */
  private int register(Registers into) {
    for (int n = NAMES.length - 1; n >= 0; n--) {
      if (scan.take(NAMES[n] + "=")) {
        long v = scan.hex(NAMES[n]);
        switch (n) {
          case 0 -> into.rax = v;
          case 1 -> into.rcx = v;
          case 2 -> into.rdx = v;
          case 3 -> into.r8 = v;
          case 4 -> into.r9 = v;
          case 5 -> into.r10 = v;
          default -> into.r11 = v;
        }
        return n;
      }
    }
    throw scan.error("a register");
  }

  private static long value(Registers from, int n) {
    return switch (n) {
      case 0 -> from.rax;
      case 1 -> from.rcx;
      case 2 -> from.rdx;
      case 3 -> from.r8;
      case 4 -> from.r9;
      case 5 -> from.r10;
      default -> from.r11;
    };
  }

  private static void copy(Registers from, Registers to) {
    to.rax = from.rax;
    to.rcx = from.rcx;
    to.rdx = from.rdx;
    to.r8 = from.r8;
    to.r9 = from.r9;
    to.r10 = from.r10;
    to.r11 = from.r11;
  }

  private void vpEnter() {
    td0();
    scan.expect(", ");
    vcpu0();
    scan.expect(", lp=");
    int lp = lp0();
    scan.expect(", ");
    r.clear();
    r.rax = SeamCall.VP_ENTER.leaf();
    r.rcx = scan.field("rcx");
    scan.expect(") = ");
    int at = scan.position();
    String call = callText(at - 3);
    before(false, lp);
    String got;
    if (machine.module.inside(lp) != null) {
      got = "processor " + lp + " is inside a guest";
    } else {
      long status = machine.module.seamcall(lp, r);
      got = status == TdxModule.IN_GUEST ? "in_guest" : hex(status);
      if (status == 0x30) {
        got += " {rcx=" + hex(r.rcx) + ", rdx=" + hex(r.rdx) + ", r8=" + hex(r.r8) + "}";
      }
    }
    after(lp);
    String expected = scan.text().substring(at);
    checkEntered();
    compare(call, expected, got);
  }

  private void checkEntered() {
    if (!scan.take("in_guest")) {
      scan.hex("a status");
      if (scan.next(" {")) {
        exitRegisters();
      }
    }
    scan.end();
  }

  private void exitRegisters() {
    scan.expect(" {");
    scan.field("rcx");
    scan.expect(", ");
    scan.field("rdx");
    scan.expect(", ");
    scan.field("r8");
    scan.expect("}");
  }

  /** Finds the processor a vCPU is inside on, or -1 after reporting that it is not. */
  private int insideOn(int td, int vcpu, String call) {
    Tdvps v = machine.vcpu(td, vcpu);
    for (int lp = 0; v != null && lp < RecordedMachine.PROCESSORS; lp++) {
      if (machine.module.inside(lp) == v) {
        if (!sameRip) {
          v.advanceRip();
        }
        return lp;
      }
    }
    comparison.mismatch(scan.line(), program, call, "a vCPU inside the guest", "outside");
    return -1;
  }

  private void vpExit() {
    int td = td0();
    scan.expect(", ");
    int vcpu = vcpu0();
    scan.expect(") = ");
    long reason = scan.hex("a status");
    scan.end();
    int lp = insideOn(td, vcpu, scan.text());
    if (lp >= 0) {
      before(true, lp);
      machine.module.vmExit(lp, 1);
      after(lp);
      compare(scan.text(), hex(reason), hex(machine.module.exitRegisters(lp).rax));
    }
  }

  private String exitText(int lp) {
    Registers e = machine.module.exitRegisters(lp);
    return "td_exit "
        + hex(e.rax)
        + " {rcx="
        + hex(e.rcx)
        + ", rdx="
        + hex(e.rdx)
        + ", r8="
        + hex(e.r8)
        + "}";
  }

  private void tdcall() {
    String name = scan.word("a guest leaf");
    TdCall leaf = TdCall.named(name);
    if (leaf == null) {
      throw scan.error("a known guest leaf before this");
    }
    scan.expect(", td=");
    int td = td0();
    scan.expect(", vcpu=");
    int vcpu = vcpu0();
    r.clear();
    r.rax = leaf.leaf();
    while (scan.take(", ")) {
      register(r);
    }
    scan.expect(") = ");
    int at = scan.position();
    String call = callText(at - 3);
    int lp = insideOn(td, vcpu, call);
    if (lp >= 0) {
      before(true, lp);
      GuestOutcome outcome = machine.module.tdcall(lp, r);
      after(lp);
      String got =
          switch (outcome) {
            case DONE -> hex(r.rax);
            case INTERRUPTED -> "interrupted";
            default -> exitText(lp);
          };
      compare(call, scan.text().substring(at), got);
    }
    if (scan.take("td_exit ")) {
      scan.hex("a status");
      exitRegisters();
    } else if (!scan.take("interrupted")) {
      scan.hex("a status, 'interrupted' or 'td_exit'");
    }
    scan.end();
  }

  private void access() {
    int td = td0();
    scan.expect(", vcpu=");
    int vcpu = vcpu0();
    scan.expect(", ");
    long gpa = scan.field("gpa");
    scan.expect(", ");
    AccessKind kind;
    if (scan.take("r")) {
      kind = AccessKind.READ;
    } else if (scan.take("w")) {
      kind = AccessKind.WRITE;
    } else {
      scan.expect("x");
      kind = AccessKind.FETCH;
    }
    scan.expect(") = ");
    int at = scan.position();
    String call = callText(at - 3);
    int lp = insideOn(td, vcpu, call);
    if (lp >= 0) {
      before(true, lp);
      GuestOutcome outcome = machine.module.access(lp, gpa, kind);
      after(lp);
      String got =
          switch (outcome) {
            case DONE -> "hpa " + hex(machine.module.translated(lp));
            case EXCEPTION -> exceptionText(lp);
            default -> exitText(lp);
          };
      compare(call, scan.text().substring(at), got);
    }
    if (scan.take("hpa ")) {
      scan.hex("an address");
    } else if (scan.take("td_exit ")) {
      scan.hex("a status");
      exitRegisters();
    } else {
      scan.expect("#VE {");
      scan.field("reason");
      scan.expect(", ");
      scan.field("qual");
      scan.expect(", ");
      scan.field("gpa");
      scan.expect("}");
    }
    scan.end();
  }

  private String exceptionText(int lp) {
    var ve = machine.module.exception(lp);
    return "#VE {reason="
        + hex(ve.reason())
        + ", qual="
        + hex(ve.qualification())
        + ", gpa="
        + hex(ve.gpa())
        + "}";
  }

  // ---- locks, interrupts, progress

  private void lock() {
    int td = 0;
    long address = 0;
    int level = 0;
    OtherCall.Kind kind;
    if (scan.take("pamt, ")) {
      kind = OtherCall.Kind.PAMT;
      address = scan.hex("an address");
      scan.expect(", ");
      level = scan.decimal("a size", 3);
    } else {
      if (scan.take("tree, ")) {
        kind = OtherCall.Kind.TREE;
      } else if (scan.take("opstate, ")) {
        kind = OtherCall.Kind.OPSTATE;
      } else if (scan.take("epoch, ")) {
        kind = OtherCall.Kind.EPOCH;
      } else {
        scan.expect("entry, ");
        kind = OtherCall.Kind.ENTRY;
      }
      td = td0();
      if (kind == OtherCall.Kind.ENTRY) {
        scan.expect(", ");
        address = scan.hex("an address");
        scan.expect(", ");
        level = scan.decimal("a level", 5);
      }
    }
    boolean exclusive = true;
    if (scan.take(", ")) {
      exclusive = scan.take("ex");
      if (!exclusive) {
        scan.expect("sh");
      }
    }
    scan.expect(")");
    scan.end();
    pendingLock = new OtherCall(kind, td, address, level, exclusive);
  }

  private void lockFailed() {
    scan.expect(")");
    scan.end();
    OtherCall other = pendingLock;
    pendingLock = null;
    if (other == null) {
      throw scan.error("a lock before lock_failed()");
    }
    if (other.take(probe, machine, false)) {
      comparison.mismatch(scan.line(), program, "lock", "lock_failed()", "taken");
      probe.release();
    }
  }

  private void unlock() {
    scan.expect(")");
    scan.end();
    if (lockHeld) {
      probe.release();
      lockHeld = false;
    }
  }

  private void interrupt() {
    interruptAt = scan.decimal("a number of polls");
    scan.expect(")");
    scan.end();
  }

  private void sameRip() {
    sameRip = scan.decimal("0 or 1", 2) == 1;
    scan.expect(")");
    scan.end();
  }

  // ---- state

  private void state(String got) {
    scan.expect(") = ");
    int at = scan.position();
    compare(callText(at - 3), scan.text().substring(at), got);
  }

  private void sept() {
    int td = td0();
    scan.expect(", ");
    long gpa = scan.hex("an address");
    scan.expect(", ");
    int level = scan.decimal("a level", 5);
    state(StateView.sept(machine.td(td), gpa, level));
  }

  private void pamt() {
    long hpa = scan.hex("an address");
    state(StateView.pamt(machine.module.pamt(hpa), hpa));
  }

  private void td() {
    state(StateView.td(machine.td(td0())));
  }

  private void mrtd() {
    state(StateView.mrtd(machine.td(td0())));
  }

  private void finalLine() {
    if (!scan.text().endsWith("}")) {
      throw scan.error("a state in braces at the end");
    }
    Set<String> left = finalLines;
    if (left == null) {
      left = new LinkedHashSet<>(StateView.finalLines(machine));
      finalLines = left;
    }
    if (!left.remove(scan.text())) {
      String key = scan.text().substring(0, scan.text().indexOf('=') + 1);
      String got = "nothing";
      for (String line : left) {
        if (line.startsWith(key)) {
          got = line;
        }
      }
      left.remove(got);
      comparison.mismatch(scan.line(), program, "final state", scan.text(), got);
    }
  }
}
