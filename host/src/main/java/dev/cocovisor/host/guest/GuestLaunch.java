package dev.cocovisor.host.guest;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.finding.Finding;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import java.util.List;
import java.util.Locale;

/** Describes a guest; {@link #launch} or {@link #boot} makes it. */
public final class GuestLaunch {
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
  private static final int MADV_NOHUGEPAGE = 15;
  private static final int MEM_GUEST_MEMFD = 4;
  private static final long PAGE = 4096;

  private final VmmDriver driver;
  private final KvmProcess process;
  private final VmmCalls calls;
  private final Fields policy = new Fields();
  private long memory = 64 << 20;
  private int vcpus = 1;

  /**
   * Describes a guest with 64 MiB and one vCPU.
   *
   * @param driver the VMM of its technology
   * @param process the VMM's process
   * @param calls how the process's system calls are made
   */
  public GuestLaunch(VmmDriver driver, KvmProcess process, VmmCalls calls) {
    this.driver = driver;
    this.process = process;
    this.calls = calls;
  }

  /**
   * Sets the size of RAM.
   *
   * @param size a number of bytes, or one with K, M, G or T behind it
   * @throws HostException COCO-P034 if it is none, or not whole pages
   */
  public GuestLaunch memory(String size) {
    return memory(parse(size), size);
  }

  /** Sets the size of RAM in bytes; as {@link #memory(String)}. */
  public GuestLaunch memory(long bytes) {
    return memory(bytes, Long.toString(bytes));
  }

  private GuestLaunch memory(long bytes, String text) {
    if (bytes <= 0 || bytes % PAGE != 0) {
      throw bad("memory \"" + text + "\"", "RAM is a number of whole 4 KiB pages, at least one");
    }
    memory = bytes;
    return this;
  }

  private static long parse(String size) {
    String text = size.strip().toUpperCase(Locale.ROOT);
    int unit = text.isEmpty() ? -1 : "KMGT".indexOf(text.charAt(text.length() - 1));
    String digits = unit < 0 ? text : text.substring(0, text.length() - 1);
    if (!digits.matches("[0-9]{1,9}")) {
      throw bad("memory \"" + size + "\"", "it is no number with K, M, G or T behind it");
    }
    return Long.parseLong(digits) << (10 * (unit + 1));
  }

  private HostException bad(String what, String why, String mend) {
    return new HostException(
        new Finding(
            FindingCode.BAD_LAUNCH, driver.backend() + " guest", what, why, mend, List.of()));
  }

  private static HostException bad(String what, String why) {
    return new HostException(
        new Finding(
            FindingCode.BAD_LAUNCH,
            "guest",
            what + " cannot be",
            why,
            "write for example \"64M\"",
            List.of()));
  }

  /**
   * Sets the number of vCPUs.
   *
   * @throws HostException COCO-P034 if it is not at least 1
   */
  public GuestLaunch vcpus(int count) {
    if (count < 1) {
      throw bad(count + " vCPUs cannot be", "a guest runs on at least one", "ask for 1 or more");
    }
    vcpus = count;
    return this;
  }

  /** Sets a field of the launch's policy, by a name that the technology's VMM documents. */
  public GuestLaunch policy(String name, long value) {
    policy.put(name, value);
    return this;
  }

  /** Launches the guest up to where its memory can be populated. */
  public GuestVm launch() {
    int dev = (int) GuestVm.ok(calls.openDevKvm(), "open of /dev/kvm");
    int vmFd = (int) GuestVm.ok(calls.createVm(dev, driver.vmType()), "KVM_CREATE_VM");
    GuestVm.ok(calls.close(dev), "close of /dev/kvm");
    VmmMachine m = new VmmMachine(calls, vmFd, policy);
    GuestVm.ok(driver.vmCreated(m), "the VMM's first calls");
    for (int id = 0; id < vcpus; id++) {
      m.vcpuFds().add((int) GuestVm.ok(calls.createVcpu(vmFd, id), "KVM_CREATE_VCPU"));
    }
    plug(m);
    GuestVm.ok(driver.ready(m), "the VMM's calls before the launch");
    return new GuestVm(m, driver, process);
  }

  /** Launches the guest with nothing in its memory; it may run. */
  public GuestVm boot() {
    return launch().finish();
  }

  private void plug(VmmMachine m) {
    long gpa = driver.ramBase();
    long user =
        GuestVm.ok(
            calls.mmap(0, memory, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0),
            "mmap of RAM");
    GuestVm.ok(calls.madvise(user, memory, MADV_NOHUGEPAGE), "madvise of RAM");
    int memfd = -1;
    if (driver.guestMemfd()) {
      memfd =
          (int) GuestVm.ok(calls.createGuestMemfd(m.vmFd(), memory, 0), "KVM_CREATE_GUEST_MEMFD");
      GuestVm.ok(
          calls.setUserMemoryRegion2(m.vmFd(), 0, MEM_GUEST_MEMFD, gpa, memory, user, 0, memfd),
          "KVM_SET_USER_MEMORY_REGION2");
    } else {
      GuestVm.ok(
          calls.setUserMemoryRegion(m.vmFd(), 0, 0, gpa, memory, user),
          "KVM_SET_USER_MEMORY_REGION");
    }
    m.banks().add(new VmmBank(0, gpa, memory, user, memfd));
    if (driver.privateFromStart()) {
      GuestVm.ok(driver.convert(m, gpa, memory, true), "the first conversion to private");
    }
  }
}
