package dev.cocovisor.script.call;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The descriptors of a log and the model's behind them.
 *
 * <p>They differ because the recorder held descriptors of its own. A number that the log has not
 * bound leads to a descriptor that is never open.
 */
public final class LogDescriptors {
  /** Far above what a process opens. */
  private static final int NEVER_OPEN = 1 << 30;

  private final Map<Long, Integer> model = new HashMap<>();
  private final Map<Long, Long> vmOfVcpu = new HashMap<>();

  public int of(long name) {
    if (name < 0) {
      return -1;
    }
    return model.getOrDefault(name, NEVER_OPEN);
  }

  /** Returns the name of a new descriptor whose number a log leaves out. */
  public long nameFor(int fd) {
    long name = fd;
    while (model.containsKey(name)) {
      name++;
    }
    return name;
  }

  public void bind(long name, int fd) {
    model.put(name, fd);
    vmOfVcpu.remove(name);
  }

  public void bindVcpu(long name, int fd, long vm) {
    bind(name, fd);
    vmOfVcpu.put(name, vm);
  }

  public void unbind(long name) {
    model.remove(name);
    vmOfVcpu.remove(name);
  }

  public boolean isBound(long name) {
    return model.containsKey(name);
  }

  /** Returns the name of the VM that an open vCPU is of, or -1. */
  public long vmOf(long vcpu) {
    return vmOfVcpu.getOrDefault(vcpu, -1L);
  }

  /** Returns the names of a VM's open vCPUs. */
  public List<Long> vcpusOf(long vm) {
    var out = new ArrayList<Long>();
    vmOfVcpu.forEach((vcpu, of) -> {
      if (of == vm) {
        out.add(vcpu);
      }
    });
    return out;
  }
}
