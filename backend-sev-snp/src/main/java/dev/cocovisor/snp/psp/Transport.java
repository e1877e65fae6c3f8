package dev.cocovisor.snp.psp;

import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * What travels from one SEV host to another: a session, and packets of pages under its key.
 *
 * <p>The key exchange is not modelled: a session is a number that only these firmwares understand,
 * the packet is the page under a keystream of it, and the header carries a checksum in the place of
 * the MAC. A packet that was changed, or is not of the session, is BAD_MEASUREMENT.
 */
final class Transport {
  /** Bytes of a session blob. */
  static final int SESSION_SIZE = 128;

  /** Bytes of a packet's header. */
  static final int HEADER_SIZE = 52;

  private static final long MAGIC = 0x5345_5f53_4553_5349L;

  private Transport() {}

  static byte[] session(long number) {
    return ByteBuffer.allocate(SESSION_SIZE).putLong(MAGIC).putLong(number).array();
  }

  /** Returns a session's number; -1 for what is no session. */
  static long number(byte[] session) {
    ByteBuffer b = ByteBuffer.wrap(session);
    return session.length >= 16 && b.getLong() == MAGIC ? b.getLong() : -1;
  }

  /** Encrypts or decrypts a packet in place. */
  static void crypt(long session, byte[] packet) {
    long x = session * 0x9e37_79b9_7f4a_7c15L + 1;
    for (int i = 0; i < packet.length; i++) {
      x ^= x << 13;
      x ^= x >>> 7;
      x ^= x << 17;
      packet[i] ^= (byte) (x >>> 32 | 1);
    }
  }

  static byte[] header(long session, byte[] plain) {
    return ByteBuffer.allocate(HEADER_SIZE)
        .putLong(session)
        .putInt(plain.length)
        .putInt(Arrays.hashCode(plain))
        .array();
  }

  static boolean genuine(long session, byte[] header, byte[] plain) {
    return Arrays.equals(header, header(session, plain));
  }
}
