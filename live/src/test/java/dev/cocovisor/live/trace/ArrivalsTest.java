package dev.cocovisor.live.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class ArrivalsTest {
  private static ByteBuffer control(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  @Test
  void descriptorsStandBehindTheHeaderAndTheNextMessageAtAMultipleOfEight() {
    ByteBuffer b = control(48);
    // Three descriptors take 28 bytes, the next header begins at 32.
    b.putLong(28).putInt(1).putInt(1).putInt(5).putInt(6).putInt(7).putInt(0);
    b.putLong(16).putInt(1).putInt(2);
    assertThat(Arrivals.rights(b.array())).containsExactly(5L, 6L, 7L);
  }

  @Test
  void credentialsAndOtherLevelsAreNoDescriptors() {
    ByteBuffer b = control(56);
    b.putLong(28).putInt(1).putInt(2).putInt(44).putInt(0).putInt(0).putInt(0);
    b.putLong(20).putInt(6).putInt(1).putInt(3);
    assertThat(Arrivals.rights(b.array())).isEmpty();
  }

  @Test
  void aLengthThatCannotBeEndsTheMessage() {
    assertThat(Arrivals.rights(control(20).putLong(0).array())).isEmpty();
    assertThat(Arrivals.rights(control(20).putLong(Long.MIN_VALUE).putInt(1).putInt(1).array()))
        .isEmpty();
    assertThat(Arrivals.rights(control(20).putLong(1 << 20).putInt(1).putInt(1).array())).isEmpty();
    assertThat(Arrivals.rights(new byte[3])).isEmpty();
  }
}
