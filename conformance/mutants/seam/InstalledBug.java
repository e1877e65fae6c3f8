package dev.cocovisor.bugs.entry;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.ForwardingVmContext;
import dev.cocovisor.api.Parts;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.bugs.Bugs;
import dev.cocovisor.core.CoreParts;
import dev.cocovisor.core.InvariantChecker;
import dev.cocovisor.core.gmem.GmemFile;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.core.vm.VmParts;
import java.util.List;

/**
 * The bug {@code -Dcocovisor.bug} put into what every host and every trusted half of the process is
 * made of. What a bug needs to show is the tests' own affair, unless it is a part of the bug.
 */
public final class InstalledBug {
  private static final String ID = System.getProperty("cocovisor.bug");

  /** How a process ends whose bug is no part of a host. */
  private static final int NOT_A_PART = 9;

  /**
   * What is put around backends: {@code bug}, or {@code idle}, as much as the bug puts there and no
   * bug, for tests that look into the class behind. Null where nothing is.
   */
  private static final String WRAP = System.getProperty("cocovisor.bug.wrap");

  private InstalledBug() {}

  /** Returns the bug. */
  public static Bug bug() {
    return Bugs.of(ID);
  }

  /** Returns the parts of a host that is given none. */
  public static CoreParts parts(CoreParts built) {
    if (WRAP != null) {
      CoreParts around = bug().surroundings(built);
      return WRAP.equals("idle") ? around : bug().core(around);
    }
    CoreParts with = bug().core(built);
    if (with == built) {
      // It wraps the backend: which tests bear that has to be known first.
      Runtime.getRuntime().halt(NOT_A_PART);
    }
    return with;
  }

  /** Returns the backends of a host, the one that has the bug wrapped. */
  public static List<Backend> backends(List<? extends Backend> built) {
    return WRAP == null ? List.copyOf(built) : built.stream().map(InstalledBug::wrapped).toList();
  }

  private static Backend wrapped(Backend b) {
    if (!b.info().id().equals(bug().technology())) {
      return b;
    }
    Backend around = bug().around(b);
    return WRAP.equals("idle")
        ? new ContextBackend(around, c -> new ForwardingVmContext(c) {})
        : bug().backend(around);
  }

  /** Returns the steps that a trusted half takes which is given none. */
  public static <T> T part(Class<T> type, T built) {
    var base =
        new CoreParts(
            FrameAllocator::buddy,
            GmemFile::create,
            VmParts.DEFAULT,
            InvariantChecker.STANDARD,
            Interposer.NONE,
            Parts.NONE);
    return parts(base).others().get(type, built);
  }
}
