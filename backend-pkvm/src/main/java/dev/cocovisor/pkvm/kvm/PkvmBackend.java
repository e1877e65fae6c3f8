package dev.cocovisor.pkvm.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmType;
import dev.cocovisor.pkvm.hyp.HypInterposer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * pKVM: an arm64 host with {@code kvm-arm.mode=protected}.
 *
 * <p>Both VM types go through the hypervisor: {@code KVM_VM_TYPE_ARM_PROTECTED} by donation, the
 * default type by sharing.
 */
public final class PkvmBackend implements Backend {
  /** Pages a VM may pin, see RLIMIT_MLOCK. */
  static final String MEMLOCK_PAGES = "pkvm.memlock-pages";

  /** Whether pages of protected guests start out of the host's reach. */
  static final String PRIVATE_BY_DEFAULT = "pkvm.private-by-default";

  /** Where guests fetch their instructions from. */
  static final String CODE_PAGE = "pkvm.code-page";

  private final HypInterposer interposer;

  /** Creates the backend. */
  public PkvmBackend() {
    this(HypInterposer.NONE);
  }

  /** Creates a backend whose EL2 asks {@code interposer} before each hypercall of the host. */
  public PkvmBackend(HypInterposer interposer) {
    this.interposer = interposer;
  }

  @Override
  public BackendInfo info() {
    Map<String, String> settings = new LinkedHashMap<>();
    settings.put(
        "memlock-pages", "pages all protected guests may pin, RLIMIT_MLOCK; -1: no limit (-1)");
    settings.put(
        "private-by-default",
        "false: a page given to a protected guest is shared back at once (true)");
    settings.put("code-page", "guest-physical page that guests run from; -1: none (0x80000000)");
    return BackendInfo.builder("pkvm", Architecture.ARM64).version("0.1.0").description("Arm pKVM: page ownership kept by a hypervisor at EL2").vmTypes(VmType.ARM_PROTECTED, VmType.ARM_NORMAL).settings(SETTINGS).build();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return new PkvmPlatform(host, interposer);
  }
}
