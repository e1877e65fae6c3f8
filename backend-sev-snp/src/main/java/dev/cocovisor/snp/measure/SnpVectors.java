package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MalformedVector;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorFields;
import dev.cocovisor.api.measure.VectorResult;
import dev.cocovisor.api.measure.VectorTables;
import dev.cocovisor.snp.psp.LaunchDigest;
import dev.cocovisor.snp.psp.LaunchPageType;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Checks vector files of kind {@code snp}. */
final class SnpVectors {
  private static final HexFormat HEX = HexFormat.of();

  private SnpVectors() {}

  static VectorResult check(Map<String, ?> vectorCase, Path directory) {
    VectorFields c = new VectorFields(vectorCase);
    return VectorResult.of(vectorCase, () -> measure(c, directory, StepSink.NONE));
  }

  private static byte[] measure(VectorFields c, Path directory, StepSink steps) {
    return SnpMeasurer.measure(c.text("mode"), request(c, directory), steps);
  }

  private static LaunchRequest request(VectorFields c, Path directory) {
    FirmwareImage image = new FirmwareImage(c.text("image"), c.read("image", directory, "images"));
    if (c.text("mode").equals("snp:ovmf-hash")) {
      return SnpMeasurer.requestOf(image);
    }
    return new LaunchRequest(
        image,
        c.has("vcpus") ? SnpMeasurer.vcpus(c.count("vcpus")) : 0,
        cpu(c),
        hashes(c, directory),
        SnpMeasurer.startDigest(c.textOrNull("ovmfHash")),
        c.has("svsm")
            ? new FirmwareImage(c.text("svsm"), c.read("svsm", directory, "images"))
            : null,
        c.has("varsSize") ? c.hex("varsSize") : 0);
  }

  private static CpuStart cpu(VectorFields c) {
    HostKernel kernel =
        c.has("hostKernel") ? HostKernel.of(c.text("hostKernel")) : HostKernel.CURRENT;
    return new CpuStart(
        Vmm.of(c.text("vmm")),
        kernel,
        c.has("product") ? Product.of(c.text("product")) : Product.MILAN,
        c.has("vcpu") ? signature(c.object("vcpu")) : 0,
        c.has("guestFeatures") ? c.hex("guestFeatures") : kernel.snpFeatures());
  }

  private static int signature(VectorFields vcpu) {
    if (vcpu.has("type")) {
      return VcpuSignature.ofType(vcpu.text("type"));
    }
    return vcpu.has("sig")
        ? (int) vcpu.hex("sig")
        : VcpuSignature.of(vcpu.count("family"), vcpu.count("model"), vcpu.count("stepping"));
  }

  private static @Nullable KernelHashes hashes(VectorFields c, Path directory) {
    return c.has("kernel")
        ? KernelHashes.of(
            c.read("kernel", directory, "files"),
            c.has("initrd") ? c.read("initrd", directory, "files") : null,
            c.textOrNull("append"))
        : null;
  }

  static List<VectorResult> checkTables(Map<String, ?> document, Path directory) {
    VectorFields d = new VectorFields(document);
    VectorTables tables = new VectorTables();
    tables.files(
        d,
        "images",
        directory,
        "layout",
        (name, v) -> layout(name, v.object("layout"), directory.resolve("images")));
    tables.files(d, "files", directory, "layout", (name, v) -> VectorResult.pass(name));
    tables.each(d, "pageInfo", SnpVectors::pageInfo);
    tables.each(d, "vcpuSignatures", SnpVectors::vcpuSignature);
    tables.each(d, "vmsa", SnpVectors::vmsa);
    tables.each(d, "hashTables", (name, v) -> hashTable(name, v, directory));
    tables.each(d, "idBlocks", SnpVectors::idBlock);
    tables.each(d, "traces", (name, v) -> trace(name, v, d, directory));
    if (d.has("vcpuTypes")) {
      VectorFields types = d.object("vcpuTypes");
      for (String type : types.keys()) {
        String name = "vcpuTypes " + type;
        tables.check(
            name,
            () ->
                VectorResult.equal(
                    name,
                    Long.toHexString(types.hex(type)),
                    Integer.toHexString(VcpuSignature.ofType(type))));
      }
    }
    return tables.results();
  }

