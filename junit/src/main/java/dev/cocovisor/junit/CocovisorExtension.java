package dev.cocovisor.junit;

import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.vmm.checked.GuestVm;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.AfterTestExecutionCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolutionException;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * Gives tests guests and the host they live on, and looks after both.
 *
 * <p>Resolves parameters of type {@link GuestVm} that are described by {@link CocoVm}, {@link
 * HypervisorModel}, {@link Kvm}, {@link KvmProcess} (the VMM of all guests of the test) and {@link
 * VmmCalls} (its system calls, recorded). Registered by {@link CocoVm} and {@link CocoHost}.
 *
 * <p>Each test has a host of its own. After the test method the invariants are checked, and again
 * when its guests have ended; a test that failed, for whatever reason, prints its call log to
 * standard error and publishes it as the report entry {@code cocovisor.kvmlog}.
 */
public final class CocovisorExtension
    implements ParameterResolver, AfterTestExecutionCallback, AfterEachCallback {
  /** The key of the report entry that holds the call log of a test that failed. */
  public static final String REPORT_KEY = "cocovisor.kvmlog";

  private static final Namespace SPACE = Namespace.create(CocovisorExtension.class);
  private static final Set<Class<?>> HOST_TYPES =
      Set.of(HypervisorModel.class, Kvm.class, KvmProcess.class, VmmCalls.class);

  /** Creates the extension; it has no state. */
  public CocovisorExtension() {}

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    if (context.getTestMethod().isEmpty()
        || AnnotationSupport.isAnnotated(parameter.getDeclaringExecutable(), Explore.class)) {
      return false;
    }
    boolean described = parameter.isAnnotated(CocoVm.class);
    if (described && parameter.getParameter().getType() != GuestVm.class) {
      throw new ParameterResolutionException(
          "@CocoVm stands on " + parameter.getParameter() + ", which is no GuestVm");
    }
    return HOST_TYPES.contains(parameter.getParameter().getType())
        || demands(context).guest(parameter.getParameter()) != null;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    try {
      TestHost host = host(context);
      if (type == HypervisorModel.class) {
        return host.model();
      }
      if (type == Kvm.class) {
        return host.model().kvm();
      }
      if (type == KvmProcess.class) {
        return host.process();
      }
      if (type == VmmCalls.class) {
        return host.recorder();
      }
      CocoVm wanted = demands(context).guest(parameter.getParameter());
      if (wanted == null) {
        throw new ParameterResolutionException("nothing describes " + parameter.getParameter());
      }
      return host.launch(wanted);
    } catch (HostException e) {
      throw new ParameterResolutionException(
          "cannot give "
              + context.getDisplayName()
              + " its "
              + type.getSimpleName()
              + ":\n"
              + e.getMessage(),
          e);
    }
  }

  @Override
  public void afterTestExecution(ExtensionContext context) {
    TestHost host = existing(context);
    if (host != null) {
      host.check("after the test");
    }
  }

  @Override
  public void afterEach(ExtensionContext context) {
    TestHost host = existing(context);
    if (host == null) {
      return;
    }
    Throwable failure = context.getExecutionException().orElse(null);
    try {
      host.end();
      if (failure == null) {
        host.check("when the guests had ended");
      }
    } catch (RuntimeException | AssertionError e) {
      // What the test itself failed of counts more than what became of its guests then.
      if (failure == null) {
        failure = e;
        throw e;
      }
    } finally {
      if (failure != null) {
        print(context, host.log(name(context), failure));
      }
      host.close();
    }
  }

  private static void print(ExtensionContext context, String log) {
    System.err.println(log);
    context.publishReportEntry(REPORT_KEY, log);
  }

  private static String name(ExtensionContext context) {
    return context.getRequiredTestClass().getSimpleName()
        + "."
        + context.getRequiredTestMethod().getName()
        + (context.getDisplayName().startsWith(context.getRequiredTestMethod().getName())
            ? ""
            : " " + context.getDisplayName());
  }

  private static Demands demands(ExtensionContext context) {
    return new Demands(context.getRequiredTestMethod(), context.getRequiredTestClass());
  }

  private static @Nullable TestHost existing(ExtensionContext context) {
    return context.getStore(SPACE).get(TestHost.class, TestHost.class);
  }

  private static TestHost host(ExtensionContext context) {
    TestHost host = existing(context);
    if (host == null) {
      host = boot(context);
      context.getStore(SPACE).put(TestHost.class, host);
    }
    return host;
  }

  private static TestHost boot(ExtensionContext context) {
    return new TestHost(model(context), !composers(context).isEmpty());
  }

  private static List<HostComposer> composers(ExtensionContext context) {
    return context.getRequiredTestInstances().getAllInstances().stream()
        .filter(HostComposer.class::isInstance)
        .map(HostComposer.class::cast)
        .toList();
  }

  /** Boots a host as the test's annotations and instances describe it. */
  static HypervisorModel model(ExtensionContext context) {
    Demands demands = demands(context);
    HypervisorModel.Builder builder =
        HypervisorModel.builder()
            .backends(registry(context), demands.backends().toArray(String[]::new));
    demands.settings().forEach(builder::setting);
    composers(context).forEach(c -> c.compose(builder));
    return builder.build();
  }

  /** The class path is looked through once a run. */
  private static BackendRegistry registry(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(SPACE)
        .getOrComputeIfAbsent(
            BackendRegistry.class, _ -> BackendRegistry.classPathOnly(), BackendRegistry.class);
  }
}
