package com.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.snp.rmp.CpuMode;
import dev.cocovisor.snp.rmp.GuestInstructions;
import dev.cocovisor.snp.rmp.HostInstructions;
import dev.cocovisor.snp.rmp.PageState;
import dev.cocovisor.snp.rmp.Rmp;
import dev.cocovisor.snp.rmp.RmpOutcome;
import org.junit.jupiter.api.Test;

/**
 * A technology's trusted half alone: SEV-SNP's table of page owners (RMP) and the instructions on
 * it, with no KVM, no guest and no firmware. What it asks of the rest of the machine is mocked.
 */
class TrustedHalfTest {
  private static final long PFN = 5;
  private static final long GPA = 0x8000;
  private static final int ASID = 7;

  private final Rmp rmp = new Rmp(1024);
  private final HostInstructions.Content memory = mock(HostInstructions.Content.class);
  private final HostInstructions host = new HostInstructions(rmp, memory, TraceSink.OFF);
  private final GuestInstructions guest = new GuestInstructions(rmp);

  @Test
  void aPageIsTheGuestsOnceTheHostAssignsAndTheGuestValidatesIt() {
    assertEquals(
        RmpOutcome.OK, host.rmpupdate(CpuMode.HOST, PFN << 12, GPA, HostInstructions.ASSIGN, ASID));
    assertEquals(PageState.GUEST_INVALID, rmp.state(PFN));

    assertEquals(
        RmpOutcome.OK, guest.pvalidate(CpuMode.guest(ASID), GPA, 0, true, GPA, PFN, false));
    assertEquals(PageState.GUEST_VALID, rmp.state(PFN));
    assertEquals(ASID, rmp.asid(PFN));
  }

  @Test
  void aSecondValidationSaysSoByTheCarryFlag() {
    host.rmpupdate(CpuMode.HOST, PFN << 12, GPA, HostInstructions.ASSIGN, ASID);
    guest.pvalidate(CpuMode.guest(ASID), GPA, 0, true, GPA, PFN, false);
    assertTrue(
        RmpOutcome.carry(guest.pvalidate(CpuMode.guest(ASID), GPA, 0, true, GPA, PFN, false)));
  }

  @Test
  void anotherGuestsPageIsAFault() {
    host.rmpupdate(CpuMode.HOST, PFN << 12, GPA, HostInstructions.ASSIGN, ASID);
    long outcome = guest.pvalidate(CpuMode.guest(ASID + 1), GPA, 0, true, GPA, PFN, false);
    assertFalse(RmpOutcome.isCompleted(outcome));
    assertEquals(PageState.GUEST_INVALID, rmp.state(PFN));
  }

  @Test
  void memoryIsToldBeforeAPageStopsBeingTheGuests() {
    host.rmpupdate(CpuMode.HOST, PFN << 12, GPA, HostInstructions.ASSIGN, ASID);
    guest.pvalidate(CpuMode.guest(ASID), GPA, 0, true, GPA, PFN, false);
    verify(memory, never()).leavesGuest(anyLong(), anyLong());

    assertEquals(RmpOutcome.OK, host.rmpupdate(CpuMode.HOST, PFN << 12, 0, 0, 0));
    verify(memory).leavesGuest(PFN, 1);
    assertEquals(PageState.HYPERVISOR, rmp.state(PFN));
  }
}