  private static VectorResult layout(String name, VectorFields layout, Path folder) {
    FirmwareImage image = new FirmwareImage(name, VectorFields.read(name, folder));
    SevFirmware firmware = new SevFirmware(image);
    StringBuilder expected = new StringBuilder();
    StringBuilder got = new StringBuilder();
    for (Object entry : layout.list("table")) {
      expected.append(entry).append('\n');
    }
    image
        .table()
        .forEach((guid, e) ->
            got.append(
                "[%s, %s]\n"
                    .formatted(
                        guid, HEX.formatHex(image.bytes(), e.offset(), e.offset() + e.size()))));
    for (VectorFields s : layout.objects("sections")) {
      expected.append("%x+%x %d\n".formatted(s.hex("gpa"), s.hex("size"), s.count("type")));
    }
    for (SevFirmware.Section s : firmware.sections()) {
      got.append("%x+%x %d\n".formatted(s.gpa(), s.size(), s.code()));
    }
    return VectorResult.equal(name + " layout", expected.toString(), got.toString());
  }

  private static VectorResult pageInfo(String name, VectorFields v) {
    LaunchPageType type = LaunchPageType.of(v.count("type"));
    if (type == null) {
      throw new MalformedVector("unknown page type " + v.count("type"));
    }
    LaunchDigest digest = LaunchDigest.from(v.bytes("ld"));
    int pages = v.has("pages") ? v.count("pages") : 1;
    boolean imi = v.has("imi") && v.count("imi") != 0;
    for (int i = 0; i < pages; i++) {
      digest.extend(type, v.hex("gpa") + 4096L * i, v.bytes("contents"), 0, 0, imi);
    }
    return VectorResult.equal(name, v.text("expected"), HEX.formatHex(digest.value()));
  }

  private static VectorResult vcpuSignature(String name, VectorFields v) {
    int got = VcpuSignature.of(v.count("family"), v.count("model"), v.count("stepping"));
    return VectorResult.equal(name, Long.toHexString(v.hex("signature")), Integer.toHexString(got));
  }

  private static VectorResult vmsa(String name, VectorFields v) {
    long eip = v.hex("eip");
    byte[] page =
        v.text("vmm").equals("SVSM")
            ? Vmsa.svsm(start(Vmm.QEMU, v), eip)
            : Vmsa.firmware(start(Vmm.of(v.text("vmm")), v), eip);
    if (v.has("nonZero")) {
      VectorFields words = v.object("nonZero");
      for (String offset : words.keys()) {
        int at = Integer.decode(offset);
        String got = HEX.formatHex(page, at, at + 8);
        if (!got.equals(words.text(offset))) {
          return VectorResult.equal(name + " at " + offset, words.text(offset), got);
        }
      }
    }
    return VectorResult.equal(
        name,
        v.text("sha384") + " " + v.text("sha256"),
        VectorTables.hash("SHA-384", page) + " " + VectorTables.hash("SHA-256", page));
  }

  private static CpuStart start(Vmm vmm, VectorFields v) {
    return new CpuStart(
        vmm,
        v.has("hostKernel") ? HostKernel.of(v.text("hostKernel")) : HostKernel.CURRENT,
        Product.MILAN,
        (int) v.hex("signature"),
        v.has("features") ? v.hex("features") : 1);
  }

  private static VectorResult hashTable(String name, VectorFields v, Path directory) {
    KernelHashes hashes = hashes(v, directory);
    return VectorResult.equal(
        name, v.text("table"), hashes == null ? "" : HEX.formatHex(hashes.table()));
  }

  private static VectorResult idBlock(String name, VectorFields v) {
    Base64.Decoder base64 = Base64.getDecoder();
    IdBlock block = IdBlock.of(base64.decode(v.text("idBlock")));
    IdAuth auth = IdAuth.of(base64.decode(v.text("idAuth")));
    return VectorResult.equal(
        name,
        "%s %s %s %d"
            .formatted(
                v.text("digest"),
                v.text("idKeyDigest"),
                v.text("authorKeyDigest"),
                v.count("faults")),
        "%s %s %s %d"
            .formatted(
                HEX.formatHex(block.digest()),
                auth.idKeyDigest(),
                auth.authorKeyDigest(),
                auth.faults(block).size()));
  }

  private static VectorResult trace(
      String name, VectorFields v, VectorFields document, Path directory) {
    for (VectorFields c : document.objects("cases")) {
      if (c.text("name").equals(v.text("case"))) {
        StringBuilder got = new StringBuilder();
        measure(
            c,
            directory,
            step ->
                got.append("[%s, 0x%x, %s]\n".formatted(step.type(), step.gpa(), step.running())));
        StringBuilder expected = new StringBuilder();
        v.list("steps").forEach(step -> expected.append(step).append('\n'));
        return VectorResult.equal(name + " " + v.text("case"), expected.toString(), got.toString());
      }
    }
    throw new MalformedVector("there is no case " + v.text("case"));
  }
}
