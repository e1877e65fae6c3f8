package dev.cocovisor.snp.kvm;

import org.jspecify.annotations.Nullable;

/**
 * Commands of KVM_MEMORY_ENCRYPT_OP, with the name a log gives them and the number.
 *
 * <p>Source: {@code arch/x86/include/uapi/asm/kvm.h}, enum sev_cmd_id.
 */
enum SevCommand {
  INIT(0),
  ES_INIT(1),
  LAUNCH_START(2),
  LAUNCH_UPDATE_DATA(3),
  LAUNCH_UPDATE_VMSA(4),
  LAUNCH_SECRET(5),
  LAUNCH_MEASURE(6),
  LAUNCH_FINISH(7),
  SEND_START(8),
  SEND_UPDATE_DATA(9),
  SEND_UPDATE_VMSA(10),
  SEND_FINISH(11),
  RECEIVE_START(12),
  RECEIVE_UPDATE_DATA(13),
  RECEIVE_UPDATE_VMSA(14),
  RECEIVE_FINISH(15),
  GUEST_STATUS(16),
  DBG_DECRYPT(17),
  DBG_ENCRYPT(18),
  CERT_EXPORT(19),
  GET_ATTESTATION_REPORT(20),
  SEND_CANCEL(21),
  INIT2(22),
  SNP_LAUNCH_START(100),
  SNP_LAUNCH_UPDATE(101),
  SNP_LAUNCH_FINISH(102),
  SNP_ENABLE_REQ_CERTS(103);

  private final int id;

  SevCommand(int id) {
    this.id = id;
  }

  int id() {
    return id;
  }

  /** Finds a command by {@code KVM_SEV_…} name or number; null if there is none. */
  static @Nullable SevCommand of(String name) {
    String bare = name.startsWith("KVM_SEV_") ? name.substring("KVM_SEV_".length()) : name;
    for (SevCommand c : values()) {
      if (c.name().equals(bare) || Integer.toString(c.id).equals(name)) {
        return c;
      }
    }
    return null;
  }

  /**
   * Tells whether a VM that mirrors another's context may issue it (is_cmd_allowed_from_mirror).
   */
  boolean allowedFromMirror() {
    return switch (this) {
      case LAUNCH_UPDATE_VMSA, GUEST_STATUS, DBG_DECRYPT, DBG_ENCRYPT -> true;
      default -> false;
    };
  }
}
