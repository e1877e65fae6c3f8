package dev.cocovisor.live.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class ArrivalsTest {
  private static ByteBuffer over(byte[] control) {
    return ByteBuffer.wrap(control).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Control data that says it is so long. */
  private static byte[] ofLength(long len) {
    byte[] control = new byte[20];
    over(control).putLong(len).putInt(1).putInt(1);
    return control;
  }

  @Test
  void descriptorsStandBehindTheHeaderAndTheNextMessageAtAMultipleOfEight() {
    byte[] control = new byte[48];
    ByteBuffer b = over(control);
    // Three descriptors take 28 bytes, the next header begins at 32.
    b.putLong(28).putInt(1).putInt(1).putInt(5).putInt(6).putInt(7).putInt(0);
    b.putLong(16).putInt(1).putInt(2);
    assertThat(Arrivals.rights(control)).containsExactly(5L, 6L, 7L);
  }

  @Test
  void credentialsAndOtherLevelsAreNoDescriptors() {
    byte[] control = new byte[56];
    ByteBuffer b = over(control);
    b.putLong(28).putInt(1).putInt(2).putInt(44).putInt(0).putInt(0).putInt(0);
    b.putLong(20).putInt(6).putInt(1).putInt(3);
    assertThat(Arrivals.rights(control)).isEmpty();
  }

  @Test
  void aLengthThatCannotBeEndsTheMessage() {
    for (long len : new long[] {0, Long.MIN_VALUE, 1 << 20}) {
      assertThat(Arrivals.rights(ofLength(len))).isEmpty();
    }
    assertThat(Arrivals.rights(new byte[3])).isEmpty();
  }
}
