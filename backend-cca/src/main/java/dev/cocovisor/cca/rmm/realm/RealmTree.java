package dev.cocovisor.cca.rmm.realm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.view.EntryKind;
import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import dev.cocovisor.cca.rmm.rtt.Geometry;
import dev.cocovisor.cca.rmm.rtt.Rtte;

/** Shows a realm's primary tree; entries that say no more than a fresh table does are left out. */
final class RealmTree {
  private final GranuleTable granules;
  private final Realm realm;
  private final TableSink.Entries into;

  RealmTree(GranuleTable granules, Realm realm, TableSink.Entries into) {
    this.granules = granules;
    this.realm = realm;
    this.into = into;
  }

  void show() {
    Geometry g = realm.geometry;
    long span = Geometry.entrySize(g.startLevel()) * Geometry.entries(g.startLevel());
    for (int i = 0; i < g.roots(); i++) {
      table(realm.rootGranule + i, g.startLevel(), i * span);
    }
  }

  private void table(int granule, int level, long base) {
    if (!(granules.role(granule) instanceof long[] entries)) {
      return;
    }
    for (int i = 0; i < Geometry.entries(level); i++) {
      long e = entries[i];
      long ipa = base + i * Geometry.entrySize(level);
      if (Rtte.isTable(e)) {
        table(granules.find(Rtte.payload(e)), level + 1, ipa);
      } else if (Rtte.kind(e) != Rtte.UNASSIGNED_EMPTY && Rtte.kind(e) != Rtte.UNASSIGNED_NS) {
        entry(ipa, level, e);
      }
    }
  }

  private void entry(long ipa, int level, long e) {
    long address =
        Rtte.kind(e) == Rtte.ASSIGNED_NS
            ? Rtte.sharedAddress(e, level, realm.geometry.lpa2())
            : Rtte.payload(e);
    into.entry(
        ipa >>> PageLevel.PAGE_SHIFT,
        Geometry.shift(level) - PageLevel.PAGE_SHIFT,
        Rtte.isLive(e) ? address >>> PageLevel.PAGE_SHIFT : TableSink.NOWHERE,
        kind(e),
        words(e));
  }

  private static EntryKind kind(long e) {
    return switch (Rtte.kind(e)) {
      case Rtte.ASSIGNED_RAM -> EntryKind.PRIVATE;
      case Rtte.ASSIGNED_EMPTY -> EntryKind.PENDING;
      case Rtte.ASSIGNED_NS -> EntryKind.SHARED;
      case Rtte.UNASSIGNED_DESTROYED, Rtte.ASSIGNED_DESTROYED -> EntryKind.LOST;
      default -> EntryKind.EMPTY;
    };
  }

  private static String words(long e) {
    if (Rtte.kind(e) == Rtte.ASSIGNED_NS) {
      return "ASSIGNED_NS";
    }
    String ripas =
        switch (Rtte.ripas(e)) {
          case Rtte.RIPAS_RAM -> "RAM";
          case Rtte.RIPAS_DESTROYED -> "DESTROYED";
          default -> "EMPTY";
        };
    return (Rtte.isAssigned(e) ? "ASSIGNED, RIPAS " : "UNASSIGNED, RIPAS ") + ripas;
  }
}
