package dev.cocovisor.snp.psp;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The page of secrets: a version, a key for each VMPL, and nothing else. */
// arch/x86/include/asm/sev.h (7.3), snp_secrets_page.
class SecretsPageTest {
  private static byte[] key(byte[] page, int vmpl) {
    return Arrays.copyOfRange(page, 0x20 + 32 * vmpl, 0x40 + 32 * vmpl);
  }

  @Test
  void everyVmplHasAKeyOfItsOwnAndEveryGuestToo() {
    byte[] page = SecretsPage.of(new GuestContext(1));
    assertThat(page).hasSize(4096).startsWith(3, 0, 0, 0);
    assertThat(Arrays.copyOfRange(page, 4, 0x20)).containsOnly(0);
    assertThat(Arrays.copyOfRange(page, 0xa0, 4096)).containsOnly(0);
    byte[] other = SecretsPage.of(new GuestContext(2));
    for (int a = 0; a < 4; a++) {
      assertThat(key(page, a)).isNotEqualTo(new byte[32]).isNotEqualTo(key(other, a));
      for (int b = 0; b < a; b++) {
        assertThat(key(page, a)).isNotEqualTo(key(page, b));
      }
    }
    assertThat(SecretsPage.of(new GuestContext(1))).as("runs repeat").isEqualTo(page);
  }

  @Test
  void aPacketReadsAsItWasOnlyUnderItsSession() {
    byte[] plain = new byte[256];
    for (int i = 0; i < plain.length; i++) {
      plain[i] = (byte) i;
    }
    byte[] packet = plain.clone();
    Transport.crypt(1, packet);
    for (int i = 0; i < plain.length; i++) {
      assertThat(packet[i]).as("byte %s", i).isNotEqualTo(plain[i]);
    }
    byte[] other = packet.clone();
    Transport.crypt(2, other);
    assertThat(other).isNotEqualTo(plain);
    Transport.crypt(1, packet);
    assertThat(packet).isEqualTo(plain);
    byte[] header = Transport.header(1, plain);
    assertThat(header).hasSize(Transport.HEADER_SIZE);
    assertThat(Transport.genuine(1, header, plain)).isTrue();
    assertThat(Transport.genuine(2, header, plain)).isFalse();
    plain[9]++;
    assertThat(Transport.genuine(1, header, plain)).isFalse();
    assertThat(Transport.number(Transport.session(7))).isEqualTo(7);
    assertThat(Transport.number(new byte[15])).isEqualTo(-1);
    assertThat(Transport.number(Arrays.copyOf(Transport.session(7), 16))).isEqualTo(7);
    assertThat(Transport.number(new byte[128])).isEqualTo(-1);
  }
}
