package dev.cocovisor.core.kernel;

import static dev.cocovisor.api.kernel.KernelRule.Grade.READ;
import static dev.cocovisor.api.kernel.KernelRule.Grade.RECORDED;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.kernel.KernelOption;
import dev.cocovisor.api.kernel.KernelRule;
import java.util.List;

/** The table: what KVM's generic half does otherwise on other kernels. */
public final class KernelRules {
  private static final String READ_BY = "read in the source, never seen";
  private static final String LOG_612 = "kvm-x86-6.12";
  private static final String LOG_618 = "kvm-x86-6.18-pvm";
  private static final String LOG_72 = "kvm-x86-7.2";
  private static final String LOG_73 = "kvm-x86-7.3";
  private static final String LOG_74 = "kvm-x86-7.4-inplace";

  /** Flags of KVM_CREATE_GUEST_MEMFD. */
  public static final KernelRule<GmemFlags> GMEM_FLAGS =
      KernelRule.<GmemFlags>row("guest-memfd-flags", "which flags has a guest_memfd?")
          .before(
              GmemFlags.NONE,
              "none: any flag is EINVAL, KVM_CAP_GUEST_MEMFD_FLAGS is 0",
              "virt/kvm/guest_memfd.c, kvm_gmem_create (6.12)",
              LOG_612,
              RECORDED)
          .since(
              "6.18",
              GmemFlags.BY_PRIVACY,
              "MMAP for all, INIT_SHARED for VMs without private memory;"
                  + " KVM_CAP_GUEST_MEMFD_FLAGS tells",
              "virt/kvm/guest_memfd.c, kvm_gmem_create; kvm_gmem_get_supported_flags",
              LOG_618,
              RECORDED)
          .where(
              KernelOption.IN_PLACE_CONVERSION,
              true,
              "7.4",
              GmemFlags.ALL,
              "MMAP and INIT_SHARED for all, VMs with private memory too",
              "commit b5ed1ee2a7a0",
              LOG_74,
              RECORDED)
          .end();

  /** Who may bind a guest_memfd. */
  public static final KernelRule<GmemUsers> GMEM_USERS =
      KernelRule.<GmemUsers>row("guest-memfd-users", "which VMs have slots on a guest_memfd?")
          .before(
              GmemUsers.PRIVATE_ONLY,
              "those with private memory: elsewhere KVM_MEM_GUEST_MEMFD is EINVAL and"
                  + " KVM_CAP_GUEST_MEMFD is 0",
              "virt/kvm/kvm_main.c, check_memory_region_flags (6.12)",
              LOG_612,
              RECORDED)
          .since(
              "6.18",
              GmemUsers.ALL,
              "all; KVM_CAP_GUEST_MEMFD is 1",
              "virt/kvm/kvm_main.c, check_memory_region_flags (6.18)",
              LOG_618,
              RECORDED)
          .end();

  /** Errno of a file range that another slot has. */
  public static final KernelRule<Errno> BIND_OVERLAP =
      KernelRule.<Errno>row("bind-overlap", "what if another slot has that range of the file?")
          .before(
              Errno.EINVAL,
              "EINVAL",
              "virt/kvm/guest_memfd.c, kvm_gmem_bind (6.12)",
              LOG_612 + ", " + LOG_618,
              RECORDED)
          .since(
              "7.2",
              Errno.EEXIST,
              "EEXIST, as for guest frames that overlap",
              "virt/kvm/guest_memfd.c, kvm_gmem_bind (7.2)",
              LOG_72,
              RECORDED)
          .end();

  /** Binding before or after the architecture's check. */
  public static final KernelRule<BindOrder> BIND_ORDER =
      KernelRule.<BindOrder>row(
              "bind-order", "which comes first, the file's range or the architecture's limits?")
          .before(
              BindOrder.FILE_FIRST,
              "the file: a range that is taken shows even where the guest frames are beyond the"
                  + " last one",
              "virt/kvm/kvm_main.c, kvm_set_memory_region (7.2)",
              LOG_72,
              RECORDED)
          .since(
              "7.3",
              BindOrder.ARCHITECTURE_FIRST,
              "the architecture: the descriptor is checked, the slot prepared, then the range"
                  + " taken",
              "virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region and"
                  + " kvm_gmem_commit_memory_region (7.3)",
              LOG_73,
              RECORDED)
          .end();

