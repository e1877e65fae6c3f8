package dev.cocovisor.api.vmm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import java.util.AbstractList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Objects;
import org.apiguardian.api.API;

/**
 * What a guest does page by page over a range, as a list whose elements are made when they are
 * asked for: a range of any size costs nothing until the guest gets there.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public final class ActionRange extends AbstractList<GuestAction> {
  /**
   * Makes the action for one page.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  @FunctionalInterface
  public interface Each {
    /**
     * Returns what the guest does.
     *
     * @param gpa where the page begins
     * @param level its size
     */
    GuestAction action(long gpa, PageLevel level);
  }

  private final long gpa;
  private final PageLevel level;
  private final Each each;

  /** Small pages up to the first border of a large one. */
  private final long head;

  /** Large pages after them. */
  private final long body;

  private final long count;

  private ActionRange(long gpa, long size, PageLevel level, Each each) {
    this.gpa = gpa;
    this.level = level;
    this.each = each;
    long pages = size <= 0 ? 0 : (size + PageLevel.PAGE_SIZE - 1) >>> PageLevel.PAGE_SHIFT;
    boolean whole = (gpa & (PageLevel.PAGE_SIZE - 1)) == 0;
    long unaligned = -(gpa >>> PageLevel.PAGE_SHIFT) & (level.pages() - 1);
    head = whole ? Math.min(pages, unaligned) : pages;
    body = size <= 0 ? 0 : Math.max(0, (size >>> PageLevel.PAGE_SHIFT) - head) / level.pages();
    count = pages - body * (level.pages() - 1);
  }

  /**
   * Returns an action for each page of a range: pages of {@code level} where its borders allow,
   * pages of 4 KiB before the first and behind the last of them. An empty or negative size is no
   * page.
   *
   * @param gpa first byte
   * @param size bytes
   */
  public static List<GuestAction> of(long gpa, long size, PageLevel level, Each each) {
    return new ActionRange(gpa, size, level, each);
  }

  private GuestAction at(long index) {
    if (index < head || body == 0) {
      return each.action(gpa + (index << PageLevel.PAGE_SHIFT), PageLevel.PG_4K);
    }
    long large = Math.min(index - head, body);
    long small = index - large;
    long from = gpa + (small << PageLevel.PAGE_SHIFT) + large * level.bytes();
    return each.action(from, index - head < body ? level : PageLevel.PG_4K);
  }

  @Override
  public GuestAction get(int index) {
    Objects.checkIndex(index, size());
    return at(index);
  }

  /**
   * Returns how many actions there are, at most {@link Integer#MAX_VALUE}; the iterator has all.
   */
  @Override
  public int size() {
    return (int) Math.min(Integer.MAX_VALUE, count);
  }

  @Override
  public Iterator<GuestAction> iterator() {
    return new Iterator<>() {
      private long next;

      @Override
      public boolean hasNext() {
        return next < count;
      }

      @Override
      public GuestAction next() {
        if (next >= count) {
          throw new NoSuchElementException();
        }
        return at(next++);
      }
    };
  }
}
