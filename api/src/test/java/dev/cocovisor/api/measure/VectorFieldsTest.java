package dev.cocovisor.api.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

class VectorFieldsTest {
  private static VectorFields fields(Object value) {
    return new VectorFields(Map.of("x", value));
  }

  @Test
  void splitMix64IsTheReferenceStream() {
    // The first output of seed 0, as the algorithm's authors publish it.
    byte[] out = fields(Map.of("splitmix64", 0)).content("x", 16);
    assertThat(Arrays.copyOf(out, 8)).asHexString().isEqualTo("AFCD1D7B39A820E2");
    byte[] later = fields(Map.of("splitmix64", 0, "skip", 3)).content("x", 13);
    assertThat(later).isEqualTo(Arrays.copyOfRange(out, 3, 16));
  }

  @Test
  void sixtyFourBitValuesAreUnsigned() {
    assertThat(fields("0xffffffffffffffff").hex("x")).isEqualTo(-1);
    assertThat(fields(7).hex("x")).isEqualTo(7);
    assertThatThrownBy(() -> fields("7").hex("x")).isInstanceOf(MalformedVector.class);
    assertThatThrownBy(() -> fields(-1).hex("x")).isInstanceOf(MalformedVector.class);
    assertThatThrownBy(() -> fields("0x10000000000000000").hex("x"))
        .isInstanceOf(MalformedVector.class);
  }

  @Test
  void whatIsMissingOrOfAnotherTypeIsNamed() {
    assertThatThrownBy(() -> fields(1).text("y")).hasMessage("\"y\" is missing");
    assertThatThrownBy(() -> fields(1).text("x")).hasMessage("\"x\" is not a string");
    assertThatThrownBy(() -> fields("a").list("x")).hasMessage("\"x\" is not a list");
  }

  @Test
  void aFileNameMayNotLeaveItsFolder() {
    assertThatThrownBy(() -> VectorFields.read("../x", java.nio.file.Path.of(".")))
        .isInstanceOf(MalformedVector.class);
  }

  @Test
  void aCaseFailsUnlessItsAnswerIsTheExpectedOne() {
    Map<String, Object> c = Map.of("name", "n", "expected", "01");
    assertThat(VectorResult.of(c, () -> new byte[] {1}).passed()).isTrue();
    assertThat(VectorResult.of(c, () -> new byte[] {2}).detail()).isEqualTo("expected 01, got 02");
    assertThat(VectorResult.of(c, VectorFieldsTest::refuse).passed()).isFalse();
    assertThat(VectorResult.of(Map.of("name", "n"), () -> new byte[] {1}).passed()).isFalse();
  }

  @Test
  void aRefusalIsExpectedOfTheInputAndNotOfTheCase() {
    Map<String, Object> c = Map.of("name", "n", "expectError", true);
    assertThat(VectorResult.of(c, VectorFieldsTest::refuse).passed()).isTrue();
    assertThat(VectorResult.of(c, () -> new byte[] {1}).passed()).isFalse();
    assertThat(VectorResult.of(c, () -> new VectorFields(c).bytes("gone")).passed()).isFalse();
  }

  private static byte[] refuse() {
    throw new MeasureException("no");
  }
}
