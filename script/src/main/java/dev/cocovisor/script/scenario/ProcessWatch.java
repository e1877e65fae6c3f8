package dev.cocovisor.script.scenario;

import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.view.Strip;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.script.call.CallRecorder;
import dev.cocovisor.script.state.HostLook;
import dev.cocovisor.script.state.Measured;
import dev.cocovisor.script.text.LogCall;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Watches one process that no scenario drives: what each of its calls answered, caused and left
 * behind. Boot its host with {@link #trace}, and make its calls through what {@link #calls}
 * returns. Which pages were measured is not known from calls alone and is not told.
 */
public final class ProcessWatch {
  private final StepRecorder recorder = new StepRecorder();
  private final FrameWatch frames = new FrameWatch();
  private final Consumer<Made> each;

  /**
   * A call that was made.
   *
   * @param call with its answer
   * @param happened what happened meanwhile, in the order it began
   * @param ownership the frames of guest memory that changed hands, as text
   * @param state what the tables of the host say after it
   */
  public record Made(
      LogCall call,
      List<ScenarioStep.Happened> happened,
      List<String> ownership,
      List<Strip> state) {}

  /** Begins to watch a process that is not there yet; {@code each} is told of each of its calls. */
  public ProcessWatch(Consumer<Made> each) {
    this.each = each;
  }

  /** Returns where the host has to tell what happens. */
  public TraceSink trace() {
    return recorder;
  }

  /** Returns the calls of the process, watched; it has made none yet. */
  public VmmCalls calls(KvmProcess process) {
    return new CallRecorder(process, call -> made(process.kvm(), call));
  }

  private void made(Kvm kvm, LogCall call) {
    Map<String, Vm> living = new TreeMap<>();
    for (Vm vm : kvm.vms()) {
      if (!vm.isDestroyed()) {
        living.put(Integer.toString(vm.id()), vm);
      }
    }
    List<String> ownership = frames.look(kvm, new ArrayList<>(living.values()));
    List<Strip> state = HostLook.of(kvm, living, new Measured());
    each.accept(new Made(call, recorder.take(), ownership, state));
  }
}
