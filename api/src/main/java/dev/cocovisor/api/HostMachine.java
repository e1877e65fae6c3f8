package dev.cocovisor.api;

import dev.cocovisor.api.kernel.KernelProfile;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import org.apiguardian.api.API;

/**
 * The machine a platform lives on.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface HostMachine {
  /** Returns the host's architecture. */
  Architecture architecture();

  /** Returns physical memory with its allocator and guards. */
  HostMemory memory();

  /** Returns the number of logical processors, at least 1. */
  int cpus();

  /**
   * Returns what the host's kernel does where kernels differ; Linux 7.3 by default. Ask it for a
   * row's strategy when a VM is made, not while it runs.
   */
  default KernelProfile kernel() {
    return KernelProfile.REFERENCE;
  }

  /** Returns where events go; never null. */
  TraceSink trace();

  /**
   * Returns what is asked before each call into a trusted half on this host. A platform hands it to
   * its {@link dev.cocovisor.api.trusted.FaultPlan}.
   */
  default Interposer interposer() {
    return Interposer.NONE;
  }

  /**
   * Returns the part of a type that this host was given in place of the one built in. Asked when a
   * host boots, a VM or a file is made, never on the way of a fault.
   *
   * @param builtIn what a host has that was given no other
   */
  default <T> T part(Class<T> type, T builtIn) {
    return builtIn;
  }

  /**
   * The kernel warns in its log and goes on (WARN_ON): what never happens by the specification of a
   * trusted half happened, and nobody can be told by an answer.
   *
   * @param function the kernel's function that warns
   * @param what what failed and what becomes of it, for people
   * @since 0.2
   */
  @API(status = API.Status.MAINTAINED, since = "0.2")
  default void warn(String function, String what) {}

  /**
   * The kernel remarks in its log on what is odd and may be harmless (pr_warn).
   *
   * @param function the kernel's function that does
   * @param what what it met, for people
   * @since 0.3
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.3")
  default void remark(String function, String what) {}

  /** Returns a setting's value on this host, checked, its default where nobody set it. */
  String setting(Setting setting);

  /** Returns the value of a {@link Setting.Kind#NUMBER}. */
  default long number(Setting setting) {
    return Long.parseLong(setting(setting));
  }

  /** Returns the value of a {@link Setting.Kind#FLAG}. */
  default boolean flag(Setting setting) {
    return Boolean.parseBoolean(setting(setting));
  }
}
