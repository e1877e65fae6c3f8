package dev.cocovisor.vmm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;

/** How a step ended in which both the VMM's calls and the guest can have the last word. */
public sealed interface Outcome {
  /**
   * The VMM's last call ended it.
   *
   * @param ret {@code >= 0} or {@code -errno}
   */
  record Answered(long ret) implements Outcome {
    @Override
    public boolean done() {
      return ret >= 0;
    }

    @Override
    public String toString() {
      return ret >= 0 ? Long.toString(ret) : Errno.of((int) -ret).toString();
    }
  }

  /**
   * The guest's last action ended it.
   *
   * @param vcpu the vCPU's place among the guest's
   * @param action what the guest did
   * @param run how KVM_RUN ended
   * @param answer what that means, as the technology's VMM judges it
   */
  record Told(int vcpu, GuestAction action, RunResult run, GuestAnswer answer) implements Outcome {
    @Override
    public boolean done() {
      return answer.done();
    }

    /** Returns the byte read or the value returned; 0 where there is none. */
    public long value() {
      return answer instanceof GuestAnswer.Done(long value) ? value : 0;
    }

    @Override
    public String toString() {
      return switch (answer) {
        case GuestAnswer.Done d -> "done, " + d.value();
        case GuestAnswer.Refused r -> "refused with " + r.says();
        case GuestAnswer.AsksHost a -> "asks the host: " + ended(a.exit().name());
        case GuestAnswer.Stopped s -> "stopped by " + ended(s.exit().name());
      };
    }

    private String ended(String exit) {
      return (run.errno().ok() ? "" : run.errno() + " ") + exit + " " + run.exit();
    }
  }

  /** Tells whether the step did what was asked. */
  boolean done();
}
