package dev.cocovisor.core;

import dev.cocovisor.api.Setting;
import dev.cocovisor.core.kernel.KernelSettings;
import java.util.List;
import java.util.stream.Stream;

/** What a user can set for the kernel itself, whatever technologies a host has. */
public final class CoreSettings {
  /** Number of logical processors. */
  public static final Setting CPUS =
      Setting.number("core.cpus", "logical processors of the host", 1, 1, 8192);

  /** Number of memory nodes. */
  public static final Setting NODES =
      Setting.number("core.nodes", "memory nodes of the host", 1, 1, 64);

  /** Preferred order of guest_memfd folios; the reference kernel has 0. */
  public static final Setting GMEM_ORDER =
      Setting.choice(
          "core.gmem-order", "order of the folios of a guest_memfd", "0", "0", "9", "18");

  /** KVM_X86_QUIRK_SLOT_ZAP_ALL: deleting a slot of a default VM zaps everything. */
  public static final Setting SLOT_ZAP_ALL =
      Setting.flag("core.slot-zap-all", "the x86 quirk that zaps all when a slot goes", true);

  /** What KVM_MAP_MEMORY does to a vCPU in guest mode: its first revision or the later patch. */
  public static final Setting MAP_MEMORY_GUEST_MODE =
      Setting.choice(
          "core.map-memory-guest-mode",
          "KVM_MAP_MEMORY on a vCPU in guest mode",
          "refuse",
          "refuse",
          "l1");

  /** The most pages one KVM_EXIT_MEMORY_FAULT reports. */
  public static final Setting MEMORY_FAULT_BATCH =
      Setting.number(
          "core.memory-fault-batch",
          "most pages one KVM_EXIT_MEMORY_FAULT reports",
          1,
          1,
          Long.MAX_VALUE);

  /** How many pages may have attributes before the memory a cgroup allows for them is used up. */
  public static final Setting ATTRIBUTE_ENTRIES =
      Setting.number(
          "core.attribute-entries",
          "pages that may have attributes before memory for them runs out",
          Long.MAX_VALUE,
          0,
          Long.MAX_VALUE);

  /** In what order an operation over several slots splits huge private leaves and zaps. */
  public static final Setting SPLIT_ORDER =
      Setting.choice(
          "core.split-order",
          "huge private pages are split slot by slot, each before its zap, or all of them first",
          "by-range",
          "by-range",
          "all-first");

  /** How often a vCPU tries one page, in one run or call, before it is taken to stand still. */
  public static final Setting RETRIES =
      Setting.number(
          "core.retries",
          "times a vCPU tries one page before the run ends without a verdict",
          10_000_000,
          1,
          Long.MAX_VALUE);

  /** Size of user addresses: 47 or 57 on x86, 48 or 52 on arm64. */
  public static final Setting ADDRESS_BITS =
      Setting.number(
          "core.address-bits", "bits of a user address; 0: the recorded host's", 0, 0, 57);

  /** Where the kernel's data page of a process lies, which no call of a log maps. */
  public static final Setting VVAR =
      Setting.number(
          "core.vvar",
          "address of a process's [vvar], the recorded hosts' by default; 0: nowhere",
          0x7fff_f7fb_c000L,
          0,
          0x7fff_ffff_a000L);

  /** When anonymous memory is faulted in by pages of 2 MiB. */
  public static final Setting THP =
      Setting.choice("core.thp", "transparent huge pages", "always", "always", "madvise", "never");

  /** How many pages of 2 MiB are set aside for hugetlb memory (nr_hugepages). */
  public static final Setting HUGE_PAGES =
      Setting.number(
          "core.huge-pages",
          "pages of 2 MiB set aside for hugetlb memory, as far as memory holds them",
          Integer.MAX_VALUE,
          0,
          Integer.MAX_VALUE);

  /** CONFIG_SWAP. */
  public static final Setting SWAP =
      Setting.flag("core.swap", "whether the host can swap (CONFIG_SWAP)", false);

  /** CONFIG_KSM. */
  public static final Setting KSM =
      Setting.flag("core.ksm", "whether the host can merge pages of equal content", false);

  /** KVM_MAX_VCPUS, CONFIG_KVM_MAX_NR_VCPUS on x86. */
  public static final Setting MAX_VCPUS =
      Setting.number("core.max-vcpus", "vCPUs a VM can have", 1024, 1, 4096);

  /** KVM_MAX_VCPU_IDS. */
  public static final Setting MAX_VCPU_IDS =
      Setting.number("core.max-vcpu-ids", "ids a vCPU can have", 4096, 1, 16384);

  /** MAXPHYADDR: how far guest-physical addresses go with nested paging. */
  public static final Setting PHYSICAL_BITS =
      Setting.number(
          "core.physical-bits",
          "bits of a physical address; 0: the recorded host's, 48 with a vendor technology",
          0,
          0,
          52);

  /** Module parameters tdp_mmu and npt or ept; the host's own field, not one of its settings. */
  public static final Setting TDP_MMU =
      Setting.flag("core.tdp-mmu", "nested paging by the TDP MMU; off: the shadow MMU", true);

  /** How a guest's loads and stores are carried out. */
  public static final Setting GUEST_ACCESS =
      Setting.choice(
          "core.guest-access",
          "who carries out a guest's accesses: the tables, or KVM's emulator; recorded: as on the"
              + " host whose log the kernel is known by",
          "recorded",
          "recorded",
          "tables",
          "emulator");

  /** What KVM_CHECK_EXTENSION answers on a machine, where that is not what the model would. */
  public static final Setting CAPABILITIES =
      Setting.text(
          "core.capabilities",
          "answers of KVM_CHECK_EXTENSION, NAME=N or NAME=N/M (M on VMs), separated by spaces",
          "");

  private static final List<Setting> OWN =
      List.of(
          CPUS,
          NODES,
          GMEM_ORDER,
          SLOT_ZAP_ALL,
          MAP_MEMORY_GUEST_MODE,
          MEMORY_FAULT_BATCH,
          ATTRIBUTE_ENTRIES,
          SPLIT_ORDER,
          RETRIES,
          MAX_VCPUS,
          MAX_VCPU_IDS,
          PHYSICAL_BITS,
          ADDRESS_BITS,
          VVAR,
          THP,
          HUGE_PAGES,
          SWAP,
          KSM,
          TDP_MMU,
          GUEST_ACCESS,
          CAPABILITIES);

  /** All of them, in the order they are listed; the choice of the kernel first. */
  public static final List<Setting> ALL =
      Stream.concat(KernelSettings.all().stream(), OWN.stream()).toList();

  private CoreSettings() {}
}
