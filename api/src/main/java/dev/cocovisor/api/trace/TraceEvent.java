package dev.cocovisor.api.trace;

import org.apiguardian.api.API;

/**
 * Something happened.
 *
 * @param kind what kind of thing
 * @param name the kernel's or firmware's name: {@code set_external_spte}, {@code TDH.MEM.PAGE.AUG}
 * @param arguments rendered as logs do: {@code gfn=0x200, level=2M}
 * @param result status or errno as text; empty where there is none
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public record TraceEvent(Kind kind, String name, String arguments, String result) {
  /**
   * Kinds of events.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  public enum Kind {
    /** The core called a hook. */
    HOOK,
    /** The vendor half called into its trusted half. */
    FIRMWARE,
    /** The core did something a reader wants to see: zap, split, flush, kick. */
    CORE,
    /** A frame changed hands. */
    OWNERSHIP,
    /**
     * Something was refused, and why: {@code name} is the errno or status, {@code result} the
     * reason in words. It stands inside the call that was refused.
     */
    REFUSAL
  }
}
