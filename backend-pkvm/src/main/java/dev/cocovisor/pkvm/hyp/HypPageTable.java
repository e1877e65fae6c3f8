package dev.cocovisor.pkvm.hyp;

import org.jspecify.annotations.Nullable;

/**
 * A stage-2 (or EL2) translation table with 4 KiB granule: levels 0 (512 GiB entries) to 3 (pages).
 *
 * <p>An entry is a table, a {@link Pte} leaf or an annotation; a table that holds no entry is given
 * back at once. Writing a leaf below a block replaces the block by a table that holds the new leaf
 * only: the rest of the block is refilled by later faults, which is safe only because default
 * mappings carry no information ({@code mem_protect.c}, comment at host_stage2_adjust_range).
 * Tables come from a {@link TableMemory}. Not thread-safe: the component's lock guards it. Source:
 * {@code arch/arm64/kvm/hyp/pgtable.c}.
 */
final class HypPageTable {
  /** The level of single pages. */
  static final int PAGE_LEVEL = 3;

  /** The level of 2 MiB blocks. */
  static final int PMD_LEVEL = 2;

  private static final int BITS = 9;
  private static final int ENTRIES = 1 << BITS;

  private final int startLevel;
  private final TableMemory memory;
  private final Node root;

  /**
   * Creates an empty table.
   *
   * @param startLevel level of the root
   * @param addressBits input address size in bits; a root larger than one page is a concatenation
   * @param memory where further tables come from
   */
  HypPageTable(int startLevel, int addressBits, TableMemory memory) {
    this.startLevel = startLevel;
    this.memory = memory;
    this.root = new Node(1 << (addressBits - 12 - shift(startLevel)));
  }

  private static final class Node {
    final long[] entries;
    @Nullable Node @Nullable [] tables;
    int used;

    Node(int size) {
      entries = new long[size];
    }

    @Nullable Node table(int i) {
      return tables == null ? null : tables[i];
    }

    void setTable(int i, @Nullable Node n) {
      @Nullable Node[] t = tables;
      if (t == null) {
        t = new @Nullable Node[entries.length];
        tables = t;
      }
      t[i] = n;
    }

    void set(int i, long pte) {
      used += (pte != 0 ? 1 : 0) - (entries[i] != 0 ? 1 : 0);
      entries[i] = pte;
    }
  }

  /** Returns how many pages the table takes, root included. */
  long tablePages() {
    return pagesOf(root) + Math.max(0, (root.entries.length >> BITS) - 1);
  }

  private static long pagesOf(Node n) {
    long pages = 1;
    @Nullable Node[] tables = n.tables;
    if (tables != null) {
      for (Node t : tables) {
        pages += t == null ? 0 : pagesOf(t);
      }
    }
    return pages;
  }

  /** Returns log2 of the number of pages an entry of {@code level} covers. */
  static int shift(int level) {
    return BITS * (PAGE_LEVEL - level);
  }

  /** Returns the number of levels. */
  int levels() {
    return PAGE_LEVEL - startLevel + 1;
  }

  private int index(Node n, long fn, int level) {
    return (int) (fn >>> shift(level)) & (n.entries.length - 1);
  }

  /** Tells whether the page number is within the input address size. */
  boolean covers(long fn) {
    return fn >= 0 && fn >>> shift(startLevel) < root.entries.length;
  }

  /** Returns the entry at which a walk for page number {@code fn} ends; 0 if nothing is there. */
  long leaf(long fn) {
    Node n = root;
    for (int level = startLevel; ; level++) {
      int i = index(n, fn, level);
      Node t = n.table(i);
      if (t == null) {
        return n.entries[i];
      }
      n = t;
    }
  }

  /** Returns the level at which a walk for {@code fn} ends. */
  int leafLevel(long fn) {
    Node n = root;
    for (int level = startLevel; ; level++) {
      Node t = n.table(index(n, fn, level));
      if (t == null) {
        return level;
      }
      n = t;
    }
  }

  /** Returns the frame that {@code fn} translates to; the leaf must be valid. */
  long translate(long fn) {
    Node n = root;
    for (int level = startLevel; ; level++) {
      int i = index(n, fn, level);
      Node t = n.table(i);
      if (t == null) {
        return Pte.pfn(n.entries[i]) + (fn & ((1L << shift(level)) - 1));
      }
      n = t;
    }
  }

  /**
   * Writes a leaf or annotation.
   *
   * @param fn page number aligned to {@code level}
   * @return false if there is no memory for a table; tables added so far stay
   */
  boolean set(long fn, int level, long pte) {
    Node n = root;
    for (int l = startLevel; l < level; l++) {
      int i = index(n, fn, l);
      Node t = n.table(i);
      if (t == null) {
        if (!memory.take()) {
          return false;
        }
        t = new Node(ENTRIES);
        if (n.entries[i] == 0) {
          n.used++;
        }
        n.entries[i] = 0;
        n.setTable(i, t);
      }
      n = t;
    }
    int i = index(n, fn, level);
    Node below = n.table(i);
    if (below != null) {
      free(below);
      n.setTable(i, null);
      n.used--;
    }
    n.set(i, pte);
    return true;
  }

  /** Changes the leaf that maps {@code fn} in place; it must exist. */
  void update(long fn, long pte) {
    Node n = root;
    for (int level = startLevel; ; level++) {
      int i = index(n, fn, level);
      Node t = n.table(i);
      if (t == null) {
        n.set(i, pte);
        return;
      }
      n = t;
    }
  }

  /** Clears the entry at which a walk for {@code fn} ends and gives empty tables back. */
  void clear(long fn) {
    clear(root, fn, startLevel);
  }

  private void clear(Node n, long fn, int level) {
    int i = index(n, fn, level);
    Node t = n.table(i);
    if (t == null) {
      n.set(i, 0);
      return;
    }
    clear(t, fn, level + 1);
    if (t.used == 0) {
      n.setTable(i, null);
      n.used--;
      memory.give();
    }
  }

  private void free(Node n) {
    @Nullable Node[] tables = n.tables;
    if (tables != null) {
      for (Node t : tables) {
        if (t != null) {
          free(t);
        }
      }
    }
    memory.give();
  }

  /** Gives every table back and forgets all entries. */
  void destroy() {
    @Nullable Node[] tables = root.tables;
    if (tables != null) {
      for (int i = 0; i < tables.length; i++) {
        Node t = tables[i];
        if (t != null) {
          free(t);
          tables[i] = null;
        }
      }
    }
    java.util.Arrays.fill(root.entries, 0);
    root.used = 0;
  }

  /** Calls {@code visitor} for every entry that is not 0, in address order. */
  void forEach(Visitor visitor) {
    forEach(root, 0, startLevel, visitor);
  }

  private void forEach(Node n, long base, int level, Visitor visitor) {
    for (int i = 0; i < n.entries.length; i++) {
      long fn = base + ((long) i << shift(level));
      Node t = n.table(i);
      if (t != null) {
        forEach(t, fn, level + 1, visitor);
      } else if (n.entries[i] != 0) {
        visitor.visit(fn, level, n.entries[i]);
      }
    }
  }

  /** Sees an entry. */
  @FunctionalInterface
  interface Visitor {
    void visit(long fn, int level, long pte);
  }

  /** Where tables come from and go back to. */
  interface TableMemory {
    /** Takes a page for a table; false if there is none. */
    boolean take();

    /** Gives a table's page back. */
    void give();

    /** Memory that never ends. */
    TableMemory UNLIMITED =
        new TableMemory() {
          @Override
          public boolean take() {
            return true;
          }

          @Override
          public void give() {}
        };
  }
}
