package dev.cocovisor.cca.rmm.v2;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.op.Safeguards;
import java.util.ArrayList;
import java.util.List;

/**
 * Every operation that an interrupt can stop, stopped at a sampling; then what a host may do
 * meanwhile; then the rest of it. Each run is on an RMM of its own and looks at the invariants
 * after each call.
 */
final class Stopped {
  /** A command that may stop. */
  enum Begun {
    MAP_PAGE,
    MAP_LIST,
    MAP_LIST_WITH_A_BAD_GRANULE,
    MAP_BLOCK,
    UNMAP_PAGES,
    UNMAP_SPARSE,
    UNMAP_BLOCK,
    UNMAP_NOTHING,
    UNSHARE
  }

  /** What a host does while the operation is open. */
  enum Meanwhile {
    NOTHING,
    ABANDON,
    CANCEL,
    CREATE_TABLE,
    DESTROY_TABLE,
    DESTROY_PARENT,
    FOLD_TABLE,
    INIT_RIPAS,
    MAP_AGAIN,
    SHARE_AGAIN,
    UNMAP_AGAIN,
    UNSHARE_AGAIN,
    MAP_INIT,
    UNDELEGATE_ALL,
    DESTROY_REALM,
    READ
  }

  private static final long IPA = 0;

  /** An address whose bits are those of a stamp of operation 0. */
  private static final long NEAR_A_STAMP = 0x1_0000_0000L;

  private final Bench2 b;
  private final long rd;
  private final long spare;
  private final List<Long> granules = new ArrayList<>();
  final List<String> broken = new ArrayList<>();

  private Stopped(Safeguards safeguards) {
    b = new Bench2(safeguards);
    rd = b.realm(0);
    b.tables(rd, IPA, 2);
    b.tables(rd, Bench2.SHARED, 3);
    spare = b.delegated();
  }

  private void look() {
    broken.addAll(b.broken());
  }

  private long list(long... words) {
    long list = b.ns();
    for (int i = 0; i < words.length; i++) {
      b.memory.writeLong(list + i * 8L, words[i]);
    }
    return list;
  }

  private long begin(Begun begun, int n) {
    return switch (begun) {
      case MAP_PAGE -> {
        b.tables(rd, IPA, 3);
        yield mapPages(n, Bench2.SINGLE, page(b.delegated()), 1);
      }
      case MAP_LIST -> {
        b.tables(rd, IPA, 3);
        long list = list(page(b.delegated()), page(b.delegated()), page(b.delegated()));
        yield mapPages(n, Bench2.LIST | 3 << 2, list, 3);
      }
      case MAP_LIST_WITH_A_BAD_GRANULE -> {
        b.tables(rd, IPA, 3);
        long list = list(page(b.delegated()), page(b.ns()), page(b.delegated()));
        yield mapPages(n, Bench2.LIST | 3 << 2, list, 3);
      }
      case MAP_BLOCK -> mapBlock(n);
      case UNMAP_PAGES -> {
        b.tables(rd, IPA, 3);
        granules.add(b.map(rd, IPA, 4));
        yield unmap(n, 0, 0);
      }
      case UNMAP_SPARSE -> {
        b.tables(rd, IPA, 3);
        granules.add(b.map(rd, IPA, 1));
        granules.add(b.map(rd, IPA + 3 * Bench2.PAGE, 2));
        yield unmap(n, Bench2.LIST | 8 << 2, b.ns());
      }
      case UNMAP_BLOCK -> {
        long _ = mapBlock(Integer.MAX_VALUE);
        yield unmap(n, Bench2.SINGLE, 0);
      }
      case UNMAP_NOTHING -> {
        b.tables(rd, IPA, 3);
        yield unmap(n, 0, 0);
      }
      case UNSHARE -> {
        Bench2.ok(share(0, NEAR_A_STAMP));
        Bench2.ok(share(1, 0x4000_0000L));
        long at = Bench2.SHARED + Bench2.PAGE;
        yield b.interrupted(n, Rmi2Command.RTT_UNPROT_UNMAP, rd, at, at + Bench2.PAGE, 0, 0);
      }
    };
  }

  private static long page(long pa) {
    return Block.of(pa, 3, 1, 0);
  }

  private long mapPages(int n, long flags, long oaddr, int pages) {
    return b.interrupted(
        n, Rmi2Command.RTT_DATA_MAP, rd, IPA, IPA + pages * Bench2.PAGE, flags, oaddr);
  }

  private long mapBlock(int n) {
    long pa = b.delegated(512, Bench2.MB2);
    granules.add(pa);
    return b.interrupted(
        n,
        Rmi2Command.RTT_DATA_MAP,
        rd,
        IPA,
        IPA + Bench2.MB2,
        Bench2.SINGLE,
        Block.of(pa, 2, 1, 0));
  }

  private long unmap(int n, long flags, long oaddr) {
    return b.interrupted(n, Rmi2Command.RTT_DATA_UNMAP, rd, IPA, IPA + Bench2.MB2, flags, oaddr);
  }

