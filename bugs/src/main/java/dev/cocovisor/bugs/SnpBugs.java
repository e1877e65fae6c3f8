package dev.cocovisor.bugs;

import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.snp.M7;
import java.util.List;

/** The bugs of SEV-SNP. */
final class SnpBugs {
  static final List<Bug> ALL = List.of(new M7());

  private SnpBugs() {}
}
