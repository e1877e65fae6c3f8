package dev.cocovisor.script.scenario;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.text.LogResult;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One step of a scenario: a word that steers, something that every technology's guest or VMM does,
 * a nuisance of the host, or a system call as it stands.
 *
 * <p>VMs are numbered from 1 in the order of their launches; a place in a VM's memory is an offset
 * in bytes from where its RAM begins. {@link StepDecoder} and {@link StepEncoder} are the one way
 * from and to text.
 */
public sealed interface Step {
  /**
   * Returns who does it: a vCPU of a VM, or the VMM.
   *
   * @return {@code VM 1 vCPU 0}, {@code vCPU fd 7}, or {@code VMM}
   */
  default String lane() {
    return switch (this) {
      case Read s -> vcpu(s.vm(), s.vcpu());
      case Write s -> vcpu(s.vm(), s.vcpu());
      case Accept s -> vcpu(s.vm(), s.vcpu());
      case GuestMode s -> vcpu(s.vm(), s.vcpu());
      case Convert s when !s.byHost() -> vcpu(s.vm(), s.vcpu());
      case Call(KvmCall.GuestRun run) -> "vCPU fd " + run.fd();
      default -> "VMM";
    };
  }

  private static String vcpu(int vm, int vcpu) {
    return "VM " + vm + " vCPU " + vcpu;
  }

  /** Steers the scenario instead of doing something. */
  sealed interface Steering extends Step {}

  /**
   * Names the technologies a scenario is for.
   *
   * @param ids their ids
   */
  record Backends(List<String> ids) implements Steering {}

  /**
   * Makes the steps up to the next {@code on} count for some technologies only.
   *
   * @param ids their ids; empty for all
   */
  record On(List<String> ids) implements Steering {}

  /**
   * Says what the step before answers.
   *
   * @param results the results by technology; one that is not named may answer anything
   */
  record Expect(Map<String, LogResult> results) implements Steering {}

  /**
   * Begins what one actor does: the lines up to the next actor, or to {@link Together}. Where a
   * scenario is explored, actors act at the same time; where it is run, one after the other.
   *
   * @param name as reports call it
   */
  record ActorBegins(String name) implements Steering {}

  /** Ends the actors: what follows happens when all have come to their end. */
  record Together() implements Steering {}

  /**
   * Says what the step before may also answer when others act at the same time, though no order of
   * whole calls has it so.
   *
   * @param answers the answers, as a log writes them
   */
  record Allows(List<String> answers) implements Steering {}

  /**
   * Makes a scenario a finding of an exploration: which order of its actors' steps shows it, and
   * where. Whoever runs such a scenario follows that order.
   *
   * @param schedule the order, as the explorer writes it
   * @param on the technology's id
   * @param settings of the host, {@code name=value} with blanks between them
   * @param bug the bug of history that was put in; empty for none
   * @param meeting operations of the library of races that meet, instead of the scenario's actors:
   *     their names with {@code with} between them; empty for none
   * @param seed where what was drawn at random began
   * @param anyAnswers whether answers were left unjudged
   * @param breaks what broke, its first line
   */
  record Finding(
      String schedule,
      String on,
      String settings,
      String bug,
      String meeting,
      long seed,
      boolean anyAnswers,
      String breaks)
      implements Steering {}

  /**
   * Says that the call before was answered as it was because somebody else acted at the same time,
   * which a log of one call after the other cannot hold: its answer is named, not compared.
   *
   * @param why what the other did
   */
  record Raced(String why) implements Steering {}

  /**
   * A call of a program that was watched, which nobody can carry out: the watcher kept no more of
   * it, or it is no call of the notation.
   *
   * @param why what is missing or unknown
   */
  record Unread(String why) implements Steering {}

  /** Happens to, or in, a VM that a step launched. */
  sealed interface OfVm extends Step {
    /** Returns the VM's number, from 1. */
    int vm();
  }

  /** Is about a place in a VM's memory. */
  sealed interface OfPlace extends OfVm {
    /** Returns the offset of the first byte from where RAM begins. */
    long at();

    /** Returns how many bytes it is about. */
    default long size() {
      return 4096;
    }
  }

