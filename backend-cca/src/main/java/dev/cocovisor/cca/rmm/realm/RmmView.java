package dev.cocovisor.cca.rmm.realm;

import dev.cocovisor.api.view.TableSink;
import dev.cocovisor.cca.rmm.granule.GranuleTable;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/** What tools and tests may look at without changing anything; not part of any interface. */
public final class RmmView {
  private final Context context;

  public RmmView(Context context) {
    this.context = context;
  }

  /** Returns a realm's state (NEW, ACTIVE, SYSTEM_OFF), or null if the granule is no descriptor. */
  public @Nullable String realmState(long rd) {
    Realm realm = realm(rd);
    return realm == null ? null : realm.state.name();
  }

  /** Returns a realm's RIM in hexadecimal, or null if the granule is no descriptor. */
  public @Nullable String rim(long rd) {
    Realm realm = realm(rd);
    return realm == null ? null : realm.rim.hex();
  }

  /** Shows a realm's tables, by gfn; nothing if the granule is no descriptor. */
  public void showTables(long rd, TableSink.Entries into) {
    Realm realm = realm(rd);
    if (realm != null) {
      new RealmTree(context.granules(), realm, into).show();
    }
  }

  /**
   * Names every granule that a realm has, by address: descriptor, tables of every tree, and what
   * its tables assign; nothing if the granule is no descriptor. RECs are not among them.
   */
  public void forEachGranule(long rd, LongConsumer each) {
    Realm realm = realm(rd);
    if (realm != null) {
      each.accept(rd);
      new RealmGranules(context.granules(), realm, each).name();
    }
  }

  @Nullable Realm realm(long rd) {
    int g = context.granules().find(rd);
    return g != GranuleTable.NONE && context.granules().role(g) instanceof Realm realm
        ? realm
        : null;
  }
}
