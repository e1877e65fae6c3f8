package dev.cocovisor.cca.rmm.rtt;

import dev.cocovisor.cca.rmm.granule.GranuleTable;
import java.util.Arrays;

/**
 * Walks and whole-table operations on a realm's translation tables.
 *
 * <p>A walk takes the locks hand over hand from the root: the next table is locked before the last
 * is let go, so two walks never deadlock and calls on distinct subtrees go on side by side. It ends
 * at the asked level or at the first entry that is no table, with that table locked and described
 * by the PE.
 */
public final class Rtt {
  private Rtt() {}

  /**
   * Walks to {@code ipa}, at most down to {@code level}.
   *
   * @param release a granule (the realm descriptor) to unlock once the root is locked, or {@link
   *     GranuleTable#NONE} to keep it
   */
  // TF-RMM lib/s2tt/src/s2tt.c, s2tt_walk_lock_unlock.
  public static void walk(
      GranuleTable granules,
      Walk walk,
      Geometry geometry,
      int rootGranule,
      long ipa,
      int level,
      int release) {
    int at = geometry.startLevel();
    int g = rootGranule;
    granules.lock(g);
    if (release != GranuleTable.NONE) {
      granules.unlock(release);
    }
    int root = geometry.rootOf(ipa);
    if (root != 0) {
      granules.lock(g + root);
      granules.unlock(g);
      g += root;
    }
    long[] table = granules.table(g);
    int index = Geometry.index(ipa, at);
    while (at < level) {
      long e = table[index];
      if (!Rtte.isTable(e)) {
        break;
      }
      int next = granules.find(Rtte.payload(e));
      granules.lock(next);
      granules.unlock(g);
      g = next;
      table = granules.table(g);
      at++;
      index = Geometry.index(ipa, at);
    }
    walk.granule = g;
    walk.table = table;
    walk.index = index;
    walk.level = at;
  }

  /**
   * Returns the {@code top} of a call: {@code ipa} if the entry where the walk ended is live, else
   * the address of the next live entry of that table, or of its end.
   */
  // TF-RMM lib/s2tt/src/s2tt.c, s2tt_skip_non_live_entries: 512 entries whatever the level.
  public static long top(Walk walk, long ipa) {
    if (Rtte.isLive(walk.entry())) {
      return ipa;
    }
    int i = walk.index + 1;
    while (i < Geometry.ENTRIES && !Rtte.isLive(walk.table[i])) {
      i++;
    }
    long size = Geometry.entrySize(walk.level);
    return (ipa & -size) + (i - walk.index) * size;
  }

  /** Makes the root tables of a new realm: EMPTY in the protected half, NS above it. */
  // TF-RMM runtime/rmi/realm.c, init_s2_starting_level.
  public static long[] root(Geometry geometry, int number) {
    long[] table = new long[Geometry.ENTRIES];
    long size = Geometry.entrySize(geometry.startLevel());
    long ipa = number * size * Geometry.ENTRIES;
    for (int i = 0; i < Geometry.entries(geometry.startLevel()); i++, ipa += size) {
      if (!geometry.inSpace(ipa)) {
        break;
      }
      table[i] = Rtte.of(geometry.isProtected(ipa) ? Rtte.UNASSIGNED_EMPTY : Rtte.UNASSIGNED_NS);
    }
    return table;
  }

  /** Makes the table that says the same as one leaf entry, one level further down (unfold). */
  public static long[] unfold(long parent, int level) {
    long[] table = new long[Geometry.ENTRIES];
    Arrays.fill(table, parent);
    if (Rtte.isLive(parent)) {
      long size = Geometry.entrySize(level);
      for (int i = 0; i < table.length; i++) {
        table[i] = parent + i * size;
      }
    }
    return table;
  }

  /**
   * Tells whether a table says the same as its first entry would one level further up: all entries
   * of one kind and, if they have addresses, contiguous from an aligned one and with equal
   * attributes.
   */
  // TF-RMM lib/s2tt/src/s2tt.c, table_is_uniform_block and table_maps_block.
  public static boolean isHomogeneous(long[] table, int level) {
    long first = table[0];
    long step = 0;
    if (Rtte.isLive(first)) {
      step = Geometry.entrySize(level);
      if ((first & (Geometry.entrySize(level - 1) - step)) != 0) {
        return false;
      }
    }
    for (int i = 1; i < table.length; i++) {
      if (table[i] != first + i * step) {
        return false;
      }
    }
    return true;
  }
}
