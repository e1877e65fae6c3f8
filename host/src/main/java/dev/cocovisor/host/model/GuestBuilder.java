package dev.cocovisor.host.model;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Technology;
import dev.cocovisor.vmm.checked.GuestVm;
import java.util.List;

/** Describes a guest; {@link #launch} or {@link #boot} makes it. */
public final class GuestBuilder {
  private final Technology technology;
  private final KvmProcess process;
  private final VmmCalls calls;
  private final Fields policy = new Fields();
  private GuestLaunch launch = GuestLaunch.DEFAULT.withPolicy(policy);

  GuestBuilder(Technology technology, KvmProcess process, VmmCalls calls) {
    this.technology = technology;
    this.process = process;
    this.calls = calls;
  }

  /**
   * Sets the size of RAM; without it, 64 MiB.
   *
   * @param size a number of bytes, or one with K, M, G or T behind it
   * @throws HostException COCO-P034 if it is none, or not whole pages
   */
  public GuestBuilder memory(String size) {
    try {
      launch = launch.withMemory(GuestLaunch.bytes(size));
      return this;
    } catch (IllegalArgumentException e) {
      throw bad("memory \"" + size + "\" cannot be", e, "write for example \"64M\"");
    }
  }

  /** Sets the size of RAM in bytes; as {@link #memory(String)}. */
  public GuestBuilder memory(long bytes) {
    try {
      launch = launch.withMemory(GuestLaunch.checked(bytes));
      return this;
    } catch (IllegalArgumentException e) {
      throw bad("memory " + bytes + " cannot be", e, "write for example \"64M\"");
    }
  }

  /**
   * Sets the number of vCPUs; without it, 1.
   *
   * @throws HostException COCO-P034 if it is not at least 1
   */
  public GuestBuilder vcpus(int count) {
    if (count < 1) {
      throw bad(
          count + " vCPUs cannot be",
          new IllegalArgumentException("a guest runs on at least one"),
          "ask for 1 or more");
    }
    launch = launch.withVcpus(count);
    return this;
  }

  /** Sets a field of the launch's policy, by a name that the technology's VMM documents. */
  public GuestBuilder policy(String name, long value) {
    policy.put(name, value);
    return this;
  }

  /** Launches the guest up to where its memory can be populated. */
  public GuestVm launch() {
    return GuestVm.launch(new Guest(technology, calls, launch), process);
  }

  /** Launches the guest with nothing in its memory; it may run. */
  public GuestVm boot() {
    return launch().finish();
  }

  private HostException bad(String what, IllegalArgumentException why, String mend) {
    return ModelCheck.failure(
        FindingCode.BAD_LAUNCH,
        technology.id() + " guest",
        what,
        String.valueOf(why.getMessage()),
        mend,
        List.of());
  }
}
