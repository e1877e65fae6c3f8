package dev.cocovisor.snp.psp;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;

/**
 * The SNP launch digest: a chain of SHA-384 over one 112-byte PAGE_INFO structure per page.
 *
 * <p>It starts as 48 zero bytes. Each page replaces it by SHA-384 of PAGE_INFO, which holds the
 * digest so far, the SHA-384 of the page's content (zeros for types whose content is not measured),
 * the length 0x70, the type, the IMI bit, the VMPL permissions and the guest address. Pages enter
 * in the order of the calls; nothing sorts them.
 *
 * <p>Source: AMD's SNP firmware ABI document, SNP_LAUNCH_UPDATE; cross-checked against the public
 * vectors of virtee/sev-snp-measure.
 *
 * <p>Not thread-safe; one instance per guest context. {@link #contentHash} is static and may be
 * called from many threads.
 */
public final class LaunchDigest {
  /** Bytes of a digest. */
  public static final int SIZE = 48;

  /** Bytes of PAGE_INFO. */
  public static final int PAGE_INFO_SIZE = 0x70;

  /** The guest address under which every VMSA is measured. */
  public static final long VMSA_GPA = 0xFFFF_FFFF_F000L;

  /**
   * Where PAGE_INFO holds the permissions of VMPL1 to VMPL3. Sources differ; KVM passes zeros, for
   * which both are equal.
   */
  public enum PermissionOrder {
    /** VMPL3, VMPL2, VMPL1 at 0x64 to 0x66, as the table of the ABI document; the choice here. */
    VMPL3_FIRST,
    /** 0x64 is reserved and VMPL1, VMPL2, VMPL3 follow at 0x65 to 0x67, as one header has it. */
    RESERVED_FIRST;

    int offset(int vmpl) {
      return this == VMPL3_FIRST ? 0x67 - vmpl : 0x64 + vmpl;
    }
  }

  /** Where a VMSA holds GUEST_TSC_SCALE and GUEST_TSC_OFFSET, eight bytes each. */
  private static final int VMSA_TSC = 0x2F0;

  private static final int VMSA_TSC_LENGTH = 16;

  private static final VarHandle GPA =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final MessageDigest sha = sha384();

  /** PAGE_INFO of the page measured last; it begins with the digest, which goes on from there. */
  private final byte[] info = new byte[PAGE_INFO_SIZE];

  private final byte[] hash = new byte[SIZE];
  private final PermissionOrder order;
  private int lastPerms;

  /** Creates a digest of 48 zero bytes. */
  public LaunchDigest() {
    this(PermissionOrder.VMPL3_FIRST);
  }

  /** Creates a digest of 48 zero bytes with the given places of the permission bytes. */
  public LaunchDigest(PermissionOrder order) {
    this.order = order;
  }

  /** Creates a digest that goes on from {@code start}, 48 bytes. */
  public static LaunchDigest from(byte[] start) {
    if (start.length != SIZE) {
      throw new IllegalArgumentException("a launch digest has 48 bytes, not " + start.length);
    }
    LaunchDigest d = new LaunchDigest();
    System.arraycopy(start, 0, d.info, 0, SIZE);
    return d;
  }

  /** Returns a copy of the digest. */
  public byte[] value() {
    return Arrays.copyOf(info, SIZE);
  }

  /** Makes the digest 48 zero bytes again. */
  public void reset() {
    Arrays.fill(info, 0, SIZE, (byte) 0);
  }

  /**
   * Measures one 4 KiB page whose VMPL1 to VMPL3 permissions are zero.
   *
   * @param gpa the guest address, bytes
   * @param page holds 4096 bytes at {@code offset}; not looked at where the type's content is not
   *     measured
   */
  public void update(LaunchPageType type, long gpa, byte[] page, int offset) {
    update(type, gpa, page, offset, 0, false);
  }

  /**
   * Measures one 4 KiB page.
   *
   * @param gpa the guest address, bytes
   * @param page holds 4096 bytes at {@code offset}; not looked at where the type's content is not
   *     measured
   * @param vmplPerms permissions of VMPL1 in bits 7:0, VMPL2 in 15:8, VMPL3 in 23:16
   * @param imi true for a page of an initial migration image
   */
  public void update(
      LaunchPageType type, long gpa, byte[] page, int offset, int vmplPerms, boolean imi) {
    if (type.contentMeasured()) {
      hashContent(sha, type, page, offset, hash, 0);
    } else {
      Arrays.fill(hash, (byte) 0);
    }
    extend(type, gpa, hash, 0, vmplPerms, imi);
  }

