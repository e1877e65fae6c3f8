package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.Reply;
import java.util.ArrayList;
import java.util.List;

/** Steps that make the host itself misbehave: memory runs out, the trusted half is busy. */
final class MisbehavingHostSteps {
  private static final int LARGEST_ORDER = 18;

  private final Kvm kvm;
  private final List<long[]> taken = new ArrayList<>();

  MisbehavingHostSteps(Kvm kvm) {
    this.kvm = kvm;
  }

  Reply run(Step.OfHost step) {
    return switch (step) {
      case Step.TakeMemory s -> take(s.leave());
      case Step.GiveMemory _ -> give();
      case Step.FirmwareFail s -> fail(s.fault());
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

  /** Plans the failure on every platform of the host; one that was not needed yet is made now. */
  private Reply fail(TrustedFault fault) {
    // Without a trusted half nothing can refuse.
    Errno answer = Errno.EOPNOTSUPP;
    boolean first = true;
    for (Backend b : kvm.backends()) {
      Errno r = kvm.platform(b).plan(fault);
      if (r.ok()) {
        return CallRunner.plain(0);
      }
      answer = first || answer == Errno.ENOENT ? r : answer;
      first = false;
    }
    return CallRunner.plain(-answer.number());
  }
}
