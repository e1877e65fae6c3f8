package dev.cocovisor.tdx.seamlog;

import dev.cocovisor.tdx.module.td.TdParams;

/**
 * One program of a log: reads a line, does what it says on the model, compares the answer.
 *
 * <p>The guest makes progress before each exit, except between {@code same_rip(1)} and {@code
 * same_rip(0)}; so the zero-step guard is derived and nothing is taken from the log.
 */
final class ProgramRun {
  private final SeamLine scan;
  private final RecordedMachine machine = new RecordedMachine();
  private final Disturbances around;
  private final HostLines host;
  private final GuestLines guest;
  private final StateLines state;
  private boolean setUp;
  private long lines;

  ProgramRun(int number, SeamLine scan, Differences comparison) {
    this.scan = scan;
    SeamProgram program = new SeamProgram(number, scan, comparison, machine);
    around = new Disturbances(program);
    host = new HostLines(program, around);
    guest = new GuestLines(program, around);
    state = new StateLines(program);
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
      case "seamcall" -> host.seamcall();
      case "vp_enter" -> host.vpEnter();
      case "vp_exit" -> guest.vpExit();
      case "tdcall" -> guest.tdcall();
      case "access" -> guest.access();
      case "lock" -> around.lock();
      case "lock_failed" -> around.lockFailed();
      case "unlock" -> around.unlock();
      case "intr" -> around.interrupt();
      case "same_rip" -> around.sameRip();
      case "sept" -> state.sept();
      case "pamt" -> state.pamt();
      case "td" -> state.td();
      case "mrtd" -> state.mrtd();
      case "final_td", "final_sept", "final_pamt" -> state.finalLine();
      default -> throw scan.error("a call or a state line of a SEAMCALL log");
    }
  }

  /** Ends the program. */
  void finish() {
    state.finish();
  }

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
}
