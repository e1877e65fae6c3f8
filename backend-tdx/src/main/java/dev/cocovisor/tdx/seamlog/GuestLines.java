package dev.cocovisor.tdx.seamlog;

import static dev.cocovisor.tdx.seamlog.StateView.hex;

import dev.cocovisor.tdx.module.abi.AccessKind;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.abi.Registers;
import dev.cocovisor.tdx.module.call.TdCall;
import dev.cocovisor.tdx.module.td.Tdvps;

/** Lines of what a vCPU inside the guest does: TDCALLs, plain accesses, leaving by an interrupt. */
final class GuestLines {
  private final SeamProgram program;
  private final SeamLine scan;
  private final RecordedMachine machine;
  private final Disturbances around;
  private final Registers r = new Registers();

  GuestLines(SeamProgram program, Disturbances around) {
    this.program = program;
    this.around = around;
    scan = program.scan();
    machine = program.machine();
  }

  /** Finds the processor a vCPU is inside on, or -1 after reporting that it is not. */
  private int insideOn(int td, int vcpu, String call) {
    Tdvps v = machine.vcpu(td, vcpu);
    for (int lp = 0; v != null && lp < RecordedMachine.PROCESSORS; lp++) {
      if (machine.module.inside(lp) == v) {
        if (!around.standsStill()) {
          v.advanceRip();
        }
        return lp;
      }
    }
    program.compare(call, "a vCPU inside the guest", "outside");
    return -1;
  }

  void vpExit() {
    int td = program.td();
    scan.expect(", ");
    int vcpu = program.vcpu();
    scan.expect(") = ");
    long reason = scan.hex("a status");
    scan.end();
    int lp = insideOn(td, vcpu, scan.text());
    if (lp >= 0) {
      around.before(true, lp);
      machine.module.vmExit(lp, 1);
      around.after(lp);
      program.compare(scan.text(), hex(reason), hex(machine.module.exitRegisters(lp).rax));
    }
  }

  private String exitText(int lp) {
    Registers e = machine.module.exitRegisters(lp);
    return "td_exit " + hex(e.rax) + " " + RegisterFields.exit(e);
  }

  void tdcall() {
    String name = scan.word("a guest leaf");
    TdCall leaf = TdCall.named(name);
    if (leaf == null) {
      throw scan.error("a known guest leaf before this");
    }
    scan.expect(", td=");
    int td = program.td();
    scan.expect(", vcpu=");
    int vcpu = program.vcpu();
    r.clear();
    r.rax = leaf.leaf();
    while (scan.take(", ")) {
      RegisterFields.read(scan, r);
    }
    scan.expect(") = ");
    int at = scan.position();
    String call = program.callText(at - 3);
    int lp = insideOn(td, vcpu, call);
    if (lp >= 0) {
      around.before(true, lp);
      GuestOutcome outcome = machine.module.tdcall(lp, r);
      around.after(lp);
      String got =
          switch (outcome) {
            case DONE -> hex(r.rax);
            case INTERRUPTED -> "interrupted";
            default -> exitText(lp);
          };
      program.compare(call, scan.text().substring(at), got);
    }
    if (scan.take("td_exit ")) {
      scan.hex("a status");
      scan.expect(" ");
      RegisterFields.readExit(scan);
    } else if (!scan.take("interrupted")) {
      scan.hex("a status, 'interrupted' or 'td_exit'");
    }
    scan.end();
  }

  void access() {
    int td = program.td();
    scan.expect(", vcpu=");
    int vcpu = program.vcpu();
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
    String call = program.callText(at - 3);
    int lp = insideOn(td, vcpu, call);
    if (lp >= 0) {
      around.before(true, lp);
      GuestOutcome outcome = machine.module.access(lp, gpa, kind);
      around.after(lp);
      String got =
          switch (outcome) {
            case DONE -> "hpa " + hex(machine.module.translated(lp));
            case EXCEPTION -> exceptionText(lp);
            default -> exitText(lp);
          };
      program.compare(call, scan.text().substring(at), got);
    }
    if (scan.take("hpa ")) {
      scan.hex("an address");
    } else if (scan.take("td_exit ")) {
      scan.hex("a status");
      scan.expect(" ");
      RegisterFields.readExit(scan);
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
}
