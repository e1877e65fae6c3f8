package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.StepSink;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * What the firmware and the kernel of a TD measure when QEMU boots a kernel directly, with secure
 * boot off and nothing else attached.
 */
// EDK II OvmfPkg/IntelTdx (TdxHelperSec: hand-off block, configuration volume), SecurityPkg
// TdTcg2Dxe (variables, separator, boot order, images, actions), OvmfPkg/AcpiPlatformDxe (QEMU's
// files); Linux drivers/firmware/efi/libstub (command line, initrd). The sequence as
// virtee/tdx-measure, src/tdvf.rs and src/kernel.rs, validated it on hardware.
final class TdBoot {
  private static final UUID GLOBAL = UUID.fromString("8be4df61-93ca-11d2-aa0d-00e098032b8c");
  private static final UUID SECURITY = UUID.fromString("d719b2cb-3d3a-4596-a3bc-dad00e67656f");
  private static final int CFV = 1;
  private static final byte[] SEPARATOR = new byte[4];

  /** The firmware's own entry, its built-in shell or menu ("UiApp"), as Boot0000. */
  private static final byte[] BOOT_0000 =
      HexFormat.of()
          .parseHex(
              "090100002c0055006900410070007000000004071400c9bdb87cebf8344faaea3ee4af6516a1"
                  + "0406140021aa2c4614760345836e8ab6f46623317fff0400");

  private TdBoot() {}

  /**
   * Measures what decides the platform: memory, variables, ACPI, boot order.
   *
   * @param memory bytes of the guest
   * @param rootPointer QEMU's file; null: as it follows from the tables
   * @param script QEMU's file; null: as it follows from the tables
   */
  static Rtmr platform(
      FirmwareImage image,
      long memory,
      AcpiTables acpi,
      byte @Nullable [] rootPointer,
      byte @Nullable [] script,
      StepSink steps) {
    Tdvf tdvf = new Tdvf(image, Loader.QEMU);
    Rtmr r = new Rtmr(steps);
    r.measure(
        "EV_EFI_HANDOFF_TABLES2",
        "hand-off block for 0x%x bytes".formatted(memory),
        TdHob.bytes(tdvf, memory));
    Tdvf.Section cfv =
        tdvf.sections().stream()
            .filter(s -> s.type() == CFV)
            .findFirst()
            .orElseThrow(() -> image.refuse(0, "the TDX metadata has no CFV section"));
    r.measure(
        "EV_EFI_PLATFORM_FIRMWARE_BLOB2",
        "variables: %s offset 0x%x".formatted(image.name(), cfv.dataOffset()),
        slice(image.bytes(), cfv.dataOffset(), cfv.dataSize()));
    variable(r, GLOBAL, "SecureBoot");
    variable(r, GLOBAL, "PK");
    variable(r, GLOBAL, "KEK");
    variable(r, SECURITY, "db");
    variable(r, SECURITY, "dbx");
    r.measure("EV_SEPARATOR", "separator", SEPARATOR);
    r.measure(
        "EV_PLATFORM_CONFIG_FLAGS",
        "etc/table-loader",
        script == null ? acpi.linkerScript() : script);
    r.measure(
        "EV_PLATFORM_CONFIG_FLAGS",
        "etc/acpi/rsdp",
        rootPointer == null ? acpi.rootPointer() : rootPointer);
    r.measure("EV_PLATFORM_CONFIG_FLAGS", "etc/acpi/tables", acpi.bytes());
    r.measure("EV_EFI_VARIABLE_BOOT", "BootOrder: Boot0000", new byte[2]);
    r.measure("EV_EFI_VARIABLE_BOOT", "Boot0000: UiApp", BOOT_0000);
    return r;
  }

  /** Measures the kernel as the boot application it is to firmware. */
  static Rtmr kernel(String name, byte[] kernel, StepSink steps) {
    Rtmr r = new Rtmr(steps);
    r.extend("EV_EFI_BOOT_SERVICES_APPLICATION", name, new PeImage(name, kernel).hash());
    action(r, "Calling EFI Application from Boot Option");
    r.measure("EV_SEPARATOR", "separator", SEPARATOR);
    action(r, "Exit Boot Services Invocation");
    action(r, "Exit Boot Services Returned with Success");
    return r;
  }

  /** Measures what the kernel's EFI stub is given. */
  static Rtmr payload(String commandLine, byte @Nullable [] initrd, StepSink steps) {
    Rtmr r = new Rtmr(steps);
    // Firmware tells the stub by its command line where to find the initrd.
    String line = initrd == null ? commandLine : commandLine + " initrd=initrd";
    r.measure(
        "EV_EVENT_TAG", "command line: " + line, (line + "\0").getBytes(StandardCharsets.UTF_16LE));
    if (initrd != null) {
      r.measure("EV_EVENT_TAG", "initrd", initrd);
    }
    return r;
  }

  private static void action(Rtmr r, String text) {
    r.measure("EV_EFI_ACTION", text, text.getBytes(StandardCharsets.US_ASCII));
  }

  private static void variable(Rtmr r, UUID vendor, String name) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(FirmwareImage.guidBytes(vendor));
    out.writeBytes(
        ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN).putLong(name.length()).array());
    out.writeBytes(name.getBytes(StandardCharsets.UTF_16LE));
    r.measure("EV_EFI_VARIABLE_DRIVER_CONFIG", name + ": not set", out.toByteArray());
  }

  private static byte[] slice(byte[] bytes, long at, long size) {
    return java.util.Arrays.copyOfRange(bytes, (int) at, (int) (at + size));
  }
}
