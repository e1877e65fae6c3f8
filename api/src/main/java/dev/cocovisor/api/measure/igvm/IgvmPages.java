package dev.cocovisor.api.measure.igvm;

import dev.cocovisor.api.measure.MeasureException;
import java.util.HashMap;
import java.util.Map;
import org.apiguardian.api.API;

/**
 * Walks the directives of one platform in order and tells a visitor every page that a loader puts
 * into the guest before it starts.
 *
 * <p>Source: microsoft/igvm, igvm_defs/src/lib.rs and igvm/src/measurement; what a loader does with
 * parameters: QEMU, backends/igvm.c.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class IgvmPages {
  /** Bytes of a page. */
  public static final int PAGE = 4096;

  private static final int PARAMETER_AREA = 0x301;
  private static final int PAGE_DATA = 0x302;
  private static final int PARAMETER_INSERT = 0x303;
  private static final int VP_CONTEXT = 0x304;
  private static final int LAST_DIRECTIVE = 0x313;
  private static final int RESERVED_DIRECTIVE = 0x306;
  private static final long HUGE = 1;
  private static final long UNMEASURED = 2;
  private static final long SHARED = 4;
  private static final int HUGE_PAGE = 2 << 20;

  /**
   * Where a page comes from and what the file says of it.
   *
   * @param directive number of the directive, from 0
   * @param what the directive's name
   * @param gpa guest address, bytes
   * @param unmeasured whether its content is not to be measured
   * @param dataType 0 normal, 1 secrets, 2 and 3 CPUID
   * @param offset where its 4096 bytes lie in the file; -1 for a page of zeros
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  public record Page(
      int directive, String what, long gpa, boolean unmeasured, int dataType, int offset) {
    /** Returns in words where it comes from. */
    public String origin(IgvmFile file) {
      return "directive %d %s: %s"
          .formatted(
              directive,
              what,
              offset < 0 ? "zeros" : "%s offset 0x%x".formatted(file.name(), offset));
    }
  }

  /**
   * Told of pages and save areas, in order.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  public interface Visitor {
    /** A page that is the guest's alone. */
    void page(Page page);

    /**
     * The state a vCPU starts from; the platform says what it is and whether it is measured.
     *
     * @param directive number of the directive, from 0
     * @param index the vCPU's number
     * @param gpa guest address, bytes
     * @param field where the header holds the pointer to it, for {@link IgvmFile#data}
     */
    void context(int directive, int index, long gpa, int field);

    /** A directive of another type that is for this platform. */
    default void other(IgvmFile.Header directive) {}
  }

  private final IgvmFile file;
  private final int mask;
  private final Map<Long, Long> areas = new HashMap<>();

  /**
   * Creates a walk.
   *
   * @param mask which platform's directives, from {@link IgvmFile#mask}
   */
  public IgvmPages(IgvmFile file, int mask) {
    this.file = file;
    this.mask = mask;
  }

  /**
   * Walks.
   *
   * @throws MeasureException if a directive is broken
   */
  public void walk(Visitor visitor) {
    int number = 0;
    for (IgvmFile.Header d : file.directives()) {
      directive(number++, d, visitor);
    }
  }

  private void directive(int number, IgvmFile.Header d, Visitor visitor) {
    switch (d.type()) {
      case PARAMETER_AREA -> area(d);
      case PAGE_DATA -> pageData(number, d, visitor);
      case PARAMETER_INSERT -> insert(number, d, visitor);
      case VP_CONTEXT -> context(number, d, visitor);
      default -> {
        boolean defined = d.type() <= LAST_DIRECTIVE && d.type() != RESERVED_DIRECTIVE;
        if (!defined && !d.optional()) {
          throw file.refuse(
              d.offset() - 8,
              "directive %d has the type 0x%x, which nobody defined".formatted(number, d.type()));
        }
        visitor.other(d);
      }
    }
  }

  private void area(IgvmFile.Header d) {
    file.require(d, 16, "PARAMETER_AREA");
    long size = file.u64(d.offset());
    if (size < 0 || size % PAGE != 0 || size > 1L << 32) {
      throw file.refuse(
          d.offset(),
          "a parameter area of 0x%x bytes is no number of pages up to 4 GiB".formatted(size));
    }
    if (areas.putIfAbsent(file.u32(d.offset() + 8), size) != null) {
      throw file.refuse(
          d.offset() + 8, "parameter area %d is there twice".formatted(file.u32(d.offset() + 8)));
    }
  }

  private void pageData(int number, IgvmFile.Header d, Visitor visitor) {
    file.require(d, 24, "PAGE_DATA");
    if ((file.u32(d.offset() + 8) & mask) == 0) {
      return;
    }
    long flags = file.u32(d.offset() + 16);
    if ((flags & ~(HUGE | UNMEASURED | SHARED)) != 0) {
      throw file.refuse(d.offset() + 16, "PAGE_DATA has the flags 0x%x, 7 are".formatted(flags));
    }
    int type = file.u16(d.offset() + 20);
    if (type > 3) {
      throw file.refuse(
          d.offset() + 20, "PAGE_DATA has the data type %d, 0 to 3 are".formatted(type));
    }
    int size = (flags & HUGE) != 0 ? HUGE_PAGE : PAGE;
    long gpa = aligned(d, file.u64(d.offset()), size);
    if ((flags & SHARED) != 0) {
      return; // never the guest's alone, so never measured
    }
    int data = file.u32(d.offset() + 12) == 0 ? -1 : file.data(d.offset() + 12, size);
    for (int at = 0; at < size; at += PAGE) {
      visitor.page(
          new Page(
              number,
              "PAGE_DATA",
              gpa + at,
              (flags & UNMEASURED) != 0,
              type,
              data < 0 ? -1 : data + at));
    }
  }

  private void insert(int number, IgvmFile.Header d, Visitor visitor) {
    file.require(d, 16, "PARAMETER_INSERT");
    if ((file.u32(d.offset() + 8) & mask) == 0) {
      return;
    }
    Long size = areas.get(file.u32(d.offset() + 12));
    if (size == null) {
      throw file.refuse(
          d.offset() + 12, "there is no parameter area %d".formatted(file.u32(d.offset() + 12)));
    }
    long gpa = aligned(d, file.u64(d.offset()), PAGE);
    for (long at = 0; at < size; at += PAGE) {
      visitor.page(new Page(number, "PARAMETER_INSERT", gpa + at, true, 0, -1));
    }
  }

  private void context(int number, IgvmFile.Header d, Visitor visitor) {
    file.require(d, 20, "VP_CONTEXT");
    if ((file.u32(d.offset() + 8) & mask) == 0) {
      return;
    }
    visitor.context(
        number, file.u16(d.offset() + 16), aligned(d, file.u64(d.offset()), PAGE), d.offset() + 12);
  }

  private long aligned(IgvmFile.Header d, long gpa, int size) {
    if (gpa % size != 0) {
      throw file.refuse(
          d.offset(),
          "the address 0x%x is not aligned to the page's 0x%x bytes".formatted(gpa, size));
    }
    return gpa;
  }
}
