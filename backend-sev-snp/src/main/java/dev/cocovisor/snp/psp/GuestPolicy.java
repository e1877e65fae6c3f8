package dev.cocovisor.snp.psp;

/**
 * The SNP guest policy: what a guest's owner allows its host.
 *
 * <p>Bits 7:0 and 15:8 are the least ABI minor and major version. Source: AMD's SNP firmware ABI
 * document, guest policy structure; KVM's view of it is {@code arch/x86/kvm/svm/sev.c},
 * SNP_POLICY_*.
 */
public final class GuestPolicy {
  /** The guest may run where simultaneous multithreading is on. */
  public static final long SMT = 1L << 16;

  /** Always one. */
  public static final long RESERVED_ONE = 1L << 17;

  /** A migration agent may be associated. */
  public static final long MIGRATE_MA = 1L << 18;

  /** The host may debug the guest. */
  public static final long DEBUG = 1L << 19;

  /** The guest may run on one socket only. */
  public static final long SINGLE_SOCKET = 1L << 20;

  /** CXL devices may hold guest memory. */
  public static final long CXL_ALLOW = 1L << 21;

  /** Memory has to be encrypted with AES-256-XTS. */
  public static final long MEM_AES_256_XTS = 1L << 22;

  /** Running average power limits have to be off. */
  public static final long RAPL_DIS = 1L << 23;

  /** Ciphertext has to be hidden from DRAM reads. */
  public static final long CIPHERTEXT_HIDING_DRAM = 1L << 24;

  /** The host may not swap guest pages. */
  public static final long PAGE_SWAP_DISABLE = 1L << 25;

  /** Every bit that has a meaning. */
  public static final long KNOWN = (1L << 26) - 1;

  /**
   * What KVM passes on: ABI version, SMT, the reserved one, DEBUG and SINGLE_SOCKET. More would
   * follow from the firmware's feature information, which this firmware does not have; MIGRATE_MA
   * KVM never takes. Source: {@code arch/x86/kvm/svm/sev.c}, KVM_SNP_POLICY_MASK_VALID; {@code
   * drivers/crypto/ccp/sev-dev.c}, sev_get_snp_policy_bits (7.3).
   */
  public static final long SUPPORTED = 0xffff | SMT | RESERVED_ONE | DEBUG | SINGLE_SOCKET;

  private GuestPolicy() {}

  /** Returns the ABI version asked for, major in 15:8 and minor in 7:0, so versions compare. */
  public static int abi(long policy) {
    return (int) policy & 0xffff;
  }
}
