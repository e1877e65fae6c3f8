package dev.cocovisor.api.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class FirmwareImageTest {
  private static final UUID A = UUID.fromString("00112233-4455-6677-8899-aabbccddeeff");
  private static final UUID B = UUID.fromString("10112233-4455-6677-8899-aabbccddeeff");

  /** Writes a table of entries, lowest address first, in front of the last 32 bytes. */
  private static byte[] image(int size, Object... guidAndData) {
    byte[] out = new byte[size];
    int length = 18;
    for (int i = 0; i < guidAndData.length; i += 2) {
      length += ((byte[]) guidAndData[i + 1]).length + 18;
    }
    ByteBuffer b = ByteBuffer.wrap(out).order(ByteOrder.LITTLE_ENDIAN).position(size - 32 - length);
    for (int i = 0; i < guidAndData.length; i += 2) {
      byte[] data = (byte[]) guidAndData[i + 1];
      b.put(data).putShort((short) (data.length + 18));
      b.put(FirmwareImage.guidBytes((UUID) guidAndData[i]));
    }
    b.putShort((short) length).put(FirmwareImage.guidBytes(FirmwareImage.FOOTER));
    return out;
  }

  @Test
  void firstThreeFieldsOfGuidAreLittleEndian() {
    assertThat(FirmwareImage.guidBytes(A))
        .asHexString()
        .isEqualTo("33221100554477668899AABBCCDDEEFF");
  }

  @Test
  void entriesAreFoundWithTheirData() {
    FirmwareImage image =
        new FirmwareImage("x", image(4096, A, new byte[] {1, 2, 3, 4}, B, new byte[0]));
    assertThat(image.table().keySet()).containsExactly(B, A);
    assertThat(image.u32(image.require(A, "a", 4).offset())).isEqualTo(0x04030201L);
    assertThat(image.require(B, "b", 0).size()).isZero();
    assertThat(image.gpa()).isEqualTo(0xFFFF_F000L);
  }

  @Test
  void anImageWithoutFooterHasNoTable() {
    FirmwareImage image = new FirmwareImage("x", new byte[10]);
    assertThat(image.hasTable()).isFalse();
    assertThatThrownBy(() -> image.require(A, "a", 4))
        .isInstanceOf(MeasureException.class)
        .hasMessageContaining("x: offset 0x0: no footer table");
  }

  @Test
  void theEntryNearestToTheFooterWins() {
    FirmwareImage image = new FirmwareImage("x", image(4096, A, new byte[] {1}, A, new byte[] {2}));
    assertThat(image.bytes()[image.require(A, "a", 1).offset()]).isEqualTo((byte) 2);
  }

  @Test
  void shortEntryIsRefusedWhereItsDataLies() {
    byte[] bytes = image(4096, A, new byte[] {1, 2});
    FirmwareImage image = new FirmwareImage("x", bytes);
    assertThatThrownBy(() -> image.require(A, "a", 4))
        .hasMessage(
            "x: offset 0x%x: table entry %s (a) holds 2 bytes, not 4"
                .formatted(4096 - 32 - 18 - 20, A));
  }

  @Test
  void entryThatReachesBelowTheTableIsRefused() {
    byte[] bytes = image(4096, A, new byte[4]);
    int sizeAt = 4096 - 32 - 18 - 18;
    bytes[sizeAt] = 23;
    assertThatThrownBy(() -> new FirmwareImage("x", bytes))
        .hasMessageContaining("offset 0x%x".formatted(sizeAt))
        .hasMessageContaining("of size 23 reaches below the table");
  }

  @Test
  void tableThatReachesBelowTheImageIsRefused() {
    byte[] bytes = image(256, A, new byte[4]);
    bytes[256 - 32 - 18 + 1] = 1;
    assertThatThrownBy(() -> new FirmwareImage("x", bytes))
        .hasMessageContaining("reaches below the image");
  }

  @Test
  void distanceFromTheEndStaysInsideTheFile() {
    byte[] bytes = image(256, A, new byte[] {0, 1, 0, 0}, B, new byte[] {1, 1, 0, 0});
    FirmwareImage image = new FirmwareImage("x", bytes);
    assertThat(image.fromEnd(image.require(A, "a", 4), "thing", 16)).isZero();
    assertThatThrownBy(() -> image.fromEnd(image.require(B, "b", 4), "thing", 16))
        .hasMessageContaining("the thing lies 0x101 bytes before the end of a file of 0x100");
  }

  @Test
  void anyBytesAreReadOrRefused() {
    long seed = 0xF1E1D;
    Random random = new Random(seed);
    byte[] good = image(256, A, new byte[40], B, new byte[3]);
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = good.clone();
      for (int n = 1 + random.nextInt(3); n > 0; n--) {
        bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
      }
      try {
        FirmwareImage image = new FirmwareImage("x", bytes);
        image.table().forEach((g, e) -> assertThat(e.offset()).isBetween(0, 256 - e.size()));
      } catch (MeasureException e) {
        assertThat(e).as("seed 0x%x round %d", seed, i).hasMessageStartingWith("x: offset 0x");
      }
    }
  }
}
