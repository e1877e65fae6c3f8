package dev.cocovisor.snp.psp;

/** What the firmware keeps in a guest context page; the firmware's lock guards it. */
final class GuestContext {
  final LaunchDigest digest = new LaunchDigest();

  /** The initial migration image's own digest: only IMI pages enter. */
  final LaunchDigest imd = new LaunchDigest();

  /** Tells contexts apart where the firmware would use randomness. */
  final long serial;

  GuestState state = GuestState.INIT;
  long policy;
  int asid;
  byte[] hostData = new byte[32];

  GuestContext(long serial) {
    this.serial = serial;
  }
}
