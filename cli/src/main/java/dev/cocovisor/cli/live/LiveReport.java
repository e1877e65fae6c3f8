package dev.cocovisor.cli.live;

import dev.cocovisor.cli.print.Console;
import dev.cocovisor.live.kvm.LiveTotals;
import java.util.Map;

/** Prints what was passed over, and the counts that every live command ends with. */
final class LiveReport {
  private LiveReport() {}

  static void passedOver(Console console, LiveTotals totals) {
    totals
        .programsPassedOver()
        .forEach((why, n) -> console.err().println("skipped " + n + " programs: " + why));
    totals
        .passedOver()
        .forEach((why, n) -> console.err().println("skipped " + n + " calls: " + why));
    totals.hung().keySet().forEach(h -> console.err().println("hung: " + h));
  }

  static String counts(LiveTotals t) {
    var out = new StringBuilder("programs=").append(t.programs());
    out.append(" calls=").append(t.calls());
    append(out, "skipped-programs", sum(t.programsPassedOver()));
    append(out, "skipped", sum(t.passedOver()));
    append(out, "hung", sum(t.hung()));
    return out.toString();
  }

  private static void append(StringBuilder out, String name, long n) {
    if (n > 0) {
      out.append(' ').append(name).append('=').append(n);
    }
  }

  private static long sum(Map<String, Long> counts) {
    return counts.values().stream().mapToLong(Long::longValue).sum();
  }
}
