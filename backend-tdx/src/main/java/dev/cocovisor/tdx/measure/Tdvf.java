package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** The TDX metadata of a firmware image: what a VMM puts where before the TD starts. */
// Intel TDX Virtual Firmware Design Guide, "TDVF Metadata"; EDK II
// OvmfPkg/ResetVector/X64/OvmfTdxMetadata.asm; QEMU hw/i386/tdvf.c, tdvf_parse_metadata and
// tdvf_parse_and_check_section_entry; TdParams: td-shim, td-shim-interface/src/metadata.rs.
final class Tdvf {
  /** Bytes of a page. */
  static final int PAGE = 4096;

  private static final UUID METADATA = UUID.fromString("e47a6535-984a-4798-865e-4685a7bf8ec2");
  private static final int HEADER = 16;
  private static final int SECTION = 32;
  private static final long MR_EXTEND = 1;
  private static final long PAGE_AUG = 2;
  private static final int BFV = 0;
  private static final int CFV = 1;
  private static final int TEMP_MEM = 3;
  private static final int TD_INFO = 7;
  private static final int TD_PARAMS = 8;
  private static final long GPA_LIMIT = 1L << 52;

  /** Memory no host adds page by page before launch; more is a broken size, not a big guest. */
  private static final long BUILD_LIMIT = 64L << 30;

  private static final String[] TYPES = {
    "BFV", "CFV", "TD_HOB", "TempMem", "PermMem", "Payload", "PayloadParam", "TdInfo", "TdParams"
  };

  private final FirmwareImage image;
  private final List<Section> sections;

  /**
   * One section.
   *
   * @param index its place in the descriptor, from 0
   * @param dataOffset where its data lies in the image
   * @param dataSize bytes of data
   * @param gpa bytes
   * @param memorySize bytes of guest memory; what the data does not fill is zero
   * @param type 0 to 8
   * @param attributes MR_EXTEND bit 0, PAGE_AUG bit 1
   */
  record Section(
      int index,
      long dataOffset,
      long dataSize,
      long gpa,
      long memorySize,
      long type,
      long attributes) {
    /** Tells whether its content is measured. */
    boolean extended() {
      return (attributes & MR_EXTEND) != 0;
    }

    /** Tells whether it takes part in the build at all. */
    boolean added() {
      return (attributes & PAGE_AUG) == 0;
    }

    String typeName() {
      return TYPES[(int) type];
    }
  }

  /**
   * Reads an image's metadata.
   *
   * @throws dev.cocovisor.api.measure.MeasureException if there is none or it is broken
   */
  Tdvf(FirmwareImage image, Loader loader) {
    this.image = image;
    FirmwareImage.Entry entry = image.require(METADATA, "TDX metadata", 4);
    int at = image.fromEnd(entry, "TDX descriptor", HEADER);
    if (!image.tag(at).equals("TDVF")) {
      throw image.refuse(
          at, "the TDX descriptor's signature is '%s', not 'TDVF'".formatted(image.tag(at)));
    }
    if (image.u32(at + 8) != 1) {
      throw image.refuse(
          at + 8, "the TDX descriptor's version is %d, not 1".formatted(image.u32(at + 8)));
    }
    long length = image.u32(at + 4);
    long count = image.u32(at + 12);
    long needed = HEADER + SECTION * count;
    if (needed > image.size() - at) {
      throw image.refuse(
          at + 12,
          "%d sections do not fit between the TDX descriptor and the end of the image"
              .formatted(count));
    }
    if (length < needed) {
      throw image.refuse(
          at + 4,
          "the TDX descriptor's length of %d has no room for %d sections".formatted(length, count));
    }
    List<Section> list = new ArrayList<>();
    long build = 0;
    for (int i = 0; i < count; i++) {
      int record = at + HEADER + SECTION * i;
      Section s = section(image, i, record);
      if (loader == Loader.QEMU) {
        refuseAsQemu(s, record);
      }
      build += s.added() ? s.memorySize : 0;
      if (build > BUILD_LIMIT) {
        throw image.refuse(
            record + 16,
            "with TDX section %d (%s) the build has 0x%x bytes of memory, more than 64 GiB"
                .formatted(i, s.typeName(), build));
      }
      list.add(s);
    }
    if (loader == Loader.QEMU) {
      if (count < 2) {
        throw image.refuse(at + 12, "QEMU wants at least 2 TDX sections, not %d".formatted(count));
      }
      if (length != needed) {
        throw image.refuse(
            at + 4,
            "QEMU wants a TDX descriptor's length of %d for its %d sections, not %d"
                .formatted(needed, count, length));
      }
    }
    this.sections = List.copyOf(list);
  }

