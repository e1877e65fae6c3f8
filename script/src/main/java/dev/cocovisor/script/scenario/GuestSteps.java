package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.PageStats;
import dev.cocovisor.core.vm.Vcpu;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.script.call.CallRunner;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Technology;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Carries out the steps of VMs by {@link Guest}s of one technology, numbered from 1. */
final class GuestSteps {
  private static final Reply GONE = CallRunner.plain(-Errno.EBADF.number());

  private final KvmProcess process;
  private final Technology technology;
  private final HostView view;
  private final GuestReplies replies;
  private final List<Guest> guests = new ArrayList<>();

  GuestSteps(KvmProcess process, Technology technology, Words words) {
    this.process = process;
    this.technology = technology;
    this.view = new HostView(process.kvm());
    this.replies = new GuestReplies(words);
  }

  /** Returns the guests launched so far, those gone included. */
  List<Guest> guests() {
    return List.copyOf(guests);
  }

  /**
   * Returns a guest by its number.
   *
   * @throws IllegalArgumentException if no VM of this number was launched
   */
  Guest guest(int number) {
    if (number < 1 || number > guests.size()) {
      throw new IllegalArgumentException("VM " + number + " was never launched");
    }
    return guests.get(number - 1);
  }

  /** Launches a VM, which gets the next number. */
  Reply launch(Step.Launch step) {
    var asked =
        GuestLaunch.DEFAULT
            .withMemory(step.memory())
            .withHuge(step.huge())
            .withVcpus(step.vcpus())
            .withPolicy(step.policy())
            .withMemoryOf(step.from() == 0 ? null : guest(step.from()));
    var guest = new Guest(technology, process, asked);
    long ret = guest.launch();
    if (ret < 0) {
      return CallRunner.plain(ret);
    }
    guests.add(guest);
    return Reply.of(LogResult.of(Value.Num.of(guests.size())));
  }

  /** Carries out a step of a VM that was launched. */
  Reply run(Step.OfVm step) {
    Guest guest = guest(step.vm());
    if (step instanceof Step.Peek(int vm, long at, Step.Via via) && via == Step.Via.DIRECT_MAP) {
      return peek(vm, at).reply();
    }
    if (!guest.live() && !(step instanceof Step.CloseMemory)) {
      return GONE;
    }
    Reply reply = run(step, guest);
    if (step instanceof Step.OfPlace place) {
      view.note(step.vm(), coreVm(guest), guest.gpa(place.at()));
    }
    return reply;
  }

  /** Returns what the kernel sees of a private page through its direct map. */
  HostView.Seen peek(int vm, long at) {
    Guest guest = guest(vm);
    return view.peek(vm, coreVm(guest), guest.gpa(at));
  }

  private @Nullable Vm coreVm(Guest guest) {
    return guest.live() ? process.vm(guest.machine().vmFd()) : null;
  }

  private Reply run(Step.OfVm step, Guest g) {
    return switch (step) {
      case Step.Populate s ->
          CallRunner.plain(g.populate(s.at(), s.size(), s.value(), s.measured()));
      case Step.FinalizeLaunch _ -> replies.of(g.finish());
      case Step.Read s -> replies.of(g.read(s.vcpu(), s.at(), s.shared()));
      case Step.Write s -> replies.of(g.write(s.vcpu(), s.at(), s.value(), s.shared()));
      case Step.Accept s ->
          replies.of(
              g.accept(
                  s.vcpu(),
                  s.at(),
                  s.size(),
                  Objects.requireNonNullElse(s.level(), PageLevel.PG_4K)));
      case Step.Convert s ->
          s.byHost()
              ? CallRunner.plain(g.hostConvert(s.at(), s.size(), s.toPrivate()))
              : replies.of(g.convert(s.vcpu(), s.at(), s.size(), s.toPrivate()));
      case Step.Punch s -> CallRunner.plain(g.punch(s.at(), s.size()));
      case Step.Prefault s -> GuestReplies.of(g.prefault(s.vcpu(), s.at(), s.size()));
      case Step.Plug s -> CallRunner.plain(g.plug(s.at(), s.size(), s.huge()));
      case Step.Unplug s -> CallRunner.plain(g.unplug(s.at()));
      case Step.Move s -> CallRunner.plain(g.move(s.at(), s.to()));
      case Step.Reboot _ -> CallRunner.plain(g.reboot());
      case Step.Stats _ -> stats(g);
      case Step.Teardown s -> CallRunner.plain(s.keepMemory() ? g.closeKeepingMemory() : g.close());
      case Step.CloseMemory _ -> CallRunner.plain(g.closeMemory());
      case Step.GuestMode s -> guestMode(g, s);
      case Step.Peek s ->
          CallRunner.touched(
              s.via() == Step.Via.KERNEL ? g.kernelRead(s.at(), 1) : g.hostRead(s.at()));
      case Step.Pin s -> CallRunner.plain(g.pin(s.at(), s.size()));
      case Step.Unpin _ -> CallRunner.plain(g.unpin());
      case Step.Poke s -> CallRunner.touched(g.hostWrite(s.at(), s.value()));
    };
  }

  private Reply stats(Guest g) {
    PageStats stats = process.stats(g.machine().vmFd());
    return stats == null ? GONE : Reply.of(LogResult.of(CallRunner.statsValue(stats)));
  }

  private Reply guestMode(Guest g, Step.GuestMode s) {
    Vcpu vcpu = process.vcpu(g.vcpuFd(s.vcpu()));
    if (vcpu == null) {
      return GONE;
    }
    vcpu.setGuestMode(s.nested());
    return CallRunner.plain(0);
  }

  /** A guest's own action, named by its VM's number; the field {@code vcpu} says which vCPU. */
  Reply act(KvmCall.GuestRun call) {
    Guest g = guest((int) call.fd());
    if (!(call.action() instanceof GuestAction.Vendor(String name, Fields fields))) {
      return replies.of(g.act(0, call.action()));
    }
    var operands = new Fields();
    fields
        .asMap()
        .forEach((field, value) -> {
          if (!field.equals("vcpu")) {
            operands.putAny(field, value);
          }
        });
    int vcpu = (int) fields.number("vcpu", 0);
    return replies.of(g.act(vcpu, new GuestAction.Vendor(name, operands)));
  }
}
