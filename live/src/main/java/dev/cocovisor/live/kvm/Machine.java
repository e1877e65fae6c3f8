package dev.cocovisor.live.kvm;

import dev.cocovisor.api.Capability;
import dev.cocovisor.live.agent.AgentArch;
import dev.cocovisor.live.sys.Libc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * This machine as KVM and the files of /proc and /sys describe it.
 *
 * @param release the kernel's release, as {@code uname -r} prints it
 * @param processor what it runs on
 * @param vendor the processor's maker as in /proc/cpuinfo; empty where it is not said
 * @param flags the processor's features as in /proc/cpuinfo
 * @param mmu how guest memory is mapped
 * @param capabilities what KVM_CHECK_EXTENSION answers on /dev/kvm by number, where it is not 0
 * @param vmCapabilities the same on a VM of the default type
 * @param runPageSize size of a vCPU's shared pages in bytes
 * @param thp the word in brackets of transparent_hugepage/enabled
 * @param swap whether the kernel can swap
 * @param ksm whether the kernel can merge equal pages
 * @param hugePages how many pages of 2 MiB are free for hugetlb memory
 */
public record Machine(
    String release,
    AgentArch processor,
    String vendor,
    Set<String> flags,
    MmuKind mmu,
    Map<Integer, Long> capabilities,
    Map<Integer, Long> vmCapabilities,
    long runPageSize,
    String thp,
    boolean swap,
    boolean ksm,
    long hugePages) {
  /** Above the number of any capability there is; 7.4's last is below 256. */
  static final int CAPABILITIES = 512;

  private static final String DEV_KVM = "/dev/kvm";
  private static final int ENOENT = 2;
  private static final int ENXIO = 6;
  private static final int EACCES = 13;
  private static final int EPERM = 1;
  private static final int ENODEV = 19;

  /** Keeps copies. */
  public Machine {
    flags = Set.copyOf(flags);
    capabilities = Collections.unmodifiableMap(new LinkedHashMap<>(capabilities));
    vmCapabilities = Collections.unmodifiableMap(new LinkedHashMap<>(vmCapabilities));
  }

  /**
   * Asks this machine.
   *
   * @throws NoKvmException if it has no KVM that we may use
   */
  public static Machine ask() {
    return ask(DEV_KVM);
  }

  static Machine ask(String device) {
    AgentArch processor = AgentArch.ofThisMachine();
    if (processor == null || !Libc.isLinux()) {
      throw new NoKvmException(
          "live commands run on Linux, x86-64 or arm64; this is "
              + System.getProperty("os.name")
              + " on "
              + System.getProperty("os.arch"));
    }
    try (var libc = new Libc()) {
      int kvm = libc.open(device, Libc.O_RDWR | Libc.O_CLOEXEC);
      if (kvm < 0) {
        throw refused(-kvm);
      }
      try {
        return ask(libc, kvm, processor);
      } finally {
        var _ = libc.close(kvm);
      }
    }
  }

  /** Says why /dev/kvm cannot be opened, and what to do about it. */
  static NoKvmException refused(int errno) {
    return new NoKvmException(
        switch (errno) {
          case ENOENT ->
              "there is no /dev/kvm: load KVM's module for this processor (modprobe), switch"
                  + " virtualization on in the firmware, or give this virtual machine nested"
                  + " virtualization; the model needs none of it (replay, run, compare)";
          case EACCES, EPERM ->
              "/dev/kvm may not be opened: join the group that owns it (ls -l /dev/kvm; usermod -aG"
                  + " kvm USER, then log in again), or pass it to the container (--device"
                  + " /dev/kvm)";
          case ENODEV, ENXIO ->
              "/dev/kvm is there and no KVM behind it: load KVM's module for this processor"
                  + " (modprobe; dmesg says what was missing)";
          default -> "/dev/kvm cannot be opened: " + ErrorNames.of(errno);
        });
  }

  private static Machine ask(Libc libc, int kvm, AgentArch processor) {
    Map<String, String> cpu = cpuinfo();
    int vm = libc.ioctl(kvm, Kernel.CREATE_VM, 0);
    Map<Integer, Long> ofVm = vm < 0 ? Map.of() : capabilities(libc, vm);
    if (vm >= 0) {
      var _ = libc.close(vm);
    }
    return new Machine(
        text("/proc/sys/kernel/osrelease", ""),
        processor,
        cpu.getOrDefault("vendor_id", ""),
        Set.of(cpu.getOrDefault("flags", cpu.getOrDefault("Features", "")).split(" ")),
        mmu(processor),
        capabilities(libc, kvm),
        ofVm,
        libc.ioctl(kvm, Kernel.GET_VCPU_MMAP_SIZE, 0),
        text("/sys/kernel/mm/transparent_hugepage/enabled", "[never]")
            .replaceAll(".*\\[(\\w+)].*", "$1"),
        Files.exists(Path.of("/proc/swaps")),
        Files.exists(Path.of("/sys/kernel/mm/ksm")),
        Long.parseLong(text("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0")));
  }

  /** Numbers without a name are asked too: a kernel may know more than this program. */
  private static Map<Integer, Long> capabilities(Libc libc, int fd) {
    var found = new LinkedHashMap<Integer, Long>();
    for (int c = 0; c < CAPABILITIES; c++) {
      long n = libc.ioctl(fd, Kernel.CHECK_EXTENSION, c);
      if (n > 0) {
        found.put(c, n);
      }
    }
    return found;
  }

  private static MmuKind mmu(AgentArch processor) {
    if (processor == AgentArch.AARCH64) {
      return MmuKind.STAGE2;
    }
    if (Files.exists(Path.of("/sys/module/kvm_pvm"))) {
      return MmuKind.EMULATED;
    }
    boolean nested = isOn("ept") || isOn("npt");
    if (!nested) {
      return MmuKind.SHADOW;
    }
    return isOn("tdp_mmu") ? MmuKind.TDP : MmuKind.LEGACY_TDP;
  }

  /** Tells whether a parameter of KVM's or of the processor's own module of it is on. */
  private static boolean isOn(String parameter) {
    try (Stream<Path> modules = Files.list(Path.of("/sys/module"))) {
      return modules
          .filter(m -> m.getFileName().toString().matches("kvm(_.*)?"))
          .map(m -> text(m.resolve("parameters").resolve(parameter).toString(), "N"))
          .anyMatch(value -> value.equals("Y") || value.equals("1"));
    } catch (IOException e) {
      return false;
    }
  }

  private static String text(String file, String otherwise) {
    try {
      return Files.readString(Path.of(file)).strip();
    } catch (IOException e) {
      return otherwise;
    }
  }

  /** What is said of the first processor. */
  private static Map<String, String> cpuinfo() {
    return text("/proc/cpuinfo", "")
        .lines()
        .takeWhile(l -> !l.isBlank())
        .map(l -> l.split("\\s*:\\s*", 2))
        .filter(l -> l.length == 2)
        .collect(Collectors.toMap(l -> l[0], l -> l[1], (first, _) -> first));
  }

  /** Tells whether the processor's own hypercall instruction is VMMCALL rather than VMCALL. */
  boolean hasVmmcall() {
    return flags.contains("vmmcall");
  }

  /** Returns what a capability answers on /dev/kvm; 0 where it is not there. */
  public long capability(Capability c) {
    return capabilities.getOrDefault(c.number(), 0L);
  }

  /** Tells whether VMs of a type can be made; a kernel that does not say has the default type. */
  boolean offers(long vmType) {
    long types = capability(Capability.KVM_CAP_VM_TYPES);
    return vmType == 0
        || processor == AgentArch.AARCH64
        || (vmType < 64 && (types >> vmType & 1) == 1);
  }

  /** Returns the kernel's version without what a distribution appends: {@code 6.18}. */
  public String version() {
    return release.replaceAll("^(\\d+\\.\\d+).*", "$1");
  }

  /** Returns a few lines for people. */
  public String describe() {
    var names = new TreeSet<String>();
    for (Capability c :
        new Capability[] {
          Capability.KVM_CAP_GUEST_MEMFD,
          Capability.KVM_CAP_GUEST_MEMFD_FLAGS,
          Capability.KVM_CAP_MEMORY_ATTRIBUTES,
          Capability.KVM_CAP_PRE_FAULT_MEMORY,
          Capability.KVM_CAP_VM_TYPES,
          Capability.KVM_CAP_EXIT_HYPERCALL
        }) {
      names.add(c.name().substring("KVM_CAP_".length()) + "=" + capability(c));
    }
    return "kernel "
        + release
        + ", "
        + (vendor.isEmpty() ? processor : vendor)
        + ", "
        + mmu
        + "; "
        + capabilities.size()
        + " capabilities: "
        + String.join(" ", names);
  }
}
