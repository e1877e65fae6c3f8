package dev.cocovisor.cca.rmm.realm;

import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.measure.HashAlgorithm;
import dev.cocovisor.cca.rmm.measure.Rim;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import java.util.Arrays;

/**
 * The content of a realm descriptor granule. Changed under the granule's lock; a running REC reads
 * the state without it, as TF-RMM does.
 */
public final class Realm {
  /** Life of a realm, numbered as RMI numbers it. */
  public enum State {
    NEW,
    ACTIVE,
    SYSTEM_OFF
  }

  /** Realm Extensible Measurements, slots 1 to 4. */
  public static final int REMS = 4;

  public final int granule;
  public final int rootGranule;
  public final Geometry geometry;
  public final int vmid;
  public final byte[] rpv;
  public final Rim rim;
  public final byte[][] rem = new byte[REMS][Rim.SLOT];

  public volatile State state = State.NEW;

  /** RECs made so far; destroying one does not lower it, so an index is never used twice. */
  private volatile long recsCreated;

  public Realm(int granule, int rootGranule, Geometry geometry, RealmParams p) {
    this.granule = granule;
    this.rootGranule = rootGranule;
    this.geometry = geometry;
    this.vmid = p.vmid();
    this.rpv = Arrays.copyOf(p.rpv(), RealmParams.RPV_BYTES);
    this.rim = new Rim(HashAlgorithm.of(p.hashAlgo()));
    rim.realmCreate(p.flags(), p.s2sz(), p.sveVl(), p.numBps(), p.numWps(), p.pmuNumCtrs());
  }

  /** Returns the realm whose descriptor a granule is. */
  public static Realm of(GranuleTable granules, int g) {
    if (granules.role(g) instanceof Realm realm) {
      return realm;
    }
    throw new IllegalStateException("granule is not a realm descriptor");
  }

  public long recsCreated() {
    return recsCreated;
  }

  /** Counts a new REC; the caller holds the descriptor's lock. */
  public void countRec() {
    long next = recsCreated + 1;
    recsCreated = next;
  }
}
