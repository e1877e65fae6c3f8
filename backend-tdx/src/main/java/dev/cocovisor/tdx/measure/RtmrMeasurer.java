package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorFields;
import dev.cocovisor.api.measure.VectorResult;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Computes run-time registers of a TD: modes {@code rtmr:0} to {@code rtmr:3}, from an event log or
 * from the files a TD boots from.
 */
public final class RtmrMeasurer implements LaunchMeasurer {
  private static final String PREFIX = "rtmr:";
  private static final List<String> FILES =
      List.of(
          "ovmf",
          "acpi-tables",
          "acpi-rsdp",
          "acpi-loader",
          "kernel",
          "initrd",
          "append",
          "memory");

  /** Creates the measurer; it has no state. */
  public RtmrMeasurer() {}

  @Override
  public List<String> modes() {
    return List.of(PREFIX + 0, PREFIX + 1, PREFIX + 2, PREFIX + 3);
  }

  @Override
  public Map<String, String> options(String mode) {
    Map<String, String> o = new LinkedHashMap<>();
    o.put("event-log", "the firmware's event log (CCEL), instead of files");
    switch (mode) {
      case "rtmr:0" -> {
        o.put("ovmf", "firmware image with TDX metadata");
        o.put("memory", "bytes of the guest, with K, M or G");
        o.put("acpi-tables", "QEMU's etc/acpi/tables");
        o.put("acpi-rsdp", "QEMU's etc/acpi/rsdp (default: made from the tables)");
        o.put("acpi-loader", "QEMU's etc/table-loader (default: made from the tables)");
      }
      case "rtmr:1" -> {
        o.put("kernel", "kernel booted directly");
        o.put("initrd", "its initrd");
        o.put("memory", "bytes of the guest, with K, M or G");
        o.put(
            "setup-header",
            "what the firmware is given: raw (default), or patched by QEMU (firmware before"
                + " 2025.05)");
      }
      case "rtmr:2" -> {
        o.put("append", "the kernel's command line");
        o.put("initrd", "its initrd");
      }
      default -> {}
    }
    return o;
  }

  @Override
  public String mainInput(String mode) {
    return "event-log";
  }

  @Override
  public byte[] measure(String mode, Map<String, String> options, StepSink steps) {
    String log = options.get("event-log");
    if (log == null) {
      return files(mode, new OptionFiles(options), steps).value();
    }
    for (String file : FILES) {
      if (options.containsKey(file)) {
        throw new MeasureException("--event-log stands for all files, --" + file + " included");
      }
    }
    return replay(EventLog.read(Path.of(log)), register(mode), steps).value();
  }

  /** What a boot is made of, by the names of options; null for what is not given. */
  private interface Inputs {
    @Nullable String text(String key);

    byte @Nullable [] bytes(String key);

    String name(String key);
  }

  private record OptionFiles(Map<String, String> options) implements Inputs {
    @Override
    public @Nullable String text(String key) {
      return options.get(key);
    }

    @Override
    public byte @Nullable [] bytes(String key) {
      String file = options.get(key);
      return file == null ? null : FirmwareImage.bytesOf(Path.of(file));
    }

    @Override
    public String name(String key) {
      Path file = Path.of(options.getOrDefault(key, key));
      return Objects.requireNonNullElse(file.getFileName(), file).toString();
    }
  }

  private record VectorFiles(VectorFields c, Path directory) implements Inputs {
    @Override
    public @Nullable String text(String key) {
      return c.textOrNull(key);
    }

    @Override
    public byte @Nullable [] bytes(String key) {
      return c.has(key) ? c.read(key, directory, key.equals("ovmf") ? "images" : "files") : null;
    }

    @Override
    public String name(String key) {
      return c.text(key);
    }
  }

  private static Rtmr files(String mode, Inputs in, StepSink steps) {
    return switch (mode) {
      case "rtmr:0" ->
          TdBoot.platform(
              new FirmwareImage(in.name("ovmf"), required(mode, in, "ovmf")),
              memory(mode, in),
              new AcpiTables(in.name("acpi-tables"), required(mode, in, "acpi-tables")),
              in.bytes("acpi-rsdp"),
              in.bytes("acpi-loader"),
              steps);
      case "rtmr:1" -> TdBoot.kernel(in.name("kernel"), kernel(mode, in), steps);
      case "rtmr:2" -> {
        String line = in.text("append");
        byte[] initrd = in.bytes("initrd");
        if (line == null && initrd == null) {
          throw new MeasureException(mode + " needs --append or --initrd, or --event-log");
        }
        yield TdBoot.payload(line == null ? "" : line, initrd, steps);
      }
      default -> new Rtmr(steps); // nobody extends it before the guest's own programs do
    };
  }

  private static byte[] kernel(String mode, Inputs in) {
    byte[] kernel = required(mode, in, "kernel");
    String header = in.text("setup-header");
    if (header == null || header.equals("raw")) {
      return kernel;
    }
    if (!header.equals("patched")) {
      throw new MeasureException("--setup-header is raw or patched, not '" + header + "'");
    }
    byte[] initrd = in.bytes("initrd");
    return SetupHeader.patched(
        in.name("kernel"), kernel, initrd == null ? 0 : initrd.length, memory(mode, in));
  }

  private static byte[] required(String mode, Inputs in, String key) {
    byte[] bytes = in.bytes(key);
    if (bytes == null) {
      throw new MeasureException(mode + " needs --" + key + ", or --event-log");
    }
    return bytes;
  }

  private static long memory(String mode, Inputs in) {
    String text = in.text("memory");
    if (text == null) {
      throw new MeasureException(mode + " needs --memory, or --event-log");
    }
    int unit = "KMGT".indexOf(Character.toUpperCase(text.charAt(Math.max(0, text.length() - 1))));
    String digits = unit < 0 ? text : text.substring(0, text.length() - 1);
    try {
      long n = Math.multiplyExact(Long.decode(digits), unit < 0 ? 1 : 1L << (10 * (unit + 1)));
      if (n > 0) {
        return n;
      }
    } catch (ArithmeticException | NumberFormatException e) {
      // said below
    }
    throw new MeasureException("--memory is a number of bytes such as 4G, not '" + text + "'");
  }

  private static Rtmr replay(EventLog log, int register, StepSink steps) {
    Rtmr r = new Rtmr(steps);
    for (EventLog.Event e : log.events()) {
      if (e.register() == register) {
        r.extend(e.type(), e.text(), e.digest());
      }
    }
    return r;
  }

  private static int register(String mode) {
    return mode.charAt(PREFIX.length()) - '0';
  }

  @Override
  public boolean understands(String kind) {
    return kind.equals("rtmr");
  }

  @Override
  public VectorResult check(Map<String, ?> vectorCase, Path directory) {
    VectorFields c = new VectorFields(vectorCase);
    return VectorResult.of(vectorCase, () -> measure(c, directory).value());
  }

  private static Rtmr measure(VectorFields c, Path directory) {
    String mode = PREFIX + c.count("register");
    if (c.has("event-log")) {
      byte[] log = c.read("event-log", directory, "files");
      return replay(new EventLog(c.text("event-log"), log), register(mode), StepSink.NONE);
    }
    if (c.has("digests")) {
      Rtmr r = new Rtmr(StepSink.NONE);
      for (Object hex : c.list("digests")) {
        r.extend("", "", java.util.HexFormat.of().parseHex(String.valueOf(hex)));
      }
      return r;
    }
    return files(mode, new VectorFiles(c, directory), StepSink.NONE);
  }
}
