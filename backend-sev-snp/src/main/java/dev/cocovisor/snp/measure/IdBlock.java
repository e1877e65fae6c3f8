package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.igvm.IgvmFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;

/**
 * An id block: the launch digest a guest's owner expects, with names and the policy, which the
 * firmware compares when the launch ends.
 *
 * @param digest 48 bytes
 * @param family 16 bytes, the owner's
 * @param image 16 bytes, the owner's
 * @param version of the format; 1
 * @param svn the guest's security version
 * @param policy the guest's policy
 */
// AMD SNP firmware ABI (56860), SNP_LAUNCH_FINISH, "Structure of the ID Block"; in an IGVM file:
// microsoft/igvm, igvm_defs/src/lib.rs, IGVM_VHS_SNP_ID_BLOCK.
@SuppressWarnings("ArrayRecordComponent") // a value handed over once
record IdBlock(byte[] digest, byte[] family, byte[] image, int version, int svn, long policy) {
  /** Bytes of a block. */
  static final int SIZE = 96;

  private static final int IGVM_TYPE = 0x30B;
  private static final int IGVM_SIZE = 696;

  /** Returns the 96 bytes that are signed and handed to the firmware. */
  byte[] bytes() {
    return ByteBuffer.allocate(SIZE)
        .order(ByteOrder.LITTLE_ENDIAN)
        .put(digest)
        .put(family)
        .put(image)
        .putInt(version)
        .putInt(svn)
        .putLong(policy)
        .array();
  }

  /** Reads a block of 96 bytes. */
  static IdBlock of(byte[] bytes) {
    if (bytes.length != SIZE) {
      throw new MeasureException("an id block has %d bytes, not %d".formatted(SIZE, bytes.length));
    }
    ByteBuffer in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    return new IdBlock(
        Arrays.copyOfRange(bytes, 0, 48),
        Arrays.copyOfRange(bytes, 48, 64),
        Arrays.copyOfRange(bytes, 64, 80),
        in.getInt(80),
        in.getInt(84),
        in.getLong(88));
  }

  /** Reads the block of an IGVM file's directive; empty if it is another directive or platform. */
  static Optional<IdBlock> ofIgvm(IgvmFile file, IgvmFile.Header directive, int mask) {
    if (directive.type() != IGVM_TYPE) {
      return Optional.empty();
    }
    file.require(directive, IGVM_SIZE, "SNP_ID_BLOCK");
    int at = directive.offset();
    if ((file.u32(at) & mask) == 0) {
      return Optional.empty();
    }
    return Optional.of(
        new IdBlock(
            file.bytes(at + 8, 48),
            file.bytes(at + 56, 16),
            file.bytes(at + 72, 16),
            (int) file.u32(at + 88),
            (int) file.u32(at + 92),
            0));
  }
}
