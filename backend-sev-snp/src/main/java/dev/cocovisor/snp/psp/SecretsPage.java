package dev.cocovisor.snp.psp;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * The page the firmware writes for SECRETS: version 3, and one message key per VMPL at 0x20.
 *
 * <p>Real keys are random; here they are derived from the context, so runs repeat. Source: {@code
 * arch/x86/include/asm/sev.h}, snp_secrets_page.
 */
final class SecretsPage {
  private static final int KEYS = 0x20;
  private static final int KEY_SIZE = 32;

  private SecretsPage() {}

  static byte[] of(GuestContext guest) {
    byte[] page = new byte[4096];
    ByteBuffer b = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
    b.putInt(0, 3);
    try {
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      for (int vmpl = 0; vmpl < 4; vmpl++) {
        String seed = "vmpck " + guest.serial + " " + vmpl;
        byte[] key = sha.digest(seed.getBytes(StandardCharsets.US_ASCII));
        System.arraycopy(key, 0, page, KEYS + vmpl * KEY_SIZE, KEY_SIZE);
      }
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
    return page;
  }
}
