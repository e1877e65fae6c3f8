package dev.cocovisor.script.scenario;

import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.text.LogWriter;

/**
 * The page counters of a VM after a step that changed them.
 *
 * @param vm the VM's number, or its descriptor in the log
 * @param stats the counters
 */
public record VmCounters(String vm, PageStats stats) {
  /** Returns the line by which a log prints them. */
  @Override
  public String toString() {
    return "kvm_stats(" + vm + ") = " + LogWriter.value(CallRunner.statsValue(stats));
  }
}
