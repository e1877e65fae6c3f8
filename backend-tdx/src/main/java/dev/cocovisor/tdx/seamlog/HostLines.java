package dev.cocovisor.tdx.seamlog;

import static dev.cocovisor.tdx.seamlog.StateView.hex;

import dev.cocovisor.tdx.module.abi.Operand;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import org.jspecify.annotations.Nullable;

/** Lines of what the host does: SEAMCALLs and entries into the guest. */
final class HostLines {
  private final SeamProgram program;
  private final SeamLine scan;
  private final RecordedMachine machine;
  private final Disturbances around;
  private final Registers in = new Registers();
  private final Registers r = new Registers();

  HostLines(SeamProgram program, Disturbances around) {
    this.program = program;
    this.around = around;
    scan = program.scan();
    machine = program.machine();
  }

  void seamcall() {
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
        lp = program.processor();
      } else {
        given |= 1 << RegisterFields.read(scan, in);
      }
    }
    scan.expect(") = ");
    String call = program.callText(scan.position() - 3);
    long expected = scan.hex("a status");
    around.before(false, lp);
    RegisterFields.copy(in, r);
    if (inside(lp, leaf, call)) {
      around.after(lp);
      scan.skip();
      return;
    }
    long status = machine.module.seamcall(lp, r);
    around.after(lp);
    program.compare(call, hex(expected), hex(status));
    if (scan.take(" {")) {
      Registers want = new Registers();
      do {
        int n = RegisterFields.read(scan, want);
        if (compared(n, leaf, given, expected)) {
          program.compare(call, RegisterFields.text(want, n), RegisterFields.text(r, n));
        }
      } while (scan.take(", "));
      scan.expect("}");
    }
    scan.end();
  }

  /** R8 and R9 can hold what the recorder left in them where the leaf does not use them. */
  private static boolean compared(int n, @Nullable SeamCall leaf, int given, long status) {
    if ((n != RegisterFields.R8 && n != RegisterFields.R9) || (given & 1 << n) != 0) {
      return true;
    }
    if (status == SeamStatus.OPERAND_INVALID.with(Operand.RAX)) {
      return false;
    }
    return n != RegisterFields.R8
        || (leaf != SeamCall.MEM_SEPT_REMOVE && leaf != SeamCall.MEM_PAGE_PROMOTE);
  }

  /** A processor inside the guest cannot enter again; a log that says so is a different one. */
  private boolean inside(int lp, @Nullable SeamCall leaf, String call) {
    boolean impossible = leaf == SeamCall.VP_ENTER && machine.module.inside(lp) != null;
    if (impossible) {
      program.compare(call, "an entry", "processor " + lp + " is inside a guest");
    }
    return impossible;
  }

  void vpEnter() {
    program.td();
    scan.expect(", ");
    program.vcpu();
    scan.expect(", lp=");
    int lp = program.processor();
    scan.expect(", ");
    r.clear();
    r.rax = SeamCall.VP_ENTER.leaf();
    r.rcx = scan.field("rcx");
    scan.expect(") = ");
    int at = scan.position();
    String call = program.callText(at - 3);
    around.before(false, lp);
    String got;
    if (machine.module.inside(lp) != null) {
      got = "processor " + lp + " is inside a guest";
    } else {
      long status = machine.module.seamcall(lp, r);
      got = status == SeamStatus.IN_GUEST ? "in_guest" : hex(status);
      if (status == 0x30) {
        got += " " + RegisterFields.exit(r);
      }
    }
    around.after(lp);
    String expected = scan.text().substring(at);
    checkEntered();
    program.compare(call, expected, got);
  }

  private void checkEntered() {
    if (!scan.take("in_guest")) {
      scan.hex("a status");
      if (scan.take(" ")) {
        RegisterFields.readExit(scan);
      }
    }
    scan.end();
  }
}
