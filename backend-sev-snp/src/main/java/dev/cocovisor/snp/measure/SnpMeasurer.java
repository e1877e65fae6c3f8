package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureExtras;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorResult;
import dev.cocovisor.snp.psp.LaunchDigest;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Measures SEV, SEV-ES and SEV-SNP guests.
 *
 * <p>Modes: {@code snp}, {@code snp:ovmf-hash} (the firmware's pages alone), {@code snp:svsm},
 * {@code sev-es} (also {@code seves}) and {@code sev}.
 */
public final class SnpMeasurer implements LaunchMeasurer {
  private static final String SNP = "snp";
  private static final String OVMF_HASH = "snp:ovmf-hash";
  private static final String SVSM = "snp:svsm";
  private static final String SEV_ES = "sev-es";
  private static final String SEV_ES_OLD = "seves";
  private static final String SEV = "sev";

  /** Creates the measurer; ServiceLoader does. */
  public SnpMeasurer() {}

  @Override
  public List<String> modes() {
    return List.of(SNP, OVMF_HASH, SVSM, SEV_ES, SEV_ES_OLD, SEV);
  }

  @Override
  public Map<String, String> options(String mode) {
    Map<String, String> o = new LinkedHashMap<>();
    o.put("ovmf", "OVMF image");
    if (mode.equals(OVMF_HASH)) {
      return o;
    }
    boolean kernel = !mode.equals(SVSM);
    if (kernel) {
      o.put("kernel", "kernel booted directly");
      o.put("initrd", "its initrd");
      o.put("append", "its command line");
    }
    if (!mode.equals(SEV)) {
      o.put("vcpus", "number of vCPUs");
      o.put("vcpu-type", "QEMU CPU model");
      o.put("vcpu-sig", "CPUID signature");
      o.put("vcpu-family", "with model and stepping, instead of the signature");
      o.put("vcpu-model", "see --vcpu-family");
      o.put("vcpu-stepping", "see --vcpu-family");
      o.put("vmm-type", Vmm.names());
      o.put("host-kernel", "release of the host's kernel, such as 6.1 (default: 6.10 or newer)");
      o.put("guest-features", "SEV_FEATURES (snp; fixed in other modes)");
    }
    if (mode.equals(SNP)) {
      o.put("product", "GCE: the host's processor, Milan (default) or Genoa");
      o.put("snp-ovmf-hash", "digest after the firmware's pages, instead of measuring them");
    }
    if (mode.equals(SNP) || mode.equals(SVSM)) {
      o.put("svsm", "SVSM image");
      o.put("vars-size", "bytes of the variable store");
      o.put("vars-file", "variable store, for its size");
    }
    if (mode.equals(SNP) || mode.equals(SVSM)) {
      IdBlockRequest.describe(o);
    }
    return o;
  }

  @Override
  public MeasureExtras extras(String mode, Map<String, String> options, byte[] measurement) {
    return mode.equals(SNP) || mode.equals(SVSM)
        ? IdBlockRequest.of(options, measurement)
        : MeasureExtras.NONE;
  }

  @Override
  public String mainInput(String mode) {
    return "ovmf";
  }

  @Override
  public byte[] measure(String mode, Map<String, String> options, StepSink steps) {
    String to = mode.equals(SNP) && options.containsKey("svsm") ? SVSM : mode;
    if (to.equals(SVSM) && options.containsKey("kernel")) {
      throw new MeasureException("a guest that starts in an SVSM has no measured --kernel");
    }
    FirmwareImage firmware = FirmwareImage.read(Path.of(required(options, "ovmf")));
    if (to.equals(OVMF_HASH)) {
      return measure(to, requestOf(firmware), steps);
    }
    String svsm = options.get("svsm");
    boolean vcpus = !to.equals(SEV);
    return measure(
        to,
        new LaunchRequest(
            firmware,
            vcpus ? vcpus(number(options, "vcpus")) : 0,
            vcpus ? cpu(options) : CpuStart.NONE,
            hashes(options),
            startDigest(options.get("snp-ovmf-hash")),
            svsm == null ? null : FirmwareImage.read(Path.of(svsm)),
            to.equals(SVSM) ? varsSize(options) : 0),
        steps);
  }

  /** Measures a request whose files are read. */
  static byte[] measure(String mode, LaunchRequest request, StepSink steps) {
    return switch (mode) {
      case SNP -> SnpBoot.firmware(request, steps);
      case OVMF_HASH -> SnpBoot.firmwareOnly(request.firmware(), steps);
      case SVSM -> {
        if (request.svsm() == null) {
          throw new MeasureException("mode snp:svsm needs --svsm");
        }
        yield SnpBoot.svsm(request, steps);
      }
      case SEV_ES, SEV_ES_OLD -> SevLaunch.measure(request, true, steps);
      case SEV -> SevLaunch.measure(request, false, steps);
      default -> throw new MeasureException("unknown mode '" + mode + "'");
    };
  }

  /** Returns a request for the firmware's pages alone. */
  static LaunchRequest requestOf(FirmwareImage firmware) {
    return new LaunchRequest(firmware, 0, CpuStart.NONE, null, null, null, 0);
  }

  @Override
  public boolean understands(String kind) {
    return kind.equals(SNP);
  }

  @Override
  public VectorResult check(Map<String, ?> vectorCase, Path directory) {
    return SnpVectors.check(vectorCase, directory);
  }

  @Override
  public List<VectorResult> checkTables(Map<String, ?> document, Path directory) {
    return SnpVectors.checkTables(document, directory);
  }

  /** Checks the number of vCPUs. */
  static int vcpus(long n) {
    if (n < 1 || n > 1 << 20) {
      throw new MeasureException("the number of vCPUs is " + n + ", not within 1 to 1048576");
    }
    return (int) n;
  }

  /** Reads a digest to start from: 96 hex digits of any case; null stays null. */
  static byte @Nullable [] startDigest(@Nullable String hex) {
    if (hex == null) {
      return null;
    }
    try {
      byte[] out = HexFormat.of().parseHex(hex);
      if (out.length == LaunchDigest.SIZE) {
        return out;
      }
    } catch (IllegalArgumentException e) {
      // said below
    }
    throw new MeasureException("the firmware digest '" + hex + "' is not 96 hex digits");
  }

  private static CpuStart cpu(Map<String, String> options) {
    Vmm vmm = Vmm.of(options.getOrDefault("vmm-type", "QEMU"));
    String release = options.get("host-kernel");
    HostKernel kernel = release == null ? HostKernel.CURRENT : HostKernel.of(release);
    String product = options.get("product");
    if (product != null && vmm != Vmm.GCE) {
      throw new MeasureException("--product changes nothing but --vmm-type gce");
    }
    return new CpuStart(
        vmm,
        kernel,
        product == null ? Product.MILAN : Product.of(product),
        vmm.hasSignature() ? signature(options) : 0,
        options.containsKey("guest-features")
            ? number(options, "guest-features")
            : kernel.snpFeatures());
  }

  private static int signature(Map<String, String> options) {
    if (options.containsKey("vcpu-type")) {
      return VcpuSignature.ofType(required(options, "vcpu-type"));
    }
    if (options.containsKey("vcpu-sig")) {
      long sig = number(options, "vcpu-sig");
      if (sig >>> 32 != 0) {
        throw new MeasureException("--vcpu-sig is a 32-bit value");
      }
      return (int) sig;
    }
    if (options.containsKey("vcpu-family")) {
      return VcpuSignature.of(
          (int) number(options, "vcpu-family"),
          (int) number(options, "vcpu-model"),
          (int) number(options, "vcpu-stepping"));
    }
    throw new MeasureException(
        "the measurement holds the CPU's signature: give --vcpu-type, --vcpu-sig, or --vcpu-family"
            + " with --vcpu-model and --vcpu-stepping");
  }

  private static @Nullable KernelHashes hashes(Map<String, String> options) {
    String kernel = options.get("kernel");
    if (kernel == null) {
      for (String with : List.of("initrd", "append")) {
        if (options.containsKey(with)) {
          throw new MeasureException("--" + with + " is measured only with --kernel");
        }
      }
      return null;
    }
    String initrd = options.get("initrd");
    return KernelHashes.of(
        FirmwareImage.bytesOf(Path.of(kernel)),
        initrd == null ? null : FirmwareImage.bytesOf(Path.of(initrd)),
        options.get("append"));
  }

  private static long varsSize(Map<String, String> options) {
    if (options.containsKey("vars-size")) {
      return number(options, "vars-size");
    }
    if (options.containsKey("vars-file")) {
      return FirmwareImage.bytesOf(Path.of(required(options, "vars-file"))).length;
    }
    throw new MeasureException("an SVSM lies below the variable store: give --vars-size");
  }

  private static String required(Map<String, String> options, String name) {
    String value = options.get(name);
    if (value == null) {
      throw new MeasureException("--" + name + " is missing");
    }
    return value;
  }

  private static long number(Map<String, String> options, String name) {
    String text = required(options, name);
    try {
      return text.startsWith("0x") || text.startsWith("0X")
          ? Long.parseUnsignedLong(text, 2, text.length(), 16)
          : Long.parseLong(text);
    } catch (NumberFormatException e) {
      throw new MeasureException("--" + name + " is not a number: '" + text + "'", e);
    }
  }
}
