package dev.cocovisor.api.view;

import java.util.List;
import org.apiguardian.api.API;

/**
 * One row of a picture: what a table says of memory, from its beginning to its end.
 *
 * @param vm the VM's name; empty for a table of the host's
 * @param role what the table is for
 * @param name as its technology calls it
 * @param spans what it says, ascending, without overlap; of the rest it says nothing
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public record Strip(String vm, Role role, String name, List<Span> spans) {
  /** Keeps a copy of the spans. */
  public Strip {
    spans = List.copyOf(spans);
  }

  /**
   * What a row tells. All but {@link #FRAMES} are by gfn.
   *
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  public enum Role {
    /** The sum of the others: who has each page of guest memory, how large, and what of it. */
    MEMORY,
    /** Memory slots. */
    SLOTS,
    /** Private or shared, as KVM's attributes have it. */
    ATTRIBUTES,
    /** Pages that the slots' private file has. */
    BACKING,
    /** The second stage the core keeps for shared and unprotected memory, or its registry. */
    STAGE,
    /** The second stage the core keeps of private memory. */
    MIRROR,
    /** A table of the trusted half. */
    EXTERNAL,
    /** What the trusted half's table of frames says of the frame behind each page. */
    OWNER,
    /** Translations that a vCPU keeps. */
    CACHE,
    /** A table of the trusted half by frame. */
    FRAMES
  }
}
