package dev.cocovisor.bugs.entry;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogWords;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.vmm.VmmDriver;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * A backend whose vendor halves see KVM through another context, and whose hooks can be wrapped.
 *
 * @param context what is put around the context of each VM
 * @param ops what is put around the hooks of each VM
 */
public record ContextBackend(
    Backend inner, UnaryOperator<VmContext> context, UnaryOperator<VmOps> ops) implements Backend {
  /** A backend whose hooks are as they were. */
  public ContextBackend(Backend inner, UnaryOperator<VmContext> context) {
    this(inner, context, UnaryOperator.identity());
  }

  @Override
  public BackendInfo info() {
    return inner.info();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new Around(inner.createPlatform(host));
  }

  @Override
  public VmmDriver vmm() {
    return inner.vmm();
  }

  @Override
  public List<LaunchMeasurer> measurers() {
    return inner.measurers();
  }

  @Override
  public List<LogReplayer> replayers() {
    return inner.replayers();
  }

  @Override
  public LogWords logWords() {
    return inner.logWords();
  }

  private final class Around extends ForwardingPlatform {
    Around(Platform delegate) {
      super(delegate);
    }

    @Override
    public VmOps createVm(VmContext vm, VmType type) {
      return ops.apply(super.createVm(context.apply(vm), type));
    }
  }
}
