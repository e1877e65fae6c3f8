package dev.cocovisor.host.load;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogWords;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Stands between the model and a backend that may be unloaded: counts its live VMs, and lets go of
 * everything from the plugin's class loader when it goes, so that hosts which once used it do not
 * keep it in memory. What the core does not guard itself says whose it is when it throws.
 */
final class PluginBackend implements Backend {
  private final BackendInfo info;
  private final String pluginId;
  private final LiveVms vms;
  private final Set<PluginPlatform> platforms = ConcurrentHashMap.newKeySet();
  private final PluginFailures failures;
  private volatile @Nullable Backend delegate;

  PluginBackend(Backend delegate, BackendInfo info, String pluginId, LiveVms vms) {
    this.delegate = delegate;
    this.info = info;
    this.pluginId = pluginId;
    this.vms = vms;
    this.failures = new PluginFailures(pluginId, info.id());
  }

  @Override
  public BackendInfo info() {
    return info;
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    Backend backend = present();
    PluginPlatform platform = new PluginPlatform(backend.createPlatform(host));
    platforms.add(platform);
    return platform;
  }

  @Override
  public VmmDriver vmm() {
    Backend backend = present();
    return new PluginVmm(failures.answer("vmm", backend::vmm), failures);
  }

  @Override
  public List<LaunchMeasurer> measurers() {
    Backend backend = present();
    return failures.answer("measurers", backend::measurers).stream()
        .<LaunchMeasurer>map(m -> new PluginMeasurer(m, failures))
        .toList();
  }

  @Override
  public List<LogReplayer> replayers() {
    Backend backend = present();
    return failures.answer("replayers", backend::replayers).stream()
        .<LogReplayer>map(r -> new PluginReplayer(r, failures))
        .toList();
  }

  @Override
  public List<String> deviceFiles() {
    return failures.answer("deviceFiles", present()::deviceFiles);
  }

  @Override
  public LogWords logWords() {
    return present().logWords();
  }

  @Override
  public List<KernelRule<?>> kernelRules() {
    return failures.answer("kernelRules", present()::kernelRules);
  }

  @Override
  public boolean adoptsDefaultVms() {
    Backend backend = delegate;
    return backend != null && failures.answer("adoptsDefaultVms", backend::adoptsDefaultVms);
  }

  ClassLoader loader() {
    return present().getClass().getClassLoader();
  }

  private Backend present() {
    Backend backend = delegate;
    if (backend == null) {
      throw gone();
    }
    return backend;
  }

  /** Drops the plugin's objects; its platforms end here. No VM is alive. */
  void release() {
    delegate = null;
    platforms.forEach(PluginPlatform::close);
    platforms.clear();
  }

  private HostException gone() {
    return new HostException(
        new PluginFinding(
            FindingCode.UNLOADED,
            info.id(),
            "the backend is gone",
            "its plugin " + pluginId + " was unloaded",
            "load the plugin again and use the backend that the registry gives out then",
            List.of()));
  }

  private final class PluginPlatform implements Platform {
    private volatile @Nullable Platform inner;
    private volatile PhysicalGuard guard = PhysicalGuard.NONE;

    PluginPlatform(Platform inner) {
      this.inner = inner;
    }

    @Override
    public VmOps createVm(VmContext vm, VmType type) {
      Platform platform = inner;
      if (platform == null) {
        throw gone();
      }
      return new PluginVmOps(platform.createVm(vm, type), vm.id());
    }

    @Override
    public PhysicalGuard guard() {
      Platform platform = inner;
      if (platform != null) {
        guard = failures.answer("guard", platform::guard);
      }
      return (who, pfn, write) -> {
        try {
          return guard.check(who, pfn, write);
        } catch (Throwable t) {
          throw failures.in("guard", t);
        }
      };
    }

    @Override
    public void checkInvariants(Consumer<String> violation) {
      Platform platform = inner;
      if (platform != null) {
        try {
          platform.checkInvariants(violation);
        } catch (Throwable t) {
          throw failures.in("checkInvariants", t);
        }
      }
    }

    @Override
    public @Nullable String ownerOf(long pfn) {
      Platform platform = inner;
      return platform == null ? null : failures.call("ownerOf", () -> platform.ownerOf(pfn));
    }

    @Override
    public void showFrames(TableSink into) {
      Platform platform = inner;
      if (platform != null) {
        try {
          platform.showFrames(into);
        } catch (Throwable t) {
          throw failures.in("showFrames", t);
        }
      }
    }

    @Override
    public boolean makeAccessible(long pfn) {
      Platform platform = inner;
      return platform != null
          && failures.answer("makeAccessible", () -> platform.makeAccessible(pfn));
    }

    @Override
    public boolean takeBack(long pfn) {
      Platform platform = inner;
      return platform != null && failures.answer("takeBack", () -> platform.takeBack(pfn));
    }

    @Override
    public long secondaryTablePages() {
      Platform platform = inner;
      return platform == null
          ? 0
          : failures.answer("secondaryTablePages", platform::secondaryTablePages);
    }

    @Override
    public long lockedPages() {
      Platform platform = inner;
      return platform == null ? 0 : failures.answer("lockedPages", platform::lockedPages);
    }

    @Override
    public long deviceAttribute(long group, long attribute) {
      Platform platform = inner;
      return platform == null
          ? -Errno.ENXIO.number()
          : failures.answer("deviceAttribute", () -> platform.deviceAttribute(group, attribute));
    }

    @Override
    public List<? extends TrustedCall> trustedCalls() {
      Platform platform = inner;
      return platform == null ? List.of() : failures.answer("trustedCalls", platform::trustedCalls);
    }

    @Override
    public Errno plan(TrustedFault fault) {
      Platform platform = inner;
      return platform == null ? Errno.ENODEV : failures.answer("plan", () -> platform.plan(fault));
    }

    @Override
    public void close() {
      platforms.remove(this);
      Platform platform = inner;
      inner = null;
      guard = PhysicalGuard.NONE;
      if (platform != null) {
        try {
          platform.close();
        } catch (Throwable t) {
          throw failures.in("close", t);
        }
      }
    }
  }

  /** A VM counts from a successful {@code vm_init} to its {@code vm_destroy}. */
  private final class PluginVmOps extends ForwardingVmOps {
    private final String name;

    PluginVmOps(VmOps delegate, int id) {
      super(delegate);
      this.name = info.id() + "#" + id;
    }

    @Override
    public Errno vmInit() {
      if (!vms.born(name)) {
        return Errno.ENODEV;
      }
      boolean lives = false;
      try {
        Errno errno = super.vmInit();
        lives = errno.ok();
        return errno;
      } finally {
        if (!lives) {
          vms.died(name);
        }
      }
    }

    @Override
    public void vmDestroy() {
      try {
        super.vmDestroy();
      } finally {
        vms.died(name);
      }
    }
  }
}
