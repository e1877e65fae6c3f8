package dev.cocovisor.api.vmm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Exit;
import org.apiguardian.api.API;

/**
 * What the end of a run means to the guest, in words every technology shares. Only the technology's
 * {@link VmmDriver#judge} knows which register says so.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public sealed interface GuestAnswer {
  /**
   * The action did what was asked.
   *
   * @param value the byte read or the value returned; 0 where there is none
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  record Done(long value) implements GuestAnswer {}

  /**
   * The guest stopped in the middle and its host is asked to do something, mostly to convert
   * memory.
   *
   * @param exit the exit that says what
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  record AsksHost(Exit exit) implements GuestAnswer {}

  /**
   * The instruction completed and told the guest that it did not do what was asked.
   *
   * @param status the technology's own status, never 0
   * @param says the status by the name its specification gives it; the number in hex where it has
   *     none
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  record Refused(long status, String says) implements GuestAnswer {}

  /**
   * The action did not complete: the guest took a fault, the run ended in another exit, or KVM_RUN
   * failed.
   *
   * @param errno what KVM_RUN answered
   * @param exit the exit, with the guest's own fault where it took one
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  record Stopped(Errno errno, Exit exit) implements GuestAnswer {}

  /** Tells whether the action did what was asked. */
  default boolean done() {
    return this instanceof Done;
  }
}
