package dev.cocovisor.api;

import dev.cocovisor.api.kernel.KernelRule;
import dev.cocovisor.api.log.LogReplayer;
import dev.cocovisor.api.log.LogWords;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.vmm.VmmDriver;
import java.util.List;
import org.apiguardian.api.API;

/**
 * One technology for confidential guests: the only thing a plugin has to provide.
 *
 * <p>Found through {@link java.util.ServiceLoader} ({@code
 * META-INF/services/dev.cocovisor.api.Backend}), on the class path or inside a plugin. A backend
 * needs a public constructor without parameters, keeps no state of its own and may be asked for
 * platforms of several hosts.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface Backend {
  /** Returns who this is and what it offers; always an equal value, never null. */
  BackendInfo info();

  /**
   * Creates the trusted part that all VMs of this technology share on one host: one TDX module, one
   * RMP, one RMM, one hypervisor. Called once a host, when the first VM of the technology is
   * created.
   *
   * @param host the machine to live on
   * @return a fresh platform, never null
   */
  Platform createPlatform(HostMachine host);

  /**
   * Returns how the VMM of this technology launches, populates, converts and ends its guests, and
   * judges what they were told. The default is a VMM that makes the calls every technology shares
   * and gives KVM_CREATE_VM the first of {@link BackendInfo#vmTypes}.
   */
  default VmmDriver vmm() {
    long type = info().vmTypes().getFirst().number();
    return () -> type;
  }

  /** Returns the launch measurements it computes; none by default. */
  default List<LaunchMeasurer> measurers() {
    return List.of();
  }

  /** Returns who replays its own log formats; none by default. */
  default List<LogReplayer> replayers() {
    return List.of();
  }

  /**
   * Returns the paths of the device files that the vendor's drivers make beside /dev/kvm, which its
   * commands ask for by descriptor ({@link VmContext#deviceOf}); none by default.
   *
   * @since 0.3
   */
  default List<String> deviceFiles() {
    return List.of();
  }

  /**
   * Tells whether VMs of the kernel's own types, default and software-protected, answer this
   * technology's commands and may become its guests, by {@link
   * dev.cocovisor.api.ops.EncryptionOps#memEncIoctl} or by another VM's context: {@link
   * Platform#createVm} is asked for such a type too then, with the first of these calls. False by
   * default.
   *
   * @since 0.3
   */
  default boolean adoptsDefaultVms() {
    return false;
  }

  /** Returns the words of call logs that are its own beside the names of its VM types. */
  default LogWords logWords() {
    return LogWords.NONE;
  }

  /** Returns what its half of the kernel does otherwise on other releases; none by default. */
  default List<KernelRule<?>> kernelRules() {
    return List.of();
  }
}