  /** KVM_PRE_FAULT_MEMORY after a slot of a default VM went. */
  public static final KernelRule<StaleRoots> STALE_ROOTS =
      KernelRule.<StaleRoots>row(
              "prefault-stale-roots",
              "what does KVM_PRE_FAULT_MEMORY do after all mappings were thrown away?")
          .before(
              StaleRoots.KEPT,
              "it never returns where the vCPU has a root of before: no page is mapped under it,"
                  + " and only KVM_RUN frees it; a signal ends it with EINTR",
              "arch/x86/kvm/mmu/mmu.c, kvm_arch_vcpu_pre_fault_memory and is_page_fault_stale"
                  + " (6.12)",
              LOG_612 + ", prefault-spin-6.12",
              RECORDED)
          .since(
              "6.15",
              StaleRoots.FREED,
              "it frees the root first and maps under a new one",
              "commit 20a6cff3b283; arch/x86/kvm/mmu.h, kvm_mmu_reload",
              LOG_72 + " (the release by its commit)",
              RECORDED)
          .end();

  /** Whether kvm_gmem_populate looks at its source. */
  public static final KernelRule<Boolean> POPULATE_IS_CHECKED =
      KernelRule.<Boolean>row(
              "populate-source", "must initial contents be whole pages, and at least one?")
          .before(
              false,
              "no: a technology's ioctl may copy from any address, and no page is no work",
              "virt/kvm/guest_memfd.c, kvm_gmem_populate (6.12.117, 6.16.1)",
              READ_BY,
              READ)
          .since(
              "7.2",
              true,
              "yes: EINVAL",
              "virt/kvm/guest_memfd.c, kvm_gmem_populate (7.2.12)",
              READ_BY,
              READ)
          .end();

  /** KVM_SET_MEMORY_ATTRIBUTES. */
  public static final KernelRule<Boolean> VM_ATTRIBUTES =
      KernelRule.<Boolean>row("vm-attributes", "does a VM know KVM_SET_MEMORY_ATTRIBUTES?")
          .before(
              true,
              "yes; KVM_CAP_MEMORY_ATTRIBUTES tells which",
              "virt/kvm/kvm_main.c, kvm_vm_ioctl",
              LOG_612 + ", " + LOG_73,
              RECORDED)
          .where(
              KernelOption.MEMORY_ATTRIBUTES,
              false,
              null,
              false,
              "no: ENOTTY, whatever the arguments, and KVM_CAP_MEMORY_ATTRIBUTES is 0; without the"
                  + " file's own attributes no VM has private memory; the default of 7.4",
              "virt/kvm/Kconfig, KVM_GENERIC_MEMORY_ATTRIBUTES; commit 537ec2b15fdd",
              LOG_618,
              RECORDED)
          .end();

  /** Who keeps attributes. */
  public static final KernelRule<PageAttributes> ATTRIBUTES =
      KernelRule.<PageAttributes>row("attributes-owner", "who keeps the attributes of pages?")
          .before(
              PageAttributes.OF_THE_VM,
              "the VM, by guest frame; KVM_SET_MEMORY_ATTRIBUTES2 on a guest_memfd is ENOTTY",
              "virt/kvm/kvm_main.c, kvm_vm_set_mem_attributes",
              LOG_73,
              RECORDED)
          .where(
              KernelOption.IN_PLACE_CONVERSION,
              true,
              "7.4",
              PageAttributes.OF_THE_FILE,
              "the guest_memfd, by page of the file: KVM_SET_MEMORY_ATTRIBUTES2 converts in place;"
                  + " KVM_CAP_GUEST_MEMFD_MEMORY_ATTRIBUTES (252) tells which, the VM's own ioctl"
                  + " takes no attribute",
              "commit 799c9fadc639; virt/kvm/guest_memfd.c, kvm_gmem_set_attributes",
              LOG_74,
              RECORDED)
          .end();

