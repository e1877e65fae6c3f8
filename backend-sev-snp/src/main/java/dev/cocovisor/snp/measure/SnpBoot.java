package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.snp.measure.SevFirmware.Section;
import dev.cocovisor.snp.measure.SevFirmware.SectionType;
import dev.cocovisor.snp.psp.LaunchDigest;
import dev.cocovisor.snp.psp.LaunchPageType;
import java.util.HexFormat;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The launch of an SNP guest as VMMs carry it out, taken into a launch digest: the firmware's
 * pages, the SVSM's if there is one, the sections of the metadata in table order, one save area a
 * vCPU.
 *
 * <p>What differs between VMMs: EC2 gives the CPUID page after all other sections; GCE gives
 * section memory unmeasured instead of zeroed. SECRETS and CPUID sections count one page each
 * whatever their size.
 */
// QEMU target/i386/sev.c, snp_populate_metadata_pages, sev_snp_launch_finish (vCPU save areas are
// added by KVM: arch/x86/kvm/svm/sev.c, snp_launch_update_vmsa).
final class SnpBoot {
  private static final int PAGE = 4096;
  private static final HexFormat HEX = HexFormat.of();

  private final LaunchDigest digest;
  private final StepSink steps;
  private final boolean explain;

  private SnpBoot(LaunchDigest digest, StepSink steps) {
    this.digest = digest;
    this.steps = steps;
    this.explain = steps.wanted();
  }

  /** Measures the firmware's pages alone: the value that can stand in for them later. */
  static byte[] firmwareOnly(FirmwareImage image, StepSink steps) {
    SnpBoot launch = new SnpBoot(new LaunchDigest(), steps);
    launch.pages(new SevFirmware(image).image(), image.gpa());
    return launch.digest.value();
  }

  /** Measures a guest that starts in its firmware. */
  static byte[] firmware(LaunchRequest request, StepSink steps) {
    SevFirmware firmware = new SevFirmware(request.firmware());
    long apEip = firmware.resetEip();
    KernelHashes hashes = request.hashes();
    if (hashes != null && !hasHashesSection(firmware)) {
      throw new MeasureException(
          request.firmware().name()
              + ": a kernel is given, but the SEV metadata has no KERNEL_HASHES section for its"
              + " hashes (table at offset 0x%x)".formatted(tableOffset(request.firmware())));
    }
    byte[] start = request.firmwareDigest();
    SnpBoot launch =
        new SnpBoot(start == null ? new LaunchDigest() : LaunchDigest.from(start), steps);
    if (start == null) {
      launch.pages(request.firmware(), request.firmware().gpa());
    }
    launch.sections(firmware, request.cpu().vmm(), hashes);
    launch.saveAreas(request, Vmsa.RESET_VECTOR, apEip);
    return launch.digest.value();
  }

  /** Measures a guest that starts in an SVSM, which starts the firmware itself. */
  static byte[] svsm(LaunchRequest request, StepSink steps) {
    FirmwareImage firmware = new SevFirmware(request.firmware()).image();
    SevFirmware svsm = new SevFirmware(Objects.requireNonNull(request.svsm()));
    long base = firmware.gpa() - request.varsSize() - svsm.image().size();
    if (request.varsSize() < 0 || base < 0) {
      throw new MeasureException(
          "a variable store of %d bytes leaves no room for the SVSM below the firmware"
              .formatted(request.varsSize()));
    }
    long eip = base + svsm.svsmEntry();
    SnpBoot launch = new SnpBoot(new LaunchDigest(), steps);
    launch.pages(firmware, firmware.gpa());
    launch.pages(svsm.image(), base);
    launch.sections(svsm, request.cpu().vmm(), null);
    byte[] page = Vmsa.svsm(request.cpu(), eip);
    byte[] content = LaunchDigest.contentHash(LaunchPageType.VMSA, page, 0);
    for (int vcpu = 0; vcpu < request.vcpus(); vcpu++) {
      int n = vcpu;
      steps.saveArea(vcpu, page);
      launch.extend(
          LaunchPageType.VMSA,
          LaunchDigest.VMSA_GPA,
          content,
          0,
          () ->
              "vCPU %d: SVSM eip 0x%x, edx 0x%x, sev_features 0x1"
                  .formatted(n, eip, request.cpu().signature()));
    }
    return launch.digest.value();
  }

  private static boolean hasHashesSection(SevFirmware firmware) {
    boolean found = false;
    for (Section s : firmware.sections()) {
      found |= firmware.typeOf(s) == SectionType.KERNEL_HASHES;
    }
    return found;
  }

  private static int tableOffset(FirmwareImage image) {
    return Math.max(0, image.size() - 32 - 18);
  }

  private void pages(FirmwareImage image, long gpa) {
    if (image.size() == 0) {
      throw image.refuse(0, "the file is empty");
    }
    if (image.size() % PAGE != 0) {
      throw image.refuse(
          image.size() / PAGE * PAGE,
          "the last page has only %d bytes: the size of 0x%x is no multiple of 4096"
              .formatted(image.size() % PAGE, image.size()));
    }
    if (gpa % PAGE != 0) {
      throw image.refuse(0, "its guest address 0x%x is not 4 KiB aligned".formatted(gpa));
    }
    byte[] hashes = PageHashes.of(image.bytes());
    for (int i = 0; i < image.size() / PAGE; i++) {
      int page = i;
      extend(
          LaunchPageType.NORMAL,
          gpa + (long) i * PAGE,
          hashes,
          i * LaunchDigest.SIZE,
          () -> "%s offset 0x%x".formatted(image.name(), page * PAGE));
    }
  }

