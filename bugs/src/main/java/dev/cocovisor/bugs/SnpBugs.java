package dev.cocovisor.bugs;

import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.snp.M19;
import dev.cocovisor.bugs.snp.M24;
import dev.cocovisor.bugs.snp.M39;
import dev.cocovisor.bugs.snp.M40;
import dev.cocovisor.bugs.snp.M41;
import dev.cocovisor.bugs.snp.M43;
import dev.cocovisor.bugs.snp.M66;
import dev.cocovisor.bugs.snp.M67;
import dev.cocovisor.bugs.snp.M7;
import java.util.List;

/** The bugs of SEV-SNP. */
final class SnpBugs {
  static final List<Bug> ALL =
      List.of(
          new M7(), new M19(), new M24(), new M39(), new M40(), new M41(), new M43(), new M66(),
          new M67());

  private SnpBugs() {}
}
