package dev.cocovisor.cca.rmm;

import java.util.Arrays;

/**
 * The content of a realm descriptor granule. Changed under the granule's lock; a running REC reads
 * the state without it, as TF-RMM does.
 */
final class Realm {
  /** Life of a realm, numbered as RMI numbers it. */
  enum State {
    NEW,
    ACTIVE,
    SYSTEM_OFF
  }

  /** Realm Extensible Measurements, slots 1 to 4. */
  static final int REMS = 4;

  final int granule;
  final int rootGranule;
  final Geometry geometry;
  final int vmid;
  final byte[] rpv;
  final Rim rim;
  final byte[][] rem = new byte[REMS][Rim.SLOT];

  volatile State state = State.NEW;

  /** RECs made so far; destroying one does not lower it, so an index is never used twice. */
  private volatile long recsCreated;

  Realm(int granule, int rootGranule, Geometry geometry, RealmParams p) {
    this.granule = granule;
    this.rootGranule = rootGranule;
    this.geometry = geometry;
    this.vmid = p.vmid();
    this.rpv = Arrays.copyOf(p.rpv(), RealmParams.RPV_BYTES);
    this.rim = new Rim(HashAlgorithm.of(p.hashAlgo()));
    rim.realmCreate(p.flags(), p.s2sz(), p.sveVl(), p.numBps(), p.numWps(), p.pmuNumCtrs());
  }

  long recsCreated() {
    return recsCreated;
  }

  /** Counts a new REC; the caller holds the descriptor's lock. */
  void countRec() {
    long next = recsCreated + 1;
    recsCreated = next;
  }
}