  /** Which slots take all memory from their file. */
  public static final KernelRule<GmemOnly> GMEM_ONLY =
      KernelRule.<GmemOnly>row(
              "guest-memfd-only", "which slots take shared memory from their guest_memfd too?")
          .before(
              GmemOnly.MAPPABLE,
              "those on a file made with MMAP; others have it at userspace_addr",
              "virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region (7.3)",
              LOG_73,
              RECORDED)
          .where(
              KernelOption.IN_PLACE_CONVERSION,
              true,
              "7.4",
              GmemOnly.ALL,
              "all: the memory at userspace_addr is never read, hugetlb behind it gives no large"
                  + " page",
              "commit 799c9fadc639; virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region",
              LOG_74,
              RECORDED)
          .end();

  /** SMM. */
  public static final KernelRule<Boolean> SMM =
      KernelRule.<Boolean>row("smm", "is there system management mode?")
          .before(
              true,
              "yes: VMs without private memory have a second address space",
              "arch/x86/include/asm/kvm_host.h, kvm_arch_nr_memslot_as_ids",
              LOG_73,
              RECORDED)
          .where(
              KernelOption.SMM,
              false,
              null,
              false,
              "no: one address space, a slot of the second is EINVAL, KVM_CAP_X86_SMM is 0",
              "arch/x86/kvm/Kconfig, KVM_SMM",
              LOG_618,
              RECORDED)
          .end();

  /** Whether what is known of a kernel without nested paging comes from a PVM host. */
  public static final KernelRule<Boolean> RECORDED_ON_PVM =
      KernelRule.<Boolean>row(
              "emulated-guests", "without nested paging, who carries out a guest's accesses?")
          .before(
              false,
              "the shadow MMU",
              "arch/x86/kvm/mmu/mmu.c, direct_page_fault",
              LOG_612 + "-shadow",
              RECORDED)
          .since(
              "6.18",
              true,
              "the instruction emulator, through userspace_addr and without a mapping: the recorded"
                  + " host has no hardware virtualization (kvm_pvm); core.guest-access chooses",
              "arch/x86/kvm/x86.c, kvm_vcpu_read_guest and emulator_read_write",
              LOG_618,
              RECORDED)
          .since(
              "7.2",
              false,
              "the shadow MMU",
              "arch/x86/kvm/mmu/mmu.c, direct_page_fault",
              LOG_73 + "-shadow",
              RECORDED)
          .end();

  /** Binding a range that wraps. */
  public static final KernelRule<Boolean> BIND_OFFSET_WRAPS =
      KernelRule.<Boolean>row(
              "bind-offset-wraps",
              "may guest_memfd_offset and memory_size together be more than 2^63?")
          .before(
              true,
              "yes: their sum is negative and so not behind the file's end",
              "virt/kvm/guest_memfd.c, kvm_gmem_bind (6.18), whose offset is signed",
              "live check of guest_memfd_test on a 6.18 host,"
                  + " conformance/kernels/bind-offset-wraps-6.18",
              RECORDED)
          .since(
              "7.3",
              false,
              "no: EINVAL as for any range that leaves the file",
              "virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region (7.3)",
              "traces/guest_memfd_test",
              RECORDED)
          .end();

  /** MADV_COLLAPSE of part of a block. */
  public static final KernelRule<Boolean> PARTIAL_COLLAPSE =
      KernelRule.<Boolean>row(
              "madvise-collapse-part",
              "what does MADV_COLLAPSE answer for a range inside 2 MiB that holds no start of any?")
          .before(
              true,
              "EINVAL: the first whole 2 MiB lie behind the last, which is counted as a failure",
              "mm/khugepaged.c, madvise_collapse (6.18)",
              "live check on a 6.18 host, conformance/kernels/collapse-part-6.18",
              RECORDED)
          .since(
              "7.3",
              false,
              "0: there is nothing to do",
              "mm/khugepaged.c, madvise_collapse (7.3)",
              LOG_73 + "-wide",
              RECORDED)
          .end();

  /** All of them, in the order the documents have them. */
  public static final List<KernelRule<?>> ALL =
      List.of(
          GMEM_FLAGS,
          GMEM_USERS,
          BIND_OVERLAP,
          BIND_ORDER,
          STALE_ROOTS,
          POPULATE_IS_CHECKED,
          VM_ATTRIBUTES,
          ATTRIBUTES,
          GMEM_ONLY,
          SMM,
          RECORDED_ON_PVM,
          BIND_OFFSET_WRAPS,
          PARTIAL_COLLAPSE);

  private KernelRules() {}
}
