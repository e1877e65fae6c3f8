package dev.cocovisor.tdx.seamlog;

/** What all lines of one program share: the scanner, the machine, and where differences go. */
record SeamProgram(int number, SeamLine scan, Differences comparison, RecordedMachine machine) {
  void compare(String call, String expected, String got) {
    if (!expected.equals(got)) {
      comparison.mismatch(scan.line(), number, call, expected, got);
    }
  }

  /** Returns the line up to a place: the call without its answer. */
  String callText(int end) {
    return scan.text().substring(0, end);
  }

  int td() {
    return scan.decimal("a TD number", RecordedMachine.TDS);
  }

  int vcpu() {
    return scan.decimal("a vCPU number", RecordedMachine.VCPUS);
  }

  int processor() {
    return scan.decimal("a processor number", RecordedMachine.PROCESSORS);
  }
}