  private void sections(SevFirmware firmware, Vmm vmm, @Nullable KernelHashes hashes) {
    for (Section s : firmware.sections()) {
      if (!(vmm.ec2() && firmware.typeOf(s) == SectionType.CPUID)) {
        section(firmware, s, vmm, hashes);
      }
    }
    if (vmm.ec2()) {
      for (Section s : firmware.sections()) {
        if (firmware.typeOf(s) == SectionType.CPUID) {
          section(firmware, s, vmm, hashes);
        }
      }
    }
  }

  private void section(SevFirmware firmware, Section s, Vmm vmm, @Nullable KernelHashes hashes) {
    SectionType type = firmware.typeOf(s);
    if (s.gpa() % PAGE != 0) {
      throw firmware
          .image()
          .refuse(
              s.offset(),
              "SEV section %d (%s) has the address 0x%x, not 4 KiB aligned"
                  .formatted(s.index(), type, s.gpa()));
    }
    switch (type) {
      case SEC_MEM ->
          range(
              firmware, s, type, vmm == Vmm.GCE ? LaunchPageType.UNMEASURED : LaunchPageType.ZERO);
      case SVSM_CAA -> range(firmware, s, type, LaunchPageType.ZERO);
      case SECRETS -> empty(LaunchPageType.SECRETS, s.gpa(), s, type);
      case CPUID -> empty(LaunchPageType.CPUID, s.gpa(), s, type);
      case KERNEL_HASHES -> {
        if (hashes == null) {
          range(firmware, s, type, LaunchPageType.ZERO);
        } else {
          hashPage(firmware, s, hashes);
        }
      }
    }
  }

  private void range(SevFirmware firmware, Section s, SectionType type, LaunchPageType as) {
    if (s.size() % PAGE != 0) {
      throw firmware
          .image()
          .refuse(
              s.offset() + 4,
              "SEV section %d (%s) has the size 0x%x, no multiple of 4096"
                  .formatted(s.index(), type, s.size()));
    }
    for (long at = 0; at < s.size(); at += PAGE) {
      empty(as, s.gpa() + at, s, type);
    }
  }

  private void hashPage(SevFirmware firmware, Section s, KernelHashes hashes) {
    if (s.size() != PAGE) {
      throw firmware
          .image()
          .refuse(
              s.offset() + 4,
              "SEV section %d (KERNEL_HASHES) has the size 0x%x, not one page"
                  .formatted(s.index(), s.size()));
    }
    byte[] page = hashes.page((int) (firmware.requireHashArea() % PAGE));
    extend(
        LaunchPageType.NORMAL,
        s.gpa(),
        LaunchDigest.contentHash(LaunchPageType.NORMAL, page, 0),
        0,
        () -> "section %d KERNEL_HASHES: %s".formatted(s.index(), hashes.text()));
  }

  private void saveAreas(LaunchRequest request, long bootEip, long apEip) {
    byte[] bootPage = Vmsa.firmware(request.cpu(), bootEip);
    byte[] apPage = request.vcpus() > 1 ? Vmsa.firmware(request.cpu(), apEip) : bootPage;
    byte[] boot = LaunchDigest.contentHash(LaunchPageType.VMSA, bootPage, 0);
    byte[] ap =
        request.vcpus() > 1 ? LaunchDigest.contentHash(LaunchPageType.VMSA, apPage, 0) : boot;
    for (int vcpu = 0; vcpu < request.vcpus(); vcpu++) {
      int n = vcpu;
      steps.saveArea(vcpu, vcpu == 0 ? bootPage : apPage);
      extend(
          LaunchPageType.VMSA,
          request.cpu().vmsaGpa(),
          vcpu == 0 ? boot : ap,
          0,
          () ->
              "vCPU %d: %s eip 0x%x, edx 0x%x, sev_features 0x%x"
                  .formatted(
                      n,
                      request.cpu().vmm().label(),
                      n == 0 ? bootEip : apEip,
                      request.cpu().edx(),
                      request.cpu().features()));
    }
  }

  private void empty(LaunchPageType as, long gpa, Section s, SectionType type) {
    digest.update(as, gpa);
    if (explain) {
      steps.step(
          MeasureStep.at(as.name(), gpa)
              .withOrigin("section %d %s".formatted(s.index(), type))
              .withRunning(HEX.formatHex(digest.value())));
    }
  }

  private void extend(
      LaunchPageType type, long gpa, byte[] contents, int at, Supplier<String> origin) {
    digest.extend(type, gpa, contents, at);
    if (explain) {
      steps.step(
          MeasureStep.at(type.name(), gpa)
              .withOrigin(origin.get())
              .withContentHash(HEX.formatHex(contents, at, at + LaunchDigest.SIZE))
              .withRunning(HEX.formatHex(digest.value())));
    }
  }
}
