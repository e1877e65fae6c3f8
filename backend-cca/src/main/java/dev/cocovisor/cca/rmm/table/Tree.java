package dev.cocovisor.cca.rmm.table;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.realm.Realm;
import dev.cocovisor.cca.rmm.rtt.Geometry;

/**
 * One translation tree of a realm and how commands say that a walk of it ended early.
 *
 * @param geometry the shape, the same for every tree of a realm
 * @param root its first root granule
 * @param error the status without its level: ERROR_RTT or RTT_AUX
 */
public record Tree(Geometry geometry, int root, long error) {
  /** Returns the tree that every realm has. */
  public static Tree primary(Realm realm) {
    return new Tree(realm.geometry, realm.rootGranule, Status.ERROR_RTT);
  }

  /** Returns the tree of an auxiliary plane, from 1. */
  public static Tree auxiliary(Realm realm, int plane) {
    return new Tree(realm.geometry, realm.roots[plane], Status.ERROR_RTT_AUX);
  }

  /** Returns the status that a walk ended at a level. */
  public long at(int level) {
    return Status.pack(error, level);
  }
}
