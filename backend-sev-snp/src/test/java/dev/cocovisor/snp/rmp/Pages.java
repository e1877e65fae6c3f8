package dev.cocovisor.snp.rmp;

import static org.assertj.core.api.Assertions.assertThat;

/** Puts pages into any state, by instructions where they can and by the firmware where not. */
final class Pages {
  static final int ASID = 7;
  static final int OTHER = 9;

  final Rmp rmp;
  final HostInstructions host;
  final GuestInstructions guest;
  final FirmwarePort port;

  Pages(Rmp rmp) {
    this.rmp = rmp;
    host = new HostInstructions(rmp);
    guest = new GuestInstructions(rmp);
    port = new FirmwarePort(rmp);
  }

  Pages() {
    this(new Rmp(4 * 512));
  }

  void update(long pfn, long gpa, int flags, int asid) {
    assertThat(host.rmpupdate(CpuMode.HOST, pfn << 12, gpa, flags, asid)).isZero();
  }

  /** Makes frame {@code pfn} a page of ASID 7 at {@code gpa} (or the firmware's) in a state. */
  void put(long pfn, PageState state, long gpa, boolean huge) {
    int size = huge ? HostInstructions.SIZE_2M : 0;
    int assign = HostInstructions.ASSIGN | size;
    int fixed = assign | HostInstructions.IMMUTABLE;
    switch (state) {
      case HYPERVISOR -> {}
      case HV_FIXED -> move(pfn, PageState.HYPERVISOR, state);
      case FIRMWARE -> update(pfn, 0, fixed, 0);
      case FIRMWARE_IOMMU, RECLAIM, CONTEXT, METADATA -> {
        update(pfn, 0, fixed, 0);
        move(pfn, PageState.FIRMWARE, state);
      }
      case PRE_GUEST -> update(pfn, gpa, fixed, ASID);
      case GUEST_INVALID -> update(pfn, gpa, assign, ASID);
      case GUEST_VALID, PRE_SWAP -> {
        update(pfn, gpa, assign, ASID);
        assertThat(guest.pvalidate(CpuMode.guest(ASID), gpa, huge ? 1 : 0, true, gpa, pfn, huge))
            .isZero();
        if (state == PageState.PRE_SWAP) {
          update(pfn, gpa, fixed, ASID);
        }
      }
      case INVALID, DEFAULT -> throw new IllegalArgumentException(state + " cannot be made");
    }
    assertThat(rmp.state(pfn)).isEqualTo(state);
  }

  private void move(long pfn, PageState from, PageState to) {
    assertThat(port.move(pfn, from, to, 0x5000, to == PageState.CONTEXT)).isTrue();
  }
}
