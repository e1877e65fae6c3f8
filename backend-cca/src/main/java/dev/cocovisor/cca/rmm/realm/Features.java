package dev.cocovisor.cca.rmm.realm;

import dev.cocovisor.cca.rmm.measure.HashAlgorithm;

/** Fields of RMI feature register 0. */
public final class Features {
  private Features() {}

  private static int field(long register, int high, int low) {
    return (int) (register >>> low) & (1 << (high - low + 1)) - 1;
  }

  /** Returns the widest IPA space in bits. */
  public static int s2sz(long r) {
    return field(r, 7, 0);
  }

  /** Tells whether realms may use 52-bit descriptors. */
  public static boolean lpa2(long r) {
    return field(r, 8, 8) != 0;
  }

  /** Tells whether realms may use SVE. */
  public static boolean sve(long r) {
    return field(r, 9, 9) != 0;
  }

  /** Returns the longest SVE vector field. */
  public static int sveVl(long r) {
    return field(r, 13, 10);
  }

  /** Returns the most breakpoints, minus one. */
  public static int numBps(long r) {
    return field(r, 19, 14);
  }

  /** Returns the most watchpoints, minus one. */
  public static int numWps(long r) {
    return field(r, 25, 20);
  }

  /** Tells whether realms may use the PMU. */
  public static boolean pmu(long r) {
    return field(r, 26, 26) != 0;
  }

  /** Returns the most PMU counters. */
  public static int pmuNumCtrs(long r) {
    return field(r, 31, 27);
  }

  /** Tells whether a hash algorithm (RMI's number) is offered. */
  public static boolean hash(long r, int algorithm) {
    return HashAlgorithm.isValid(algorithm) && field(r, 32 + algorithm, 32 + algorithm) != 0;
  }

  /** Returns the number of GIC list registers, minus one. */
  public static int gicLrs(long r) {
    return field(r, 37, 34);
  }

  /** Returns log2 of the bound on RECs in a realm. */
  public static int maxRecsOrder(long r) {
    return field(r, 41, 38);
  }
}
