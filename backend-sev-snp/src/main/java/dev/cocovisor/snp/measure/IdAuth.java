package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.VectorTables;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What goes with an id block: the id key's signature over it, the key, and optionally the author
 * key's signature over the id key.
 */
// AMD SNP firmware ABI (56860), SNP_LAUNCH_FINISH, "Structure of the ID Authentication
// Information".
final class IdAuth {
  /** Bytes of it. */
  static final int SIZE = 0x1000;

  private static final int AUTHOR_ALGORITHM = 0x4;
  private static final int BLOCK_SIGNATURE = 0x40;
  private static final int ID_KEY = 0x240;
  private static final int KEY_SIGNATURE = 0x680;
  private static final int AUTHOR_KEY = 0x880;
  private static final byte ECDSA_P384 = 1;

  private final byte[] bytes;

  private IdAuth(byte[] bytes) {
    this.bytes = bytes;
  }

  /** Signs a block; without an author key its fields stay zero. */
  static IdAuth sign(IdBlock block, EcKeys.Pair id, EcKeys.@Nullable Pair author) {
    byte[] out = new byte[SIZE];
    out[0] = ECDSA_P384;
    put(EcKeys.sign(id, block.bytes()), out, BLOCK_SIGNATURE);
    put(id.publicBytes(), out, ID_KEY);
    if (author != null) {
      out[AUTHOR_ALGORITHM] = ECDSA_P384;
      put(EcKeys.sign(author, id.publicBytes()), out, KEY_SIGNATURE);
      put(author.publicBytes(), out, AUTHOR_KEY);
    }
    return new IdAuth(out);
  }

  /** Reads 4096 bytes. */
  static IdAuth of(byte[] bytes) {
    if (bytes.length != SIZE) {
      throw new MeasureException(
          "id authentication information has %d bytes, not %d".formatted(SIZE, bytes.length));
    }
    return new IdAuth(bytes.clone());
  }

  byte[] bytes() {
    return bytes.clone();
  }

  /** Tells whether there is an author key. */
  boolean hasAuthor() {
    return part(AUTHOR_KEY, 4)[0] != 0;
  }

  /** Returns the digest of the id key that a report shows. */
  String idKeyDigest() {
    return VectorTables.hash("SHA-384", part(ID_KEY, EcKeys.PUBLIC_SIZE));
  }

  /** Returns the digest of the author key that a report shows. */
  String authorKeyDigest() {
    return VectorTables.hash("SHA-384", part(AUTHOR_KEY, EcKeys.PUBLIC_SIZE));
  }

  /** Returns what is wrong with it for {@code block}, in words; empty if the firmware takes it. */
  List<String> faults(IdBlock block) {
    List<String> out = new ArrayList<>();
    if (bytes[0] != ECDSA_P384) {
      out.add("the id key's algorithm is %d, not 1 (ECDSA P-384)".formatted(bytes[0]));
    } else if (!EcKeys.verifies(
        part(ID_KEY, EcKeys.PUBLIC_SIZE), block.bytes(), part(BLOCK_SIGNATURE, 0x200))) {
      out.add("the id key did not sign this id block");
    }
    if (hasAuthor()
        && !EcKeys.verifies(
            part(AUTHOR_KEY, EcKeys.PUBLIC_SIZE),
            part(ID_KEY, EcKeys.PUBLIC_SIZE),
            part(KEY_SIGNATURE, 0x200))) {
      out.add("the author key did not sign this id key");
    }
    return out;
  }

  private byte[] part(int at, int size) {
    return Arrays.copyOfRange(bytes, at, at + size);
  }

  private static void put(byte[] from, byte[] out, int at) {
    System.arraycopy(from, 0, out, at, from.length);
  }
}