  /**
   * Creates a VM with its vCPUs and RAM, ready to be populated.
   *
   * @param memory bytes of RAM
   * @param vcpus how many vCPUs
   * @param huge whether the VMM's own mapping is of huge pages
   * @param from the VM whose memory it is given instead of memory of its own; 0 for none
   * @param policy what only its technology understands
   */
  record Launch(long memory, int vcpus, boolean huge, int from, Fields policy) implements Step {}

  /** Puts initial contents into private memory: {@code value} in every page's first byte. */
  record Populate(int vm, long at, long size, int value, boolean measured) implements OfPlace {}

  /** Ends the launch. */
  record FinalizeLaunch(int vm) implements OfVm {}

  /** The guest reads a byte. */
  record Read(int vm, int vcpu, long at, boolean shared) implements OfPlace {}

  /** The guest writes a byte. */
  record Write(int vm, int vcpu, long at, int value, boolean shared) implements OfPlace {}

  /**
   * The guest accepts memory.
   *
   * @param level at which size of page; null where the guest has no wish, which is 4 KiB
   */
  record Accept(int vm, int vcpu, long at, long size, @Nullable PageLevel level)
      implements OfPlace {}

  /** Memory changes sides, because the guest asks or because the host decides. */
  record Convert(int vm, int vcpu, long at, long size, boolean toPrivate, boolean byHost)
      implements OfPlace {}

  /** The VMM gives private pages back. */
  record Punch(int vm, long at, long size) implements OfPlace {}

  /** The VMM maps memory before the guest asks. */
  record Prefault(int vm, int vcpu, long at, long size) implements OfPlace {}

  /** Plugs RAM into a VM. */
  record Plug(int vm, long at, long size, boolean huge) implements OfPlace {}

  /** Unplugs the piece of RAM that holds a place. */
  record Unplug(int vm, long at) implements OfPlace {}

  /** Moves the piece of RAM that holds a place. */
  record Move(int vm, long at, long to) implements OfPlace {}

  /** Boots a VM anew. */
  record Reboot(int vm) implements OfVm {}

  /** Asks for a VM's page counters. */
  record Stats(int vm) implements OfVm {}

  /** Ends a VM; its memory's descriptors may stay open. */
  record Teardown(int vm, boolean keepMemory) implements OfVm {}

  /** Closes what {@link Teardown} kept. */
  record CloseMemory(int vm) implements OfVm {}

  /** The host reads a byte of a VM's memory. */
  record Peek(int vm, long at, Via via) implements OfPlace {}

  /** The VMM writes a byte through its mapping. */
  record Poke(int vm, long at, int value) implements OfPlace {}

  /** Somebody holds pages of the VMM's mapping of a VM's memory. */
  record Pin(int vm, long at, long size) implements OfPlace {}

  /** Every page that {@link Pin} holds is let go. */
  record Unpin(int vm) implements OfVm {}

  /** A vCPU enters or leaves a guest of its own guest; it stays there between its actions. */
  record GuestMode(int vm, int vcpu, boolean nested) implements OfVm {}

  /** By which way the host reads guest memory. */
  enum Via {
    /** The VMM's own mapping. */
    USER,
    /** The kernel, through the VMM's mapping, on behalf of a system call. */
    KERNEL,
    /** The kernel's direct map of the frame that holds the private page. */
    DIRECT_MAP
  }

  /** Something about the host, not about a VM. */
  sealed interface OfHost extends Step {}

  /** Takes every free frame of the host but some, as other users would. */
  record TakeMemory(long leave) implements OfHost {}

  /** Gives back what {@link TakeMemory} took. */
  record GiveMemory() implements OfHost {}

  /** Makes the next calls into the trusted half fail. */
  record FirmwareFail(TrustedFault fault) implements OfHost {}

  /**
   * A system call, a guest's action, or the host's set-up. A guest's action names a vCPU by its
   * descriptor, or, where no such descriptor is open, the number of a VM that a step launched, with
   * the vCPU's place in its field {@code vcpu}.
   */
  record Call(KvmCall call) implements Step {}
}