  private void refuseAsQemu(Section s, int at) {
    if (s.type > TEMP_MEM) {
      throw image.refuse(
          at + 24,
          "TDX section %d (%s) is of type %d, which QEMU refuses; --vmm-type any takes it"
              .formatted(s.index, s.typeName(), s.type));
    }
    boolean copied = s.type == BFV || s.type == CFV;
    if (copied != (s.dataSize != 0)) {
      throw image.refuse(
          at + 4,
          "TDX section %d (%s) has 0x%x bytes of data; QEMU wants %s"
              .formatted(s.index, s.typeName(), s.dataSize, copied ? "some" : "none"));
    }
  }

  private static Section section(FirmwareImage image, int index, int at) {
    Section s =
        new Section(
            index,
            image.u32(at),
            image.u32(at + 4),
            image.u64(at + 8),
            image.u64(at + 16),
            image.u32(at + 24),
            image.u32(at + 28));
    if (s.type >= TYPES.length) {
      throw image.refuse(
          at + 24,
          "TDX section %d has the type %d, which nobody defined (0 to %d are)"
              .formatted(index, s.type, TYPES.length - 1));
    }
    String name = "TDX section %d (%s)".formatted(index, s.typeName());
    if (s.gpa % PAGE != 0) {
      throw image.refuse(
          at + 8, "%s has the address 0x%x, not 4 KiB aligned".formatted(name, s.gpa));
    }
    if (s.memorySize % PAGE != 0) {
      throw image.refuse(
          at + 16,
          "%s has the memory size 0x%x, no multiple of 4096".formatted(name, s.memorySize));
    }
    if (s.gpa < 0 || s.memorySize < 0 || s.gpa + s.memorySize > GPA_LIMIT || s.gpa > GPA_LIMIT) {
      throw image.refuse(
          at + 8,
          "%s at 0x%x of 0x%x bytes reaches beyond 52-bit guest addresses"
              .formatted(name, s.gpa, s.memorySize));
    }
    if (s.memorySize < s.dataSize && s.type != TD_INFO && s.type != TD_PARAMS) {
      throw image.refuse(
          at + 16,
          "%s has 0x%x bytes of memory for 0x%x bytes of data"
              .formatted(name, s.memorySize, s.dataSize));
    }
    if (s.dataOffset + s.dataSize > image.size()) {
      throw image.refuse(
          at,
          "%s has its data at 0x%x to 0x%x, the image ends at 0x%x"
              .formatted(name, s.dataOffset, s.dataOffset + s.dataSize, image.size()));
    }
    return s;
  }

  FirmwareImage image() {
    return image;
  }

  List<Section> sections() {
    return sections;
  }

  /**
   * Copies a page of a section's memory: its data, then zeros.
   *
   * @param offset from the section's start, a multiple of 4096
   */
  void page(Section s, long offset, byte[] out) {
    int data = (int) Math.max(0, Math.min(PAGE, s.dataSize - offset));
    if (data > 0) {
      System.arraycopy(image.bytes(), (int) (s.dataOffset + offset), out, 0, data);
    }
    java.util.Arrays.fill(out, data, PAGE, (byte) 0);
  }
}
