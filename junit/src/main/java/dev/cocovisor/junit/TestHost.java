package dev.cocovisor.junit;

import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.model.GuestBuilder;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.script.call.CallRecorder;
import dev.cocovisor.vmm.checked.GuestVm;
import java.util.ArrayList;
import java.util.List;

/** The host of one test, with one VMM for all its guests, whose calls are recorded. */
final class TestHost {
  private final HypervisorModel model;
  private final boolean composed;
  private final KvmProcess process;
  private final CallRecorder recorder;
  private final List<GuestVm> guests = new ArrayList<>();

  /**
   * Boots.
   *
   * @param composed whether the test replaced parts, so that a log may not replay elsewhere
   */
  TestHost(HypervisorModel model, boolean composed) {
    this.model = model;
    this.composed = composed;
    this.process = model.newProcess();
    this.recorder = new CallRecorder(process);
  }

  HypervisorModel model() {
    return model;
  }

  KvmProcess process() {
    return process;
  }

  CallRecorder recorder() {
    return recorder;
  }

  GuestVm launch(CocoVm wanted) {
    GuestVm guest = launch(model, process, recorder, wanted);
    guests.add(guest);
    return guest;
  }

  /**
   * Launches a guest.
   *
   * @param calls how its VMM makes its system calls
   */
  static GuestVm launch(HypervisorModel model, KvmProcess process, VmmCalls calls, CocoVm wanted) {
    GuestBuilder launch =
        model.guest(wanted.backend(), process, calls).memory(wanted.memory()).vcpus(wanted.vcpus());
    GuestVm guest = launch.launch();
    return wanted.boot() ? guest.finish() : guest;
  }

  /** Ends the guests that still live, the last one first. */
  void end() {
    guests.reversed().forEach(GuestVm::close);
  }

  /** Ends the host. */
  void close() {
    model.close();
  }

  /**
   * Fails if something is that must not be.
   *
   * @param when for the message
   */
  void check(String when) {
    List<String> violations = model.violations();
    if (!violations.isEmpty()) {
      throw new AssertionError(
          (violations.size() == 1 ? "an invariant is" : violations.size() + " invariants are")
              + " broken "
              + when
              + ":\n  "
              + String.join("\n  ", violations));
    }
  }

  /** Returns the log of everything that was called, with what a reader should know of it. */
  String log(String test, Throwable failure) {
    String why = String.valueOf(failure.getMessage()).lines().findFirst().orElse("");
    return "# "
        + test
        + " failed: "
        + (why.isEmpty() ? failure.getClass().getSimpleName() : why)
        + "\n# To see it again, put these lines into a file and: cocovisor replay FILE.kvmlog\n"
        + (composed ? "# The host had parts of its own; a plain one may answer otherwise.\n" : "")
        + recorder.text();
  }
}
