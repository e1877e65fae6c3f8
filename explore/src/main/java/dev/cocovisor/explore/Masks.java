package dev.cocovisor.explore;

/**
 * Bits by a 64-bit key, to which more are added: a table of open addresses without objects, since
 * every step of every execution adds to one. Bits are never taken away and no entry is without any.
 */
final class Masks {
  private long[] keys = new long[64];
  private long[] bits = new long[64];
  private int size;

  /** Returns the bits of a key; 0 if none were ever added. */
  long get(long key) {
    return bits[slot(key)];
  }

  /** Adds bits, at least one; tells whether any is new. */
  boolean add(long key, long more) {
    int at = slot(key);
    long was = bits[at];
    if ((was | more) == was) {
      return false;
    }
    keys[at] = key;
    bits[at] = was | more;
    if (was == 0 && ++size * 2 > keys.length) {
      grow();
    }
    return true;
  }

  /** Adds all that another has; tells whether any of it is new. */
  boolean addAll(Masks other) {
    boolean news = false;
    for (int i = 0; i < other.keys.length; i++) {
      news |= other.bits[i] != 0 && add(other.keys[i], other.bits[i]);
    }
    return news;
  }

  /** Takes an entry: a key and its bits. */
  @FunctionalInterface
  interface Entry {
    /** Takes it. */
    void take(long key, long bits);
  }

  /** Tells all entries, in no order. */
  void forEach(Entry each) {
    for (int i = 0; i < keys.length; i++) {
      if (bits[i] != 0) {
        each.take(keys[i], bits[i]);
      }
    }
  }

  /** Returns a copy that goes its own way. */
  Masks copy() {
    var copy = new Masks();
    copy.keys = keys.clone();
    copy.bits = bits.clone();
    copy.size = size;
    return copy;
  }

  private int slot(long key) {
    int last = keys.length - 1;
    int at = (int) ((key * 0x9e3779b97f4a7c15L) >>> 40) & last;
    while (bits[at] != 0 && keys[at] != key) {
      at = (at + 1) & last;
    }
    return at;
  }

  private void grow() {
    long[] oldKeys = keys;
    long[] oldBits = bits;
    keys = new long[oldKeys.length * 2];
    bits = new long[keys.length];
    for (int i = 0; i < oldKeys.length; i++) {
      if (oldBits[i] != 0) {
        int at = slot(oldKeys[i]);
        keys[at] = oldKeys[i];
        bits[at] = oldBits[i];
      }
    }
  }
}
