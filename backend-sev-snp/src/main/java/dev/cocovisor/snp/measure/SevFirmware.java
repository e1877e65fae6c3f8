package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What an OVMF or SVSM image says about launching it under SEV. */
// EDK II OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm (table entries),
// OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm (descriptor).
final class SevFirmware {
  private static final UUID RESET_BLOCK = UUID.fromString("00f771de-1a7e-4fcb-890e-68c77e2fb44e");
  private static final UUID HASH_AREA = UUID.fromString("7255371f-3a3b-4b04-927b-1da6efa8d454");
  private static final UUID METADATA = UUID.fromString("dc886566-984a-4798-a75e-5585a7bf67cc");
  private static final UUID SVSM_INFO = UUID.fromString("a789a612-0597-4c4b-a49f-cbb1fe9d1ddd");
  private static final String SIGNATURE = "ASEV";
  private static final int HEADER = 16;
  private static final int SECTION = 12;

  private final FirmwareImage image;
  private final List<Section> sections;

  /** What a VMM does with a section's memory before launch. */
  enum SectionType {
    SEC_MEM(1),
    SECRETS(2),
    CPUID(3),
    SVSM_CAA(4),
    KERNEL_HASHES(0x10);

    private final int code;

    SectionType(int code) {
      this.code = code;
    }

    static @Nullable SectionType of(long code) {
      for (SectionType t : values()) {
        if (t.code == code) {
          return t;
        }
      }
      return null;
    }
  }

  /**
   * One section of the descriptor.
   *
   * @param index its place in the descriptor, from 0
   * @param offset where its record lies in the image
   * @param gpa bytes
   * @param size bytes
   * @param code the type as the image has it
   */
  record Section(int index, int offset, long gpa, long size, long code) {}

  /**
   * Reads the descriptor, if there is one.
   *
   * @throws MeasureException if it is broken
   */
  SevFirmware(FirmwareImage image) {
    this.image = image;
    this.sections = read(image);
  }

  private static List<Section> read(FirmwareImage image) {
    if (image.find(METADATA) == null) {
      return List.of();
    }
    int at = image.fromEnd(image.require(METADATA, "SEV metadata", 4), "SEV descriptor", HEADER);
    if (!image.tag(at).equals(SIGNATURE)) {
      throw image.refuse(
          at, "the SEV descriptor's signature is '%s', not 'ASEV'".formatted(image.tag(at)));
    }
    if (image.u32(at + 8) != 1) {
      throw image.refuse(
          at + 8, "the SEV descriptor's version is %d, not 1".formatted(image.u32(at + 8)));
    }
    long size = image.u32(at + 4);
    long count = image.u32(at + 12);
    if (size > image.size() - at) {
      throw image.refuse(
          at + 4, "the SEV descriptor's size of %d reaches beyond the image".formatted(size));
    }
    if (HEADER + SECTION * count > size) {
      throw image.refuse(
          at + 12,
          "the SEV descriptor's size of %d has no room for %d sections".formatted(size, count));
    }
    List<Section> out = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int s = at + HEADER + SECTION * i;
      out.add(new Section(i, s, image.u32(s), image.u32(s + 4), image.u32(s + 8)));
    }
    return List.copyOf(out);
  }

  FirmwareImage image() {
    return image;
  }

  /** Returns the descriptor's sections; empty if the image has no descriptor. */
  List<Section> sections() {
    return sections;
  }

  /**
   * Returns a section's type.
   *
   * @throws MeasureException if the type is unknown
   */
  SectionType typeOf(Section section) {
    SectionType type = SectionType.of(section.code);
    if (type == null) {
      throw image.refuse(
          section.offset + 8,
          "SEV section %d has the unknown type %d".formatted(section.index, section.code));
    }
    return type;
  }

  /**
   * Returns where vCPUs other than the first start.
   *
   * @throws MeasureException if the image does not say
   */
  long resetEip() {
    return image.u32(image.require(RESET_BLOCK, "SEV-ES reset block", 4).offset());
  }

  /** Returns the start address of the kernel-hashes area; null if there is no such entry. */
  @Nullable Long hashArea() {
    return image.find(HASH_AREA) == null
        ? null
        : image.u32(image.require(HASH_AREA, "kernel-hashes area", 4).offset());
  }

  /**
   * Returns the start address of the kernel-hashes area.
   *
   * @throws MeasureException if there is no such entry
   */
  long requireHashArea() {
    return image.u32(image.require(HASH_AREA, "kernel-hashes area", 4).offset());
  }

  /**
   * Returns where an SVSM starts, as an offset from its base.
   *
   * @throws MeasureException if the image is no SVSM
   */
  long svsmEntry() {
    return image.u32(image.require(SVSM_INFO, "SVSM information", 4).offset());
  }
}
