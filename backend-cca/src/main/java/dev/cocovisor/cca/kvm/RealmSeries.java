package dev.cocovisor.cca.kvm;

import java.util.Locale;

/**
 * Which revision of the CCA series KVM's half is: what was posted as v15, or what its authors
 * carried on from it (July 2026). Neither is merged.
 */
enum RealmSeries {
  /** v15. */
  V15,

  /**
   * What came after: no pages to populate are no error, a realm that could not be activated is a
   * dead VM, and a RIPAS change that the attributes allow already does not leave to the VMM.
   */
  CARRIED;

  String setting() {
    return name().toLowerCase(Locale.ROOT);
  }

  static RealmSeries of(String setting) {
    return valueOf(setting.toUpperCase(Locale.ROOT));
  }
}
