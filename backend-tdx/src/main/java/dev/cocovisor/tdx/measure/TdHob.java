package dev.cocovisor.tdx.measure;

import dev.cocovisor.tdx.measure.Tdvf.Section;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * The hand-off block by which QEMU tells a TD's firmware what memory there is: accepted already, or
 * to be accepted.
 */
// QEMU hw/i386/tdvf-hob.c, tdvf_hob_create, and target/i386/kvm/tdx.c, tdx_init_ram_entries; UEFI
// PI 1.8 volume 3, hand-off blocks.
final class TdHob {
  private static final int TD_HOB = 2;
  private static final int TEMP_MEM = 3;
  private static final int PHASE_SIZE = 56;
  private static final int RESOURCE_SIZE = 48;
  private static final int END_SIZE = 8;
  private static final int SYSTEM_MEMORY = 0;
  private static final int UNACCEPTED = 7;

  /** Present, initialized, tested. */
  private static final int ATTRIBUTES = 7;

  private static final long LOW_LIMIT = 0xB000_0000L;
  private static final long LOW_SPLIT = 0x8000_0000L;

  private record Range(boolean accepted, long start, long end) {}

  private TdHob() {}

  /** Returns how much of a q35 guest's memory lies below 4 GiB. */
  static long below4g(long memory) {
    return memory >= LOW_LIMIT ? LOW_SPLIT : memory;
  }

  /**
   * Returns the block's bytes that are measured: all but its end marker.
   *
   * @param memory bytes of the guest
   */
  static byte[] bytes(Tdvf tdvf, long memory) {
    long base = 0x80_9000L; // where EDK II puts it when the image names no place
    List<Range> ranges = new ArrayList<>();
    ranges.add(new Range(false, 0, below4g(memory)));
    List<Section> accepted = new ArrayList<>();
    for (Section s : tdvf.sections()) {
      if (s.type() == TD_HOB || s.type() == TEMP_MEM) {
        accepted.add(s);
      }
      base = s.type() == TD_HOB ? s.gpa() : base;
    }
    for (Section s : accepted) {
      ranges = accept(ranges, s.gpa(), s.gpa() + s.memorySize());
    }
    if (memory > below4g(memory)) {
      ranges.add(new Range(false, 1L << 32, (1L << 32) + memory - below4g(memory)));
    }
    int size = PHASE_SIZE + RESOURCE_SIZE * ranges.size();
    ByteBuffer out = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    out.putShort((short) 1).putShort((short) PHASE_SIZE).putInt(0).putInt(9);
    out.position(PHASE_SIZE - 8);
    out.putLong(base + size + END_SIZE);
    for (Range r : ranges) {
      out.putShort((short) 3).putShort((short) RESOURCE_SIZE).putInt(0);
      out.putLong(0).putLong(0); // nobody owns it
      out.putInt(r.accepted ? SYSTEM_MEMORY : UNACCEPTED).putInt(ATTRIBUTES);
      out.putLong(r.start).putLong(r.end - r.start);
    }
    return out.array();
  }

  private static List<Range> accept(List<Range> ranges, long start, long end) {
    List<Range> out = new ArrayList<>();
    if (start >= end) {
      return ranges;
    }
    for (Range r : ranges) {
      if (r.accepted || r.end <= start || r.start >= end) {
        out.add(r);
        continue;
      }
      if (r.start < start) {
        out.add(new Range(false, r.start, start));
      }
      if (r.end > end) {
        out.add(new Range(false, end, r.end));
      }
    }
    out.add(new Range(true, start, end));
    out.sort(Comparator.comparingLong(Range::start));
    return out;
  }
}
