package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.script.call.CallArgs;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.Reply;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Steps that make the host itself misbehave: memory runs out, the trusted half is busy. */
final class HostSteps {
  /** The names of the steps. */
  static final Set<String> NAMES = Set.of("host_take_memory", "host_give_memory", "firmware_fail");

  private static final int LARGEST_ORDER = 18;

  private final Kvm kvm;
  private final List<long[]> taken = new ArrayList<>();

  HostSteps(Kvm kvm) {
    this.kvm = kvm;
  }

  Reply run(String name, CallArgs a) {
    return switch (name) {
      case "host_take_memory" -> take(a.field(0, "leave", 0));
      case "host_give_memory" -> give();
      default -> fail(a);
    };
  }

  /** Takes every free frame but some, as other users of the host would. */
  private Reply take(long leave) {
    HostMemory memory = kvm.memory();
    for (int order = LARGEST_ORDER; order >= 0; order--) {
      long pfn;
      while ((pfn = memory.allocate(order)) != HostMemory.NO_FRAME) {
        taken.add(new long[] {pfn, order});
      }
    }
    for (long left = leave; left > 0 && !taken.isEmpty(); left--) {
      long[] block = taken.removeLast();
      // Blocks shrink towards the end of the list: what is not single is given back in halves.
      while (block[1] > 0) {
        block[1]--;
        taken.add(new long[] {block[0], block[1]});
        block[0] += 1L << block[1];
      }
      memory.free(block[0], 0);
    }
    return CallRunner.plain(0);
  }

  private Reply give() {
    taken.forEach(b -> kvm.memory().free(b[0], (int) b[1]));
    taken.clear();
    return CallRunner.plain(0);
  }

  private Reply fail(CallArgs a) {
    var how = word(TrustedFault.How.class, a.textField(0, "how", "busy"));
    int times = (int) a.field(0, "times", 1);
    String call = a.textField(0, "call", "");
    TrustedFault fault =
        call.isEmpty()
            ? TrustedFault.at(word(TrustedOperation.class, a.textField(0, "at", "map")), how, times)
            : TrustedFault.ofCall(call, how, times);
    // Without a trusted half nothing can refuse.
    Errno r = Errno.EOPNOTSUPP;
    for (Platform p : kvm.platforms()) {
      r = p.plan(fault);
    }
    return CallRunner.plain(-r.number());
  }

  private static <E extends Enum<E>> E word(Class<E> of, String text) {
    for (E e : of.getEnumConstants()) {
      if (e.name().toLowerCase(Locale.ROOT).equals(text)) {
        return e;
      }
    }
    throw new IllegalArgumentException(
        "'"
            + text
            + "' is none of "
            + List.of(of.getEnumConstants()).toString().toLowerCase(Locale.ROOT));
  }
}
