package dev.cocovisor.bugs.entry;

import dev.cocovisor.api.Backend;
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

  private InstalledBug() {}

  /** Returns the parts of a host that is given none. */
  public static CoreParts parts(CoreParts built) {
    Bug bug = Bugs.of(ID);
    CoreParts with = bug.core(built);
    return with == built ? bug.core(bug.surroundings(built)) : with;
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

  /** Returns the backends of a host. */
  public static List<Backend> backends(List<Backend> all) {
    Bug bug = Bugs.of(ID);
    return all.stream()
        .map(b -> b.info().id().equals(bug.technology()) ? bug.backend(bug.around(b)) : b)
        .toList();
  }
}
