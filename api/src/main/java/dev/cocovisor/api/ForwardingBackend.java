package dev.cocovisor.api;

import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogWords;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.vmm.VmmDriver;
import java.util.List;
import org.apiguardian.api.API;

/**
 * Hands every question to another backend; the base of those that watch, decorate or disturb one.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public abstract class ForwardingBackend implements Backend {
  private final Backend delegate;

  /** Wraps {@code delegate}. */
  protected ForwardingBackend(Backend delegate) {
    this.delegate = delegate;
  }

  /** Returns the wrapped backend. */
  protected final Backend delegate() {
    return delegate;
  }

  @Override
  public BackendInfo info() {
    return delegate.info();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return delegate.createPlatform(host);
  }

  @Override
  public VmmDriver vmm() {
    return delegate.vmm();
  }

  @Override
  public List<LaunchMeasurer> measurers() {
    return delegate.measurers();
  }

  @Override
  public List<LogReplayer> replayers() {
    return delegate.replayers();
  }

  @Override
  public List<String> deviceFiles() {
    return delegate.deviceFiles();
  }

  @Override
  public LogWords logWords() {
    return delegate.logWords();
  }

  @Override
  public List<KernelRule<?>> kernelRules() {
    return delegate.kernelRules();
  }

  @Override
  public boolean adoptsDefaultVms() {
    return delegate.adoptsDefaultVms();
  }
}
