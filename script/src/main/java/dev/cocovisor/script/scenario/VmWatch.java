package dev.cocovisor.script.scenario;

import dev.cocovisor.api.view.Strip;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Symbols;
import dev.cocovisor.script.state.HostLook;
import dev.cocovisor.script.state.Measured;
import dev.cocovisor.vmm.Guest;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Watches the VMs of a program: page counters, owners of frames, pages that tables take. */
final class VmWatch {
  private final Session session;
  private final Map<String, Integer> vms = new TreeMap<>();
  private final Map<String, PageStats> last = new HashMap<>();
  private final FrameWatch frames = new FrameWatch();
  private final Measured measured = new Measured();
  private boolean booted;

  VmWatch(Session session) {
    this.session = session;
  }

  /**
   * Takes note of a step.
   *
   * @param wanted whether somebody wants to know the counters
   * @return the counters of each VM whose counters the step changed
   */
  List<VmCounters> counters(Step step, Reply reply, boolean wanted) {
    if (step instanceof Step.Steering || step instanceof Step.Call(KvmCall.HostSetup _)) {
      return List.of();
    }
    booted = true;
    measure(step, reply);
    if (step instanceof Step.Call(KvmCall.CreateVm _) && reply.opened()) {
      Long number = Symbols.number(reply.result().value());
      if (number != null) {
        vms.put(number.toString(), session.fds().of(number));
      }
    }
    List<Guest> launched = session.launched();
    for (int i = 0; i < launched.size(); i++) {
      Guest guest = launched.get(i);
      vms.put(Integer.toString(i + 1), guest.live() ? guest.machine().vmFd() : -1);
    }
    var out = new ArrayList<VmCounters>();
    if (wanted) {
      vms.keySet().forEach(vm -> look(vm, out));
    }
    return out;
  }

  private void look(String vm, List<VmCounters> out) {
    int fd = vms.getOrDefault(vm, -1);
    PageStats now = fd < 0 ? null : session.process().stats(fd);
    if (now != null && !now.equals(last.put(vm, now))) {
      out.add(new VmCounters(vm, now));
    }
  }

  /** Returns the frames that changed hands since the last call. */
  List<String> ownership() {
    return booted ? frames.look(session.process().kvm(), living()) : List.of();
  }

  /** Returns the pages that tables take now. */
  ScenarioStep.Tables tables() {
    if (!booted) {
      return ScenarioStep.Tables.NONE;
    }
    long core = 0;
    long trusted = 0;
    for (Vm vm : living()) {
      core += vm.stages().stream().mapToLong(SecondStage::tablePages).sum();
      trusted += vm.stage().externalTablePages() + vm.ops().trustedTablePages();
    }
    return new ScenarioStep.Tables(core, trusted);
  }

  /** Returns what the tables of the host say now. */
  List<Strip> state() {
    return booted ? HostLook.of(session.process().kvm(), named(), measured) : List.of();
  }

  private void measure(Step step, Reply reply) {
    boolean failed = reply.result().isError();
    switch (step) {
      case Step.Populate s when s.measured() && !failed -> {
        Guest guest = session.launched().get(s.vm() - 1);
        measured.add(Integer.toString(s.vm()), guest.gfn(s.at()), s.size() >>> 12);
      }
      case Step.Reboot s -> measured.forget(Integer.toString(s.vm()));
      case Step.Teardown s -> measured.forget(Integer.toString(s.vm()));
      default -> {}
    }
  }

  private Collection<Vm> living() {
    return named().values();
  }

  private Map<String, Vm> named() {
    var living = new TreeMap<String, Vm>();
    vms.forEach((name, fd) -> {
      @Nullable Vm vm = fd < 0 ? null : session.process().vm(fd);
      if (vm != null && !vm.isDestroyed()) {
        living.put(name, vm);
      }
    });
    return living;
  }
}
