package dev.cocovisor.bugs;

import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.tdx.M65;
import dev.cocovisor.bugs.tdx.M8;
import java.util.List;

/** The bugs of TDX. */
final class TdxBugs {
  static final List<Bug> ALL = List.of(new M8(), new M65());

  private TdxBugs() {}
}