  /** Measures a page that has no content to measure: ZERO, UNMEASURED, SECRETS, CPUID. */
  public void update(LaunchPageType type, long gpa) {
    if (type.contentMeasured()) {
      throw new IllegalArgumentException(type + " pages are measured with their content");
    }
    Arrays.fill(hash, (byte) 0);
    extend(type, gpa, hash, 0, 0, false);
  }

  /**
   * Extends the digest by a page whose CONTENTS field is already known, so that pages can be hashed
   * elsewhere and in parallel.
   *
   * @param contents 48 bytes at {@code offset}: what {@link #contentHash} returned, or zeros
   */
  public void extend(LaunchPageType type, long gpa, byte[] contents, int offset) {
    extend(type, gpa, contents, offset, 0, false);
  }

  /**
   * Extends the digest by a page whose CONTENTS field is already known.
   *
   * @param contents 48 bytes at {@code offset}
   * @param vmplPerms permissions of VMPL1 in bits 7:0, VMPL2 in 15:8, VMPL3 in 23:16
   * @param imi true for a page of an initial migration image
   */
  public void extend(
      LaunchPageType type, long gpa, byte[] contents, int offset, int vmplPerms, boolean imi) {
    System.arraycopy(contents, offset, info, 0x30, SIZE);
    info[0x60] = PAGE_INFO_SIZE;
    info[0x62] = (byte) type.code();
    info[0x63] = (byte) (imi ? 1 : 0);
    if (vmplPerms != lastPerms) {
      for (int vmpl = 1; vmpl <= 3; vmpl++) {
        info[order.offset(vmpl)] = (byte) (vmplPerms >>> ((vmpl - 1) * 8));
      }
      lastPerms = vmplPerms;
    }
    GPA.set(info, 0x68, gpa);
    sha.update(info, 0, PAGE_INFO_SIZE);
    finish(sha, info, 0);
  }

  /**
   * Computes the CONTENTS field of a NORMAL or VMSA page.
   *
   * @return a new array of 48 bytes
   */
  public static byte[] contentHash(LaunchPageType type, byte[] page, int offset) {
    byte[] out = new byte[SIZE];
    if (type.contentMeasured()) {
      hashContent(sha384(), type, page, offset, out, 0);
    }
    return out;
  }

  /**
   * Computes the CONTENTS fields of neighbouring pages with one hash object.
   *
   * @param pages holds the pages one after another from {@code offset}
   * @param out takes 48 bytes a page from {@code at}
   */
  public static void contentHashes(
      LaunchPageType type, byte[] pages, int offset, int count, byte[] out, int at) {
    if (!type.contentMeasured()) {
      Arrays.fill(out, at, at + count * SIZE, (byte) 0);
      return;
    }
    MessageDigest sha = sha384();
    for (int i = 0; i < count; i++) {
      hashContent(sha, type, pages, offset + i * 4096, out, at + i * SIZE);
    }
  }

  private static void hashContent(
      MessageDigest sha, LaunchPageType type, byte[] page, int offset, byte[] out, int at) {
    if (type == LaunchPageType.VMSA) {
      // The TSC scale and offset are the host's to set at each run, so they do not count.
      sha.update(page, offset, VMSA_TSC);
      sha.update(new byte[VMSA_TSC_LENGTH], 0, VMSA_TSC_LENGTH);
      int rest = VMSA_TSC + VMSA_TSC_LENGTH;
      sha.update(page, offset + rest, 4096 - rest);
    } else {
      sha.update(page, offset, 4096);
    }
    finish(sha, out, at);
  }

  private static void finish(MessageDigest sha, byte[] out, int at) {
    try {
      sha.digest(out, at, SIZE);
    } catch (java.security.DigestException e) {
      throw new AssertionError("SHA-384 is 48 bytes", e);
    }
  }

  private static MessageDigest sha384() {
    try {
      return MessageDigest.getInstance("SHA-384");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-384", e);
    }
  }
}
