package dev.cocovisor.cca.rmm.v1;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import dev.cocovisor.cca.rmm.measure.Rim;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/** The launch-measurement vectors of conformance/vectors, step by step. */
class RimVectorsTest {
  private static final Path VECTORS =
      Path.of(System.getProperty("cocovisor.root", "."), "conformance/vectors/vectors-cca.json");

  @TestFactory
  Stream<DynamicTest> everyStepOfEveryCaseHasTheRecordedRim() throws IOException {
    JsonNode cases = new ObjectMapper().readTree(Files.readString(VECTORS)).get("cases");
    return StreamSupport.stream(cases.spliterator(), false)
        .map(c -> DynamicTest.dynamicTest(c.get("name").asString(), () -> check(c)));
  }

  @Test
  void theVectorsAreAllThere() throws IOException {
    JsonNode cases = new ObjectMapper().readTree(Files.readString(VECTORS)).get("cases");
    assertThat(cases.size()).isEqualTo(48);
  }

  private static void check(JsonNode c) {
    JsonNode p = c.get("params");
    Rim rim = new Rim(HashAlgorithm.of(p.get("hashAlgo").asInt()));
    for (JsonNode step : c.get("steps")) {
      apply(rim, p, step);
      assertThat(rim.hex()).as(step.toString()).isEqualTo(step.get("rim").asString());
    }
    assertThat(rim.hex()).isEqualTo(c.get("expected").asString());
  }

  private static void apply(Rim rim, JsonNode p, JsonNode step) {
    switch (step.get("op").asString()) {
      case "REALM_CREATE" ->
          rim.realmCreate(
              number(p.get("flags")),
              p.get("s2sz").asInt(),
              p.get("sveVl").asInt(),
              p.get("numBps").asInt(),
              p.get("numWps").asInt(),
              p.get("pmuNumCtrs").asInt());
      case "INIT_RIPAS" -> {
        long block = number(step.get("block"));
        long top = number(step.get("top"));
        for (long at = number(step.get("base")); at < top; at += block) {
          rim.initRipas(at, at + block);
        }
      }
      case "DATA_CREATE" ->
          rim.dataCreate(
              number(step.get("ipa")), step.get("flags").asInt() == 1, page(step.get("content")));
      case "DATA_CREATE_UNKNOWN" -> {}
      case "REC_CREATE" ->
          rim.recCreate(
              number(step.get("flags")),
              number(step.get("pc")),
              StreamSupport.stream(step.get("gprs").spliterator(), false)
                  .mapToLong(RimVectorsTest::number)
                  .toArray());
      default -> throw new AssertionError(step);
    }
  }

  private static byte[] page(JsonNode content) {
    byte[] page = new byte[Rim.PAGE];
    if (content.has("fill")) {
      Arrays.fill(page, (byte) content.get("fill").asInt());
      return page;
    }
    ByteBuffer out = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
    long s = number(content.get("splitmix64"));
    while (out.hasRemaining()) {
      s += 0x9E3779B97F4A7C15L;
      long z = (s ^ s >>> 30) * 0xBF58476D1CE4E5B9L;
      z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
      out.putLong(z ^ z >>> 31);
    }
    return page;
  }

  private static long number(JsonNode n) {
    return n.isNumber() ? n.asLong() : Long.parseUnsignedLong(n.asString().substring(2), 16);
  }
}
