package dev.cocovisor.core.vm;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What is remembered of a VM's progress: which hook was the last not to let the core go on, and
 * what gave up because the same was tried too often.
 */
public final class VmProgress {
  private final Consumer<NoProgress> report;
  private volatile String hook = "";
  private @Nullable Health health;

  /** Starts to watch a VM; {@code report} takes what gave up. */
  public VmProgress(Consumer<NoProgress> report) {
    this.report = report;
  }

  /** Notes a hook by the kernel's name; again the same costs a look. */
  public void refused(String name) {
    if (!hook.equals(name)) {
      hook = name;
    }
  }

  /** Returns the kernel's name of the last hook that refused; empty where none did. */
  public String lastHook() {
    return hook;
  }

  void of(Health theVms) {
    health = theVms;
  }

  /** A hook threw: what it was in the middle of is half done, and the VM is not used any more. */
  public void broke(String why) {
    Health h = health;
    if (h != null) {
      h.bug(why);
    }
  }

  void gaveUp(int vm, int vcpu, long gfn, long tries) {
    report.accept(new NoProgress(vm, vcpu, gfn, tries, hook));
  }
}
