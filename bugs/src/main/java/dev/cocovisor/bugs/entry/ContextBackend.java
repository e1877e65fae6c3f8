package dev.cocovisor.bugs.entry;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.ForwardingBackend;
import dev.cocovisor.api.ForwardingPlatform;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.ops.VmOps;
import java.util.function.UnaryOperator;

/**
 * A backend whose vendor halves see KVM through another context, and whose hooks can be wrapped.
 */
public final class ContextBackend extends ForwardingBackend {
  private final UnaryOperator<VmContext> context;
  private final UnaryOperator<VmOps> ops;

  /**
   * Wraps a backend.
   *
   * @param context what is put around the context of each VM
   * @param ops what is put around the hooks of each VM
   */
  public ContextBackend(Backend inner, UnaryOperator<VmContext> context, UnaryOperator<VmOps> ops) {
    super(inner);
    this.context = context;
    this.ops = ops;
  }

  /** A backend whose hooks are as they were. */
  public ContextBackend(Backend inner, UnaryOperator<VmContext> context) {
    this(inner, context, UnaryOperator.identity());
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new Around(super.createPlatform(host));
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
