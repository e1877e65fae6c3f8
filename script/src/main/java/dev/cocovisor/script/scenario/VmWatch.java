package dev.cocovisor.script.scenario;

import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Watches the VMs of a program: page counters, owners of frames, pages that tables take. */
final class VmWatch {
  private static final Set<String> STEERING = Set.of("host_config", "backends", "on");

  private final CallSession session;
  private final Map<String, Integer> vms = new TreeMap<>();
  private final Map<String, PageStats> last = new HashMap<>();
  private final FrameWatch frames = new FrameWatch();
  private boolean booted;

  VmWatch(CallSession session) {
    this.session = session;
  }

  /** Returns the counters of each VM whose counters the call changed. */
  List<String> counters(LogCall call, Reply reply) {
    if (STEERING.contains(call.name())) {
      return List.of();
    }
    booted = true;
    if (call.name().equals("ioctl")
        && reply.opened()
        && call.args().get(1).equals(new Value.Sym("KVM_CREATE_VM"))) {
      Long number = Symbols.number(reply.result().value());
      if (number != null) {
        vms.put(number.toString(), session.fds().of(number));
      }
    }
    List<Integer> launched = session.launched();
    for (int i = 0; i < launched.size(); i++) {
      vms.put(Integer.toString(i + 1), launched.get(i));
    }
    var out = new ArrayList<String>();
    vms.keySet().forEach(vm -> look(vm, out));
    return out;
  }

  private void look(String vm, List<String> out) {
    int fd = vms.getOrDefault(vm, -1);
    PageStats now = fd < 0 ? null : session.runner().process().stats(fd);
    if (now != null && !now.equals(last.put(vm, now))) {
      out.add("kvm_stats(" + vm + ") = " + LogWriter.value(CallRunner.statsValue(now)));
    }
  }

  /** Returns the frames that changed hands since the last call. */
  List<String> ownership() {
    return booted ? frames.look(session.runner().process().kvm(), living()) : List.of();
  }

  /** Returns the pages that tables take now. */
  ScenarioStep.Tables tables() {
    if (!booted) {
      return ScenarioStep.Tables.NONE;
    }
    long core = 0;
    long trusted = 0;
    for (Vm vm : living()) {
      core += vm.stage().tablePages();
      trusted += vm.stage().externalTablePages() + vm.ops().trustedTablePages();
    }
    return new ScenarioStep.Tables(core, trusted);
  }

  private List<Vm> living() {
    var living = new ArrayList<Vm>();
    for (int fd : vms.values()) {
      @Nullable Vm vm = fd < 0 ? null : session.runner().process().vm(fd);
      if (vm != null && !vm.isDestroyed()) {
        living.add(vm);
      }
    }
    return living;
  }
}