  private long share(int page, long pa) {
    long at = Bench2.SHARED + page * Bench2.PAGE;
    return b.call(
        Rmi2Command.RTT_UNPROT_MAP,
        rd,
        at,
        at + Bench2.PAGE,
        Bench2.SINGLE | 3 << 19,
        Block.of(pa, 3, 1, Block.UNDELEGATED));
  }

  private void meanwhile(Meanwhile what) {
    long _ =
        switch (what) {
          case NOTHING -> 0;
          case ABANDON -> takeBack();
          case CANCEL -> b.call(Rmi2Command.OP_CANCEL, 0);
          case CREATE_TABLE -> b.call(Rmi2Command.RTT_CREATE, rd, spare, IPA, 3);
          case DESTROY_TABLE -> b.call(Rmi2Command.RTT_DESTROY, rd, IPA, 3);
          case DESTROY_PARENT -> b.call(Rmi2Command.RTT_DESTROY, rd, IPA, 2);
          case FOLD_TABLE -> b.call(Rmi2Command.RTT_FOLD, rd, IPA, 3);
          case INIT_RIPAS ->
              b.call(Rmi2Command.RTT_INIT_RIPAS, rd, IPA, IPA + Bench2.MB2)
                  | b.call(Rmi2Command.RTT_INIT_RIPAS, rd, IPA, IPA + Bench2.PAGE);
          case MAP_AGAIN ->
              b.call(
                  Rmi2Command.RTT_DATA_MAP, rd, IPA, IPA + Bench2.PAGE, Bench2.SINGLE, page(spare));
          case SHARE_AGAIN -> share(0, NEAR_A_STAMP);
          case UNMAP_AGAIN -> b.call(Rmi2Command.RTT_DATA_UNMAP, rd, IPA, IPA + Bench2.MB2, 0, 0);
          case UNSHARE_AGAIN ->
              b.call(
                  Rmi2Command.RTT_UNPROT_UNMAP,
                  rd,
                  Bench2.SHARED,
                  Bench2.SHARED + Bench2.MB2,
                  0,
                  0);
          case MAP_INIT -> b.call(Rmi2Command.RTT_DATA_MAP_INIT, rd, spare, IPA, b.ns(), 0);
          case UNDELEGATE_ALL -> undelegateAll();
          case DESTROY_REALM ->
              b.call(Rmi2Command.REALM_TERMINATE, rd) | b.call(Rmi2Command.REALM_DESTROY, rd);
          case READ -> b.call(Rmi2Command.RTT_READ_ENTRY, rd, IPA, 3);
        };
  }

  private long undelegateAll() {
    long status = 0;
    for (long g : granules) {
      for (int i = 0; i < 4; i++) {
        long at = g + i * Bench2.PAGE;
        status |= b.call(Rmi2Command.GRANULE_RANGE_UNDELEGATE, at, at + Bench2.PAGE);
      }
    }
    return status;
  }

  /**
   * Runs one cell.
   *
   * @return null if the command made fewer samplings than {@code n}
   */
  static @org.jspecify.annotations.Nullable Stopped run(
      Safeguards safeguards, Begun begun, int n, Meanwhile meanwhile) {
    Stopped s = new Stopped(safeguards);
    s.b.samplings();
    long status = s.begin(begun, n);
    s.look();
    if (status != Status.INCOMPLETE) {
      return n == 0 && status == Status.SUCCESS ? s : null;
    }
    long handle = s.b.pe.x1();
    s.meanwhile(meanwhile);
    s.look();
    if (meanwhile == Meanwhile.ABANDON) {
      return s;
    }
    try {
      long _ = s.b.through(handle);
      s.look();
      if (s.b.rmm.openOperations().open() != 0) {
        s.broken.add("an operation is still open");
      }
      s.teardown();
    } catch (IllegalStateException e) {
      s.broken.add(String.valueOf(e.getMessage()));
    }
    return s;
  }

  /** Takes everything back; what a host gave must come. */
  private void teardown() {
    if (b.rmm.view().realmState(rd) == null) {
      return;
    }
    long status = takeBack();
    if (status != Status.SUCCESS) {
      broken.add("the realm cannot be destroyed: " + Status.name(status));
    }
    look();
  }

  /** Takes back what goes; an operation that is open keeps what it works on. */
  private long takeBack() {
    long _ = b.call(Rmi2Command.RTT_DATA_UNMAP, rd, IPA, IPA + Bench2.MB2, 0, 0);
    long _ =
        b.call(Rmi2Command.RTT_UNPROT_UNMAP, rd, Bench2.SHARED, Bench2.SHARED + Bench2.MB2, 0, 0);
    for (int level = 3; level > 1; level--) {
      long _ = b.call(Rmi2Command.RTT_DESTROY, rd, IPA, level);
      long _ = b.call(Rmi2Command.RTT_DESTROY, rd, Bench2.SHARED, level);
    }
    long _ = b.call(Rmi2Command.REALM_TERMINATE, rd);
    return b.call(Rmi2Command.REALM_DESTROY, rd);
  }
}
