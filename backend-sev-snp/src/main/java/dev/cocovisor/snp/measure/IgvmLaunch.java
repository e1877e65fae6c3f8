package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.igvm.IgvmFile;
import dev.cocovisor.api.measure.igvm.IgvmPages;
import dev.cocovisor.snp.psp.LaunchDigest;
import dev.cocovisor.snp.psp.LaunchPageType;
import java.util.Arrays;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * The launch of an SNP guest from an IGVM file: its pages, parameters and save areas in the order
 * of the directives.
 */
// microsoft/igvm, igvm/src/measurement/snp.rs; coconut-svsm, tools/igvmmeasure/src/igvm_measure.rs
// (zero pages of their own type, what QEMU and KVM cannot carry out); QEMU, backends/igvm.c.
final class IgvmLaunch implements IgvmPages.Visitor {
  /** The format's number of the platform. */
  static final int PLATFORM = 2;

  private static final HexFormat HEX = HexFormat.of();
  private static final int CR0 = 0x158;

  private final IgvmFile file;
  private final int mask;
  private final Rules rules;
  private final StepSink steps;
  private final LaunchDigest digest = new LaunchDigest();
  private final byte[] zeros =
      LaunchDigest.contentHash(LaunchPageType.NORMAL, new byte[IgvmPages.PAGE], 0);
  private int saveAreas;
  private byte @Nullable [] expected;

  /**
   * What loaders do differently.
   *
   * @param nativeZero whether pages without data are given as ZERO instead of as NORMAL ones full
   *     of zeros
   * @param kvm whether what QEMU with KVM cannot carry out is refused
   * @param checkIdBlock whether a digest that is not the one of the file's id block is refused
   */
  record Rules(boolean nativeZero, boolean kvm, boolean checkIdBlock) {}

  IgvmLaunch(IgvmFile file, Rules rules, StepSink steps) {
    this.file = file;
    this.mask = file.mask(PLATFORM);
    this.rules = rules;
    this.steps = steps;
    if (mask == 0) {
      throw new MeasureException(file.name() + ": the file is not made for SEV-SNP (platform 2)");
    }
  }

  /** Measures. */
  byte[] run() {
    new IgvmPages(file, mask).walk(this);
    byte[] value = digest.value();
    if (rules.checkIdBlock && expected != null && !Arrays.equals(expected, value)) {
      throw new MeasureException(
          "%s: the file's id block expects the digest %s, its directives measure %s; --igvm-id-block"
                  .formatted(file.name(), HEX.formatHex(expected), HEX.formatHex(value))
              + " ignore prints it all the same");
    }
    return value;
  }

  @Override
  public void page(IgvmPages.Page page) {
    if (rules.kvm && saveAreas > 0) {
      throw new MeasureException(
          file.name()
              + ": directive "
              + page.directive()
              + " follows the save area, which KVM measures after all pages");
    }
    LaunchPageType type =
        switch (page.dataType()) {
          case 1 -> LaunchPageType.SECRETS;
          case 2, 3 -> LaunchPageType.CPUID;
          default -> {
            if (page.unmeasured()) {
              yield LaunchPageType.UNMEASURED;
            }
            yield page.offset() < 0 && rules.nativeZero
                ? LaunchPageType.ZERO
                : LaunchPageType.NORMAL;
          }
        };
    String origin = page.origin(file);
    if (!type.contentMeasured()) {
      digest.update(type, page.gpa());
      tell(type, page.gpa(), "", origin);
    } else {
      byte[] contents =
          page.offset() < 0 ? zeros : LaunchDigest.contentHash(type, file.bytes(), page.offset());
      digest.extend(type, page.gpa(), contents, 0);
      tell(type, page.gpa(), HEX.formatHex(contents), origin);
    }
  }

  @Override
  public void context(int directive, int index, long gpa, int field) {
    int at = file.data(field, IgvmPages.PAGE);
    if (rules.kvm) {
      refuseAsKvm(gpa, at, field);
    }
    steps.saveArea(saveAreas, file.bytes(at, IgvmPages.PAGE));
    byte[] contents = LaunchDigest.contentHash(LaunchPageType.VMSA, file.bytes(), at);
    digest.extend(LaunchPageType.VMSA, gpa, contents, 0);
    tell(
        LaunchPageType.VMSA,
        gpa,
        HEX.formatHex(contents),
        "directive %d VP_CONTEXT: vCPU %d, %s offset 0x%x"
            .formatted(directive, index, file.name(), at));
    saveAreas++;
  }

  private void refuseAsKvm(long gpa, int at, int field) {
    if (saveAreas > 0) {
      throw file.refuse(field, "a second save area; QEMU sets the first vCPU's alone");
    }
    if (gpa != LaunchDigest.VMSA_GPA) {
      throw file.refuse(
          field,
          "the save area lies at 0x%x; KVM measures it at 0x%x"
              .formatted(gpa, LaunchDigest.VMSA_GPA));
    }
    long cr0 = file.u64(at + CR0);
    if (cr0 != 0x31 && cr0 != 0x30) {
      throw file.refuse(
          at + CR0,
          "the save area's CR0 is 0x%x; KVM makes it 0x31 or, in real mode, 0x30".formatted(cr0));
    }
  }

  @Override
  public void other(IgvmFile.Header directive) {
    IdBlock.ofIgvm(file, directive, mask).ifPresent(block -> expected = block.digest());
  }

  private void tell(LaunchPageType type, long gpa, String content, String origin) {
    if (steps.wanted()) {
      steps.step(
          MeasureStep.at(type.name(), gpa)
              .withOrigin(origin)
              .withContentHash(content)
              .withRunning(HEX.formatHex(digest.value())));
    }
  }
}
