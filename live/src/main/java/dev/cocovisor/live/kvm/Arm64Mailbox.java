package dev.cocovisor.live.kvm;

import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What the arm64 guest is told and what it answers, by accesses to addresses that no slot has. A
 * guest that was left in the middle of something ends it first; that end is nobody's answer.
 */
final class Arm64Mailbox {
  /** Where it lies in the guest's memory. */
  static final long GPA = 0x900_0000L;

  /** Its size in bytes. */
  static final long SIZE = 64;

  private static final int AT_RESULT = 40;
  private static final int AT_SYNDROME = 48;

  private static final long READ = 0;
  private static final long WRITE = 1;
  private static final long HVC = 2;

  /** Command, address or x1, value or x2, x3, x0. */
  private final long[] words;

  private boolean asked;

  private Arm64Mailbox(long... words) {
    this.words = words;
  }

  /**
   * Prepares an action.
   *
   * @throws Unsupported if the guest has no code for it
   */
  static Arm64Mailbox of(GuestAction action, String what) {
    return switch (action) {
      case GuestAction.Read a -> new Arm64Mailbox(READ, a.gpa(), 0, 0, 0);
      case GuestAction.Write a -> new Arm64Mailbox(WRITE, a.gpa(), a.value(), 0, 0);
      case GuestAction.Vendor v when v.name().equals("hvc") -> {
        List<Object> args = v.fields().list("args");
        yield new Arm64Mailbox(
            HVC, argument(args, 0), argument(args, 1), argument(args, 2), v.fields().number("fn"));
      }
      default -> throw new Unsupported("guest_" + what + ": not an action of the arm64 stub");
    };
  }

  private static long argument(List<Object> args, int i) {
    return i < args.size() && args.get(i) instanceof Long n ? n : 0;
  }

  /** Tells whether an access is to it. */
  static boolean holds(long gpa) {
    return gpa >= GPA && gpa < GPA + SIZE;
  }

  /** The guest loads 8 bytes. */
  long load(long gpa) {
    int word = (int) ((gpa - GPA) / Long.BYTES);
    asked |= word == 0;
    return word < words.length ? words[word] : 0;
  }

  /** The guest stores 8 bytes: returns how the action ended, or null if it was another's. */
  @Nullable Exit stored(long gpa, long value) {
    if (!asked) {
      return null;
    }
    return switch ((int) (gpa - GPA)) {
      case AT_RESULT -> new Exit.Done(words[0] == WRITE ? -1 : value);
      case AT_SYNDROME -> new Exit.GuestAbort(value);
      default -> null;
    };
  }
}
