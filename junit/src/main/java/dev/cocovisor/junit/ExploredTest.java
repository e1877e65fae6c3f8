package dev.cocovisor.junit;

import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.explore.HostTrial;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.vmm.checked.GuestVm;
import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.platform.commons.support.ReflectionSupport;

/** One call of a test method with {@link Explore}: a host of its own, and its actors. */
final class ExploredTest extends HostTrial {
  private final HypervisorModel model;
  private final Actors actors;
  private final List<Part> parts;

  private ExploredTest(HypervisorModel model, Actors actors) {
    super(model.kvm());
    this.model = model;
    this.actors = actors;
    this.parts = actors.parts();
  }

  /** Boots a host, launches the guests the method asks for and calls it. */
  static ExploredTest begin(ExtensionContext context, Method test) {
    Demands demands = new Demands(test, context.getRequiredTestClass());
    HypervisorModel model = CocovisorExtension.model(context);
    KvmProcess process = model.newProcess();
    var actors = new Actors();
    Parameter[] wanted = test.getParameters();
    Object[] given = new Object[wanted.length];
    for (int i = 0; i < wanted.length; i++) {
      given[i] = value(wanted[i], demands, model, process, actors);
    }
    var _ = ReflectionSupport.invokeMethod(test, context.getRequiredTestInstance(), given);
    var trial = new ExploredTest(model, actors);
    if (trial.parts.size() < 2) {
      throw new IllegalStateException(
          test.getName() + " names " + trial.parts.size() + " actors; two or more can be explored");
    }
    return trial;
  }

  private static Object value(
      Parameter p, Demands demands, HypervisorModel model, KvmProcess process, Actors actors) {
    Class<?> type = p.getType();
    if (type == Actors.class) {
      return actors;
    }
    if (type == HypervisorModel.class) {
      return model;
    }
    if (type == Kvm.class) {
      return model.kvm();
    }
    if (type == KvmProcess.class || type == VmmCalls.class) {
      return process;
    }
    if (type == GuestVm.class) {
      CocoVm described = Objects.requireNonNull(demands.guest(p), "nothing describes " + p);
      return TestHost.launch(model, process, process, described);
    }
    throw new ParameterResolutionException(
        p + ": a test that is explored takes Actors, GuestVm and what is of the host");
  }

  @Override
  public List<Part> parts() {
    return parts;
  }

  @Override
  protected boolean afterwards() {
    actors.check();
    return true;
  }

  @Override
  public void close() {
    model.close();
  }
}
