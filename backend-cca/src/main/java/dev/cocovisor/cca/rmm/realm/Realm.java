package dev.cocovisor.cca.rmm.realm;

import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.measure.Rim;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtt;
import dev.cocovisor.cca.rmm.rtt.Walk;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The content of a realm descriptor granule. Changed under the granule's lock; a running REC reads
 * the state without it, as TF-RMM does.
 */
public final class Realm {
  /** Life of a realm, numbered as RMI numbers it. */
  public enum State {
    NEW,
    ACTIVE,
    SYSTEM_OFF,
    /** RMI 2.0: terminated, never to run again; what it holds is being taken back. */
    ZOMBIE
  }

  /** Realm Extensible Measurements, slots 1 to 4. */
  public static final int REMS = 4;

  public final int granule;

  /** First root granule of each translation tree; auxiliary planes have one each. */
  public final int[] roots;

  public final int[] vmids;

  /** The plane whose memory a device's translation service uses. */
  public final int atsPlane;

  public final PlanePermissions permissions;

  /** RECs that run now. */
  public final AtomicInteger running = new AtomicInteger();

  public final int rootGranule;
  public final Geometry geometry;
  public final int vmid;
  public final byte[] rpv;
  public final Rim rim;
  public final byte[][] rem = new byte[REMS][Rim.SLOT];

  public volatile State state = State.NEW;

  /** RECs made so far; destroying one does not lower it, so an index is never used twice. */
  private volatile long recsCreated;

  /**
   * Creates the content of a descriptor, in state NEW.
   *
   * @param roots first root granule of each tree, the primary one first
   * @param vmids one for each tree
   */
  public Realm(
      int granule, Geometry geometry, int[] roots, int[] vmids, byte[] rpv, Rim rim, int atsPlane) {
    this.granule = granule;
    this.roots = roots;
    this.rootGranule = roots[0];
    this.geometry = geometry;
    this.vmids = vmids;
    this.vmid = vmids[0];
    this.rpv = rpv;
    this.rim = rim;
    this.atsPlane = atsPlane;
    this.permissions = new PlanePermissions(roots.length - 1);
  }

  /** Returns the realm whose descriptor a granule is. */
  public static Realm of(GranuleTable granules, int g) {
    if (granules.role(g) instanceof Realm realm) {
      return realm;
    }
    throw new IllegalStateException("granule is not a realm descriptor");
  }

  /** Returns how many auxiliary planes there are, each with a tree of its own. */
  public int planes() {
    return roots.length - 1;
  }

  /** Returns how many RECs were made so far. */
  public long recsCreated() {
    return recsCreated;
  }

  /** Counts a new REC; the caller holds the descriptor's lock. */
  public void countRec() {
    long next = recsCreated + 1;
    recsCreated = next;
  }

  /**
   * Walks the primary tree down to {@code ipa}, as far as it goes; the table reached stays locked,
   * and so does the descriptor.
   */
  public void walkToPage(GranuleTable granules, Walk walk, long ipa) {
    Rtt.walk(granules, walk, geometry, rootGranule, ipa, Geometry.PAGE_LEVEL, GranuleTable.NONE);
  }
}
