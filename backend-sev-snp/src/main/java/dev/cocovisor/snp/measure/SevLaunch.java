package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.api.measure.StepSink;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * The launch of a SEV or SEV-ES guest: one SHA-256 over the firmware image, the kernel-hashes table
 * if a kernel is booted directly and, for SEV-ES, each vCPU's save area.
 */
// AMD SEV API (55766), LAUNCH_UPDATE_DATA, LAUNCH_UPDATE_VMSA, LAUNCH_MEASURE; QEMU
// target/i386/sev.c, sev_encrypt_flash, sev_add_kernel_loader_hashes.
final class SevLaunch {
  private static final int PAGE = 4096;
  private static final HexFormat HEX = HexFormat.of();

  private final MessageDigest sha = sha256();
  private final MessageDigest pageSha = sha256();
  private final StepSink steps;

  private SevLaunch(StepSink steps) {
    this.steps = steps;
  }

  /**
   * Measures.
   *
   * @param encryptedState true for SEV-ES, whose save areas are measured
   */
  static byte[] measure(LaunchRequest request, boolean encryptedState, StepSink steps) {
    FirmwareImage image = request.firmware();
    SevFirmware firmware = new SevFirmware(image);
    KernelHashes hashes = request.hashes();
    Long named = firmware.hashArea();
    long area = named == null ? 0 : named;
    if (hashes != null && area == 0) {
      throw image.refuse(
          Math.max(0, image.size() - 50),
          "a kernel is given, but the footer table %s for its hashes"
              .formatted(named == null ? "names no area" : "gives an area at address 0"));
    }
    // A single vCPU would not need it, but an image without is not made for SEV-ES.
    long apEip = encryptedState ? firmware.resetEip() : 0;
    SevLaunch launch = new SevLaunch(steps);
    launch.image(image);
    if (hashes != null) {
      launch.add("HASHES", area, "kernel hashes: " + hashes.text(), hashes.table());
    }
    if (encryptedState) {
      launch.saveAreas(request, apEip);
    }
    return launch.sha.digest();
  }

  private void saveAreas(LaunchRequest request, long apEip) {
    CpuStart cpu = request.cpu().sevEs();
    byte[] boot = Vmsa.firmware(cpu, Vmsa.RESET_VECTOR);
    byte[] ap = Vmsa.firmware(cpu, apEip);
    for (int vcpu = 0; vcpu < request.vcpus(); vcpu++) {
      String origin =
          steps.wanted()
              ? "vCPU %d: %s eip 0x%x, edx 0x%x"
                  .formatted(
                      vcpu, cpu.vmm().label(), vcpu == 0 ? Vmsa.RESET_VECTOR : apEip, cpu.edx())
              : "";
      steps.saveArea(vcpu, vcpu == 0 ? boot : ap);
      add("VMSA", -1, origin, vcpu == 0 ? boot : ap);
    }
  }

  private void image(FirmwareImage image) {
    if (image.size() == 0) {
      throw image.refuse(0, "the file is empty");
    }
    if (!steps.wanted()) {
      sha.update(image.bytes());
      return;
    }
    for (int at = 0; at < image.size(); at += PAGE) {
      int length = Math.min(PAGE, image.size() - at);
      add(
          "IMAGE",
          image.gpa() + at,
          "%s offset 0x%x".formatted(image.name(), at),
          image.bytes(),
          at,
          length);
    }
  }

  private void add(String type, long gpa, String origin, byte[] data) {
    add(type, gpa, origin, data, 0, data.length);
  }

  private void add(String type, long gpa, String origin, byte[] data, int at, int length) {
    sha.update(data, at, length);
    if (steps.wanted()) {
      pageSha.update(data, at, length);
      steps.step(
          MeasureStep.at(type, gpa)
              .withOrigin(origin)
              .withContentHash(HEX.formatHex(pageSha.digest()))
              .withRunning(HEX.formatHex(running())));
    }
  }

  private byte[] running() {
    try {
      return ((MessageDigest) sha.clone()).digest();
    } catch (CloneNotSupportedException e) {
      throw new MeasureException("this JDK's SHA-256 cannot be copied", e);
    }
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
