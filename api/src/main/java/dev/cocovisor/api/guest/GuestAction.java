package dev.cocovisor.api.guest;

import dev.cocovisor.api.Fields;
import org.apiguardian.api.API;

/**
 * One thing a guest does in a run of a vCPU.
 *
 * <p>Not sealed: a vendor's actions travel as {@link Vendor}.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface GuestAction {
  /** No code page is fetched from. */
  long NO_CODE = -1;

  /**
   * Loads one byte.
   *
   * @param gpa guest-physical address in bytes, with the shared bit where the technology has one
   * @param code gpa of the code page fetched from first, or {@link #NO_CODE}
   * @param encrypted whether the access carries the encryption bit (SEV C-bit); ignored elsewhere
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Read(long gpa, long code, boolean encrypted) implements GuestAction {
    /** A load without a code fetch, by the guest's private view. */
    public Read(long gpa) {
      this(gpa, NO_CODE, true);
    }
  }

  /**
   * Stores one byte; as {@link Read}.
   *
   * @param value 0 to 255
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Write(long gpa, int value, long code, boolean encrypted) implements GuestAction {
    /** A store without a code fetch, by the guest's private view. */
    public Write(long gpa, int value) {
      this(gpa, value, NO_CODE, true);
    }
  }

  /**
   * Fetches an instruction; as {@link Read}.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Fetch(long gpa, boolean encrypted) implements GuestAction {}

  /**
   * Issues KVM's own hypercall.
   *
   * @param nr KVM_HC_*
   * @param args up to four arguments
   * @param code gpa of the code page fetched from first, or {@link #NO_CODE}
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Hypercall(long nr, long[] args, long code) implements GuestAction {}

  /**
   * Goes on after a {@link Exit.Hypercall} that userspace answered.
   *
   * @param ret userspace's answer
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Resume(long ret) implements GuestAction {}

  /**
   * An action only the backend knows: a TDCALL, PVALIDATE, RSI or HVC.
   *
   * @param name the action's name as logs write it after {@code guest_}: {@code tdcall}, {@code
   *     hvc}
   * @param fields its operands
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  record Vendor(String name, Fields fields) implements GuestAction {}
}
