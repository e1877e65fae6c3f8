package dev.cocovisor.live.kvm;

import dev.cocovisor.api.VmType;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;

/**
 * How logs are run.
 *
 * @param timeoutMillis how long one call may take before the program is ended
 * @param asType the type of every VM, whatever the log says; -1 for the log's own
 */
public record LiveOptions(int timeoutMillis, long asType) {
  /** The log's own types, ten seconds a call. */
  public static final LiveOptions DEFAULT = new LiveOptions(10_000, -1);

  /** Returns a KVM_CREATE_VM with the type that is made instead of its own. */
  LogCall retyped(LogCall createVm) {
    var args = new ArrayList<>(createVm.args());
    Value name =
        VmType.UAPI.stream()
            .filter(t -> t.number() == asType)
            .findFirst()
            .<Value>map(t -> new Value.Sym(t.name()))
            .orElse(Value.Num.of(asType));
    args.set(2, name);
    return createVm.withArgs(args);
  }
}
