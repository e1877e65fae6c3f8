package dev.cocovisor.tdx.seamlog;

import java.util.LinkedHashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Lines of state, compared with the model's; those that end a program have to be complete. */
final class StateLines {
  private final SeamProgram program;
  private final SeamLine scan;
  private final RecordedMachine machine;
  private @Nullable Set<String> finalLines;

  StateLines(SeamProgram program) {
    this.program = program;
    scan = program.scan();
    machine = program.machine();
  }

  /** Ends the program: what the model still has and the log did not list is a difference. */
  void finish() {
    if (finalLines != null) {
      for (String left : finalLines) {
        program.comparison().mismatch(scan.line(), program.number(), "end of program", "", left);
      }
    }
  }

  private void state(String got) {
    scan.expect(") = ");
    int at = scan.position();
    program.compare(program.callText(at - 3), scan.text().substring(at), got);
  }

  void sept() {
    int td = program.td();
    scan.expect(", ");
    long gpa = scan.hex("an address");
    scan.expect(", ");
    int level = scan.decimal("a level", 5);
    state(StateView.sept(machine.td(td), gpa, level));
  }

  void pamt() {
    long hpa = scan.hex("an address");
    state(StateView.pamt(machine.module.pamt(hpa), hpa));
  }

  void td() {
    state(StateView.td(machine.td(program.td())));
  }

  void mrtd() {
    state(StateView.mrtd(machine.td(program.td())));
  }

  void finalLine() {
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
      program.comparison().mismatch(scan.line(), program.number(), "final state", scan.text(), got);
    }
  }
}
