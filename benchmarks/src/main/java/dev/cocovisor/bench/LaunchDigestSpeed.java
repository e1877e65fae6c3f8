package dev.cocovisor.bench;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.snp.measure.SnpMeasurer;
import dev.cocovisor.tdx.measure.TdxMeasurer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Launch digest of a 4 MiB firmware with 64 vCPUs, reading the file included; sev-snp-measure takes
 * 11 ms in process. No two pages of the image are equal, so nothing can be saved.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class LaunchDigestSpeed {
  private static final int SIZE = 4 << 20;

  private Path image = Path.of("");

  /** Writes an image with both kinds of metadata. */
  @org.openjdk.jmh.annotations.Setup(Level.Trial)
  public void write() throws IOException {
    byte[] bytes = new byte[SIZE];
    new SplittableRandom(42).nextBytes(bytes);
    ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int sev = SIZE - 0x1000;
    b.position(sev);
    b.put("ASEV".getBytes(java.nio.charset.StandardCharsets.US_ASCII)).putInt(16 + 24);
    b.putInt(1).putInt(2).putInt(0x80_0000).putInt(0x2_0000).putInt(1);
    b.putInt(0x82_0000).putInt(0x1000).putInt(3);
    int tdx = SIZE - 0x800;
    b.position(tdx);
    b.put("TDVF".getBytes(java.nio.charset.StandardCharsets.US_ASCII)).putInt(16 + 32);
    b.putInt(1).putInt(1).putInt(0).putInt(SIZE).putLong(FirmwareImage.FOUR_GIB - SIZE);
    b.putLong(SIZE).putInt(0).putInt(1);
    b.position(SIZE - 32 - 18 - 3 * 22);
    entry(b, "00f771de-1a7e-4fcb-890e-68c77e2fb44e", 0x80_b004);
    entry(b, "dc886566-984a-4798-a75e-5585a7bf67cc", SIZE - sev);
    entry(b, "e47a6535-984a-4798-865e-4685a7bf8ec2", SIZE - tdx);
    b.putShort((short) (18 + 3 * 22)).put(FirmwareImage.guidBytes(FirmwareImage.FOOTER));
    image = Files.createTempFile("cocovisor", ".fd");
    Files.write(image, bytes);
  }

  private static void entry(ByteBuffer b, String guid, int value) {
    b.putInt(value).putShort((short) 22);
    b.put(FirmwareImage.guidBytes(UUID.fromString(guid)));
  }

  /** Removes the image. */
  @TearDown
  public void remove() throws IOException {
    Files.delete(image);
  }

  /** SNP: pages hashed on all cores, the chain on one. */
  @Benchmark
  public byte[] snp64Vcpus() {
    return new SnpMeasurer()
        .measure(
            "snp",
            Map.of("ovmf", image.toString(), "vcpus", "64", "vcpu-type", "EPYC-Milan"),
            StepSink.NONE);
  }

  /** TDX: one stream, so one core. */
  @Benchmark
  public byte[] tdxSinglePass() {
    // The image has one section, and QEMU wants two.
    return new TdxMeasurer()
        .measure("tdx", Map.of("ovmf", image.toString(), "vmm-type", "any"), StepSink.NONE);
  }
}
