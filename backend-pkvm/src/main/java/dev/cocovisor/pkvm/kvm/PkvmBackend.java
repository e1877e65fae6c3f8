package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Capability;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.log.LogWords;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.pkvm.guest.Hvc;
import dev.cocovisor.pkvm.vmm.PkvmVmm;
import java.util.Map;
import java.util.Set;

/**
 * pKVM: an arm64 host with {@code kvm-arm.mode=protected}.
 *
 * <p>Both VM types go through the hypervisor: {@code KVM_VM_TYPE_ARM_PROTECTED} by donation, the
 * default type by sharing.
 */
public final class PkvmBackend implements Backend {
  /** Pages a VM may pin, see RLIMIT_MLOCK. */
  static final Setting MEMLOCK_PAGES =
      Setting.number(
          "pkvm.memlock-pages",
          "pages all protected guests may pin, RLIMIT_MLOCK; -1: no limit",
          -1,
          -1,
          Long.MAX_VALUE);

  /** Whether pages of protected guests start out of the host's reach. */
  static final Setting PRIVATE_BY_DEFAULT =
      Setting.flag(
          "pkvm.private-by-default",
          "false: a page given to a protected guest is shared back at once",
          true);

  /** Where guests fetch their instructions from. */
  static final Setting CODE_PAGE =
      Setting.number(
          "pkvm.code-page",
          "guest-physical page that guests run from; -1: none, they fetch nothing",
          -1,
          -1,
          Long.MAX_VALUE);

  /** The host's address size, which its guests have too. */
  static final Setting IPA_BITS =
      Setting.number(
          "pkvm.ipa-bits", "physical address bits of the host, and of its guests", 44, 32, 48);

  private static final BackendInfo INFO =
      BackendInfo.builder("pkvm", Architecture.ARM64)
          .version("0.1.0")
          .description("Arm pKVM: page ownership kept by a hypervisor at EL2")
          .capability(Capability.KVM_CAP_ARM_VM_IPA_SIZE.number(), 44)
          .vmTypes(VmType.ARM_PROTECTED, VmType.ARM_NORMAL)
          .settings(MEMLOCK_PAGES, PRIVATE_BY_DEFAULT, CODE_PAGE, IPA_BITS)
          .build();

  /**
   * An arm64 log that names no technology was recorded in protected mode, and its guests run from a
   * page at 0x80000000.
   */
  private static final LogWords WORDS =
      new LogWords(
          Set.of("KVM_ARM_VCPU_INIT", "guest_" + Hvc.NAME),
          Map.of(Hvc.NAME, "x0"),
          Map.of(CODE_PAGE.name(), "0x80000000"));

  @Override
  public BackendInfo info() {
    return INFO;
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new PkvmPlatform(host);
  }

  @Override
  public VmmDriver vmm() {
    return new PkvmVmm();
  }

  @Override
  public LogWords logWords() {
    return WORDS;
  }
}
