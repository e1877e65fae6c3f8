package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.run.RealmSide;
import dev.cocovisor.cca.rmm.run.RsiCall;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** RSI_MEASUREMENT_READ and RSI_MEASUREMENT_EXTEND, from inside a realm. */
// RMM specification 1.0, B5.3.7 and B5.3.8: index 0 is the RIM, 1 to 4 are the REMs.
class MeasurementCallsTest {
  private static final long ERROR_INPUT = 1;

  private final Bench b = new Bench();
  private final long rd = b.realm();
  private final long rec = b.rec(rd, 0);

  MeasurementCallsTest() {
    Bench.ok(b.rmm.realmActivate(b.pe, rd));
    b.enter(rec);
  }

  private long call(RsiCall call, long... arguments) {
    RealmSide.Outcome o = b.rmm.realmSide().call(b.pe, rec, call.fid(), arguments);
    assertThat(o.exited()).isFalse();
    return b.rmm.realmSide().register(rec, 0);
  }

  private byte[] read(int index) {
    assertThat(call(RsiCall.RSI_MEASUREMENT_READ, index)).isZero();
    ByteBuffer out = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 1; i <= 8; i++) {
      out.putLong(b.rmm.realmSide().register(rec, i));
    }
    return out.array();
  }

  private long extend(long index, long size, byte[] with) {
    ByteBuffer in = ByteBuffer.wrap(Arrays.copyOf(with, 64)).order(ByteOrder.LITTLE_ENDIAN);
    long[] arguments = new long[10];
    arguments[0] = index;
    arguments[1] = size;
    for (int i = 0; i < 8; i++) {
      arguments[2 + i] = in.getLong();
    }
    return call(RsiCall.RSI_MEASUREMENT_EXTEND, arguments);
  }

  @Test
  void indicesAndSizesHaveTheirBounds() {
    for (long index : new long[] {-1, 5, Long.MAX_VALUE}) {
      assertThat(call(RsiCall.RSI_MEASUREMENT_READ, index)).isEqualTo(ERROR_INPUT);
    }
    byte[] bytes = new byte[64];
    for (long index : new long[] {-1, 0, 5}) {
      assertThat(extend(index, 8, bytes)).isEqualTo(ERROR_INPUT);
    }
    for (long size : new long[] {-1, 65}) {
      assertThat(extend(1, size, bytes)).isEqualTo(ERROR_INPUT);
    }
    for (int index = 1; index <= 4; index++) {
      assertThat(read(index)).as("nothing was extended").containsOnly(0);
    }
    assertThat(read(0)).as("the RIM, in hexadecimal").startsWith(firstBytesOfRim());
  }

  private byte[] firstBytesOfRim() {
    String rim = Objects.requireNonNull(b.rmm.view().rim(rd));
    byte[] first = new byte[8];
    for (int i = 0; i < first.length; i++) {
      first[i] = (byte) Integer.parseInt(rim, 2 * i, 2 * i + 2, 16);
    }
    return first;
  }

  @Test
  void aRemIsTheHashOfWhatItWasAndTheNewBytes() throws Exception {
    byte[] bytes = new byte[64];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) (i + 1);
    }
    byte[] rem = new byte[32];
    for (int size : new int[] {64, 0, 5}) {
      assertThat(extend(2, size, bytes)).isZero();
      MessageDigest sha = MessageDigest.getInstance("SHA-256");
      sha.update(rem);
      sha.update(bytes, 0, size);
      rem = sha.digest();
      byte[] now = read(2);
      assertThat(Arrays.copyOf(now, 32)).isEqualTo(rem);
      assertThat(Arrays.copyOfRange(now, 32, 64)).containsOnly(0);
    }
    assertThat(read(1)).containsOnly(0);
    assertThat(read(3)).containsOnly(0);
    assertThat(extend(4, 64, bytes)).isZero();
    assertThat(read(4)).isNotEqualTo(new byte[64]);
    assertThat(Arrays.copyOf(read(2), 32)).as("each for itself").isEqualTo(rem);
    b.check();
  }
}
