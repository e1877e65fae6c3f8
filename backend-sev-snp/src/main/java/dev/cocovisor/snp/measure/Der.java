package dev.cocovisor.snp.measure;

import java.util.Arrays;

/** As much of DER as private keys need: elements one after another, by tag. */
final class Der {
  static final int INTEGER = 0x02;
  static final int BITS = 0x03;
  static final int OCTETS = 0x04;
  static final int SEQUENCE = 0x30;
  static final int CONTEXT_1 = 0xA1;

  private final byte[] bytes;
  private int at;

  Der(byte[] bytes) {
    this.bytes = bytes;
  }

  /** Returns the contents of the next element, which must have {@code tag}. */
  byte[] take(int tag) {
    if (at >= bytes.length || (bytes[at] & 0xFF) != tag) {
      throw new IllegalArgumentException("its structure is not a key's");
    }
    at++;
    int size = next();
    if (size >= 0x80) {
      int of = size & 0x7F;
      size = 0;
      for (int i = 0; i < of && of <= 3; i++) {
        size = size << 8 | next();
      }
    }
    if (size > bytes.length - at) {
      throw new IllegalArgumentException("it is cut off");
    }
    at += size;
    return Arrays.copyOfRange(bytes, at - size, at);
  }

  /** Skips the next element, which must have {@code tag}. */
  void skip(int tag) {
    var _ = take(tag);
  }

  /** Returns the contents of the first element with {@code tag} from here; empty if none. */
  byte[] find(int tag) {
    while (at < bytes.length) {
      int here = bytes[at] & 0xFF;
      byte[] content = take(here);
      if (here == tag) {
        return content;
      }
    }
    return new byte[0];
  }

  /** Returns a reader of the contents of the next element. */
  Der into(int tag) {
    return new Der(take(tag));
  }

  private int next() {
    if (at >= bytes.length) {
      throw new IllegalArgumentException("it is cut off");
    }
    return bytes[at++] & 0xFF;
  }
}
