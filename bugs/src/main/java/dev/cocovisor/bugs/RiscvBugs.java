package dev.cocovisor.bugs;

import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.riscv.M62;
import java.util.List;

/** The bugs of RISC-V. */
final class RiscvBugs {
  static final List<Bug> ALL = List.of(new M62());

  private RiscvBugs() {}
}
