package dev.cocovisor.snp.psp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.snp.rmp.CpuMode;
import dev.cocovisor.snp.rmp.HostInstructions;
import dev.cocovisor.snp.rmp.PageState;
import dev.cocovisor.snp.rmp.Rmp;
import dev.cocovisor.snp.rmp.RmpChoices;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/**
 * Whatever the firmware refuses, it says the status, what was asked for and what stands against.
 */
class FirmwareRefusalsTest {
  private static final long GCTX = 100L << 12;
  private static final long POLICY = GuestPolicy.SMT | GuestPolicy.RESERVED_ONE;
  private static final int FIXED = HostInstructions.ASSIGN | HostInstructions.IMMUTABLE;

  private final List<String> told = new ArrayList<>();
  private final TraceSink sink =
      new TraceSink() {
        @Override
        public boolean enabled() {
          return true;
        }

        @Override
        public void emit(TraceEvent event) {
          if (event.kind() == TraceEvent.Kind.REFUSAL) {
            told.add(event.name() + ": " + event.result());
          }
        }
      };
  private final SparseMemory memory = new SparseMemory();
  private final Rmp rmp = new Rmp(4096, 32, RmpChoices.DEFAULT);
  private final HostInstructions host = new HostInstructions(rmp);
  private final Mailbox mailbox = new Mailbox(Interposer.NONE, sink);
  private final SnpFirmware fw = new SnpFirmware(memory, rmp, true, mailbox);

  private void told(String what, FwStatus answer) {
    assertThat(told).as("answer %s", answer).containsExactly(what);
    assertThat(what).startsWith(answer.name() + ": ");
    told.clear();
  }

  private void ok(FwStatus answer) {
    assertThat(answer).isEqualTo(FwStatus.SUCCESS);
    assertThat(told).isEmpty();
  }

  private void update(long pfn, long gpa, int flags, int asid) {
    assertThat(host.rmpupdate(CpuMode.HOST, pfn << 12, gpa, flags, asid)).isZero();
  }

  private void context(long pfn, long policy, int asid) {
    update(pfn, 0, FIXED, 0);
    ok(fw.gctxCreate(pfn << 12));
    ok(fw.launch().start(pfn << 12, policy));
    ok(fw.activate(pfn << 12, asid));
  }

  @Test
  void thePlatformAndItsGuests() {
    told("INVALID_PLATFORM_STATE: SNP is not initialised", fw.shutdown());
    rmp.setEnabled(false);
    told("RMP_INIT_REQUIRED: SYSCFG.SNPEn is off", fw.init());
    rmp.setEnabled(true);
    ok(fw.init());
    told("INVALID_PLATFORM_STATE: SNP is initialised already", fw.init());
    told(
        "INVALID_ADDRESS: 0x64001 is not page-aligned, or no page that the RMP covers",
        fw.gctxCreate(GCTX + 1));
    told(
        "INVALID_ADDRESS: 0x10000000000 is not page-aligned, or no page that the RMP covers",
        fw.decommission(1L << 40));
    told("INVALID_GUEST: 0x64000 is no guest context", fw.decommission(GCTX));
    told("INVALID_PAGE_STATE: pfn 0x64 is HYPERVISOR, FIRMWARE is needed", fw.gctxCreate(GCTX));
    update(100, 0, FIXED, 0);
    ok(fw.gctxCreate(GCTX));
    told("INVALID_GUEST_STATE: the guest's launch has not started", fw.activate(GCTX, 3));
    told(
        "INVALID_PARAM: policy bits 0x10000000000 have no meaning",
        fw.launch().start(GCTX, POLICY | 1L << 40));
    told("INVALID_PARAM: policy bit 17 has to be 1", fw.launch().start(GCTX, GuestPolicy.SMT));
    told(
        "POLICY_FAILURE: the policy asks for ABI 255.7, the firmware has "
            + (SnpFirmware.ABI_VERSION >>> 8)
            + "."
            + (SnpFirmware.ABI_VERSION & 0xff),
        fw.launch().start(GCTX, POLICY | 0xff07));
    told(
        "POLICY_FAILURE: multithreading is on and policy bit 16 (SMT) does not allow it",
        fw.launch().start(GCTX, GuestPolicy.RESERVED_ONE));
    ok(fw.launch().start(GCTX, POLICY));
    told(
        "INVALID_GUEST_STATE: the guest is in LAUNCH, not in INIT",
        fw.launch().start(GCTX, POLICY));
    told("INVALID_ASID: ASID 32 of 1 to 31", fw.activate(GCTX, 32));
    told("INVALID_ASID: ASID 0 of 1 to 31", fw.activate(GCTX, 0));
    ok(fw.activate(GCTX, 3));
    told("ACTIVE: the guest has ASID 3 already", fw.activate(GCTX, 3));
    update(101, 0, FIXED, 0);
    ok(fw.gctxCreate(101 << 12));
    ok(fw.launch().start(101 << 12, POLICY));
    told("ASID_OWNED: the guest of context 0x64000 has it", fw.activate(101 << 12, 3));
    update(200, 0x1000, HostInstructions.ASSIGN, 3);
    byte[] page = new byte[4096];
    told(
        "INVALID_GUEST_STATE: the guest's launch is not finished",
        fw.guestRequest(GCTX, page, page));
    ok(fw.launch().finish(GCTX, null, null, false, new byte[32]));
    told(
        "INVALID_PARAM: message and answer are a page each",
        fw.guestRequest(GCTX, page, new byte[1]));
    Arrays.fill(page, (byte) 7);
    ok(fw.guestRequest(GCTX, new byte[4096], page));
    assertThat(page).containsOnly(0);
    ok(fw.decommission(GCTX));
    told("DFFLUSH_REQUIRED: ASID 3 was decommissioned and not flushed", fw.activate(101 << 12, 3));
    told("DFFLUSH_REQUIRED: ASIDs {3} were decommissioned and not flushed", fw.shutdown());
    told("WBINVD_REQUIRED: no WBINVD since the last guest was decommissioned", fw.dfFlush());
    fw.wbinvd();
    ok(fw.dfFlush());
    told("INVALID_CONFIG: ASID 3 still has 1 pages in the RMP", fw.activate(101 << 12, 3));
    assertThat(fw.guestStatus(101 << 12)).isNotNull();
    ok(fw.shutdown());
    ok(fw.init());
    assertThat(fw.guestStatus(101 << 12)).as("its guests are forgotten").isNull();
  }

  @Test
  void pagesOfALaunch() {
    ok(fw.init());
    context(100, POLICY, 3);
    LaunchCommands launch = fw.launch();
    told("INVALID_PARAM: there is no page type 7", launch.update(GCTX, 0, false, 7, false, 0));
    told(
        "INVALID_PAGE_SIZE: a page of type VMSA has 4 KiB",
        launch.update(GCTX, 0, true, 2, false, 0));
    told(
        "INVALID_PAGE_STATE: pfn 0xc8 is HYPERVISOR, PRE_GUEST is needed",
        launch.update(GCTX, 200 << 12, false, 1, false, 0));
    update(200, 0x1000, FIXED, 4);
    told(
        "INVALID_PAGE_OWNER: pfn 0xc8 is PRE_GUEST of ASID 4, the guest has ASID 3",
        launch.update(GCTX, 200 << 12, false, 1, false, 0));
    update(512, 0x200000, FIXED | HostInstructions.SIZE_2M, 3);
    told(
        "INVALID_PAGE_SIZE: pfn 0x200 has a 2 MiB entry",
        launch.update(GCTX, 512 << 12, false, 1, false, 0));
    update(201, 0x2000, FIXED, 3);
    told(
        "INVALID_ADDRESS: 0xc9000 is not page-aligned, or no page that the RMP covers",
        launch.update(GCTX, 201 << 12, true, 1, false, 0));
    // An image for migration is measured for itself as well.
    GuestContext g = Objects.requireNonNull(fw.context(GCTX));
    ok(launch.update(GCTX, 201 << 12, false, 1, true, 0x010203));
    assertThat(rmp.entry(201).perms()).isEqualTo(0x010203);
    LaunchDigest image = new LaunchDigest();
    image.update(LaunchPageType.NORMAL, 0x2000, new byte[4096], 0, 0x010203, true);
    assertThat(g.imd.value()).isEqualTo(image.value());
    assertThat(launch.digest(GCTX)).isEqualTo(image.value());
    told(
        "INVALID_PARAM: an identity block without its authentication page",
        launch.finish(GCTX, new byte[96], null, false, new byte[32]));
    told(
        "INVALID_PAGE_STATE: pfn 0x64 is CONTEXT: the firmware does not hold it",
        fw.pages().reclaim(GCTX, false));
    told("INVALID_PAGE_SIZE: pfn 0x200 has a 2 MiB entry", fw.pages().reclaim(512 << 12, false));
    ok(fw.pages().reclaim(512 << 12, true));
  }

  private void preSwap(long pfn, long gpa) {
    update(pfn, gpa, FIXED, 3);
    ok(fw.launch().update(GCTX, pfn << 12, false, 1, false, 0));
    update(pfn, gpa, FIXED, 3);
    assertThat(rmp.state(pfn)).isEqualTo(PageState.PRE_SWAP);
  }

  // SNP firmware ABI: SNP_PAGE_MOVE, ..SWAP_OUT, ..SWAP_IN, SNP_DBG_*.
  @Test
  void pagesThatMoveAndAreLookedInto() {
    ok(fw.init());
    context(100, POLICY | GuestPolicy.DEBUG | GuestPolicy.PAGE_SWAP_DISABLE, 3);
    PageCommands pages = fw.pages();
    preSwap(300, 0x3000);
    update(301, 0x4000, FIXED, 3);
    told(
        "INVALID_ADDRESS: the pages have different guest addresses",
        pages.pageMove(GCTX, 300 << 12, 301 << 12, false));
    SwappedPage[] out = new SwappedPage[1];
    told(
        "INVALID_PAGE_STATE: pfn 0x12d is PRE_GUEST of ASID 3, PRE_SWAP is needed",
        pages.pageSwapOut(GCTX, 301 << 12, out));
    told(
        "POLICY_FAILURE: policy bit 25 (PAGE_SWAP_DISABLE) is set",
        pages.pageSwapOut(GCTX, 300 << 12, out));
    assertThat(out[0]).isNull();
    told(
        "INVALID_PAGE_STATE: pfn 0x12c is PRE_SWAP of ASID 3, PRE_GUEST is needed",
        pages.pageSwapIn(GCTX, 300 << 12, new SwappedPage(GCTX, 0, 0x3000, false, new byte[4096])));
    told(
        "INVALID_MDATA_ENTRY: the page was swapped out of another guest or guest address",
        pages.pageSwapIn(GCTX, 301 << 12, new SwappedPage(GCTX, 0, 0x3000, false, new byte[4096])));
    for (long[] bad : new long[][] {{1, 0x1000}, {0x1000, 1}, {1, 2}}) {
      told(
          "INVALID_ADDRESS: 0x1 is not page-aligned, or no page that the RMP covers",
          pages.debug(GCTX, true, bad[0], bad[1]));
    }
    told(
        "INVALID_PAGE_OWNER: pfn 0x1 is HYPERVISOR, the guest has ASID 3",
        pages.debug(GCTX, true, 0x1000, 0x2000));
    told(
        "INVALID_PAGE_STATE: pfn 0x2 is HYPERVISOR, FIRMWARE is needed",
        pages.debug(GCTX, true, 300 << 12, 0x2000));
    memory.writeByte(0x2000, 9);
    ok(pages.debug(GCTX, false, 300 << 12, 0x2000));
    assertThat(memory.readByte(300 << 12)).as("written by the host").isEqualTo(9);
    assertThat(memory.readByte(0x2000)).isEqualTo(9);
    told(
        "INVALID_PAGE_STATE: the 512 pages are not small entries of equal state in a row",
        pageUnsmash());
    context(102, POLICY, 4);
    told(
        "POLICY_FAILURE: policy bit 19 (DEBUG) is not set",
        pages.debug(102 << 12, true, 300 << 12, 0x2000));
  }

  private FwStatus pageUnsmash() {
    update(1024, 0x40_0000, HostInstructions.ASSIGN, 3);
    return fw.pages().pageUnsmash(GCTX, 1024 << 12);
  }

  // SEV API: ACTIVATE, LAUNCH_*, SEND_*, RECEIVE_* of a guest whose memory no RMP keeps.
  @Test
  void guestsWithoutSnp() {
    boolean[] reachable = {true};
    KeyedMemory keyed =
        new KeyedMemory() {
          @Override
          public boolean read(int key, long hpa, byte[] into) {
            memory.read(hpa, into, 0, into.length);
            return reachable[0];
          }

          @Override
          public boolean write(int key, long hpa, byte[] from) {
            memory.write(hpa, from, 0, from.length);
            return reachable[0];
          }
        };
    LegacyFirmware sev = new LegacyFirmware(memory, keyed, 16, mailbox);
    int[] handle = {0};
    told("INVALID_GUEST: there is no guest 5", sev.activate(5, 1));
    told("BAD_MEASUREMENT: the blob is no session", sev.start(new byte[128], 0, handle));
    ok(sev.start(null, 0, handle));
    int a = handle[0];
    ok(sev.start(null, LegacyFirmware.NODBG | LegacyFirmware.NOSEND, handle));
    final int b = handle[0];
    assertThat(b).isNotEqualTo(a);
    told("INVALID_ASID: ASID 16 of 1 to 15", sev.activate(a, 16));
    told("INVALID_ASID: ASID 0 of 1 to 15", sev.activate(a, 0));
    told("INACTIVE: the guest has no ASID", sev.launchUpdate(a, false, 0x1000, 16));
    ok(sev.activate(a, 15));
    told("ACTIVE: the guest has ASID 15 already", sev.activate(a, 2));
    told("ASID_OWNED: another guest has ASID 15", sev.activate(b, 15));
    told("ACTIVE: the guest still has ASID 15 (DEACTIVATE first)", sev.decommission(a));
    for (int length : new int[] {0, -16, 8}) {
      told(
          "INVALID_LEN: " + length + " bytes are no multiple of 16 above 0",
          sev.launchUpdate(a, false, 0x1000, length));
    }
    told(
        "INVALID_ADDRESS: 0x1008 is not aligned to 16 bytes",
        sev.launchUpdate(a, true, 0x1008, 16));
    reachable[0] = false;
    told(
        "INVALID_ADDRESS: the RMP keeps the page from this guest",
        sev.launchUpdate(a, false, 0x1000, 16));
    reachable[0] = true;
    told(
        "INVALID_GUEST_STATE: the guest is in LAUNCH_UPDATE, not in LAUNCH_SECRET",
        sev.secret(a, 0x1000, new byte[16]));
    told("INVALID_LEN: the buffer is too short: 48 bytes are needed", sev.measure(a, new byte[47]));
    told(
        "INVALID_LEN: the buffer is too short: 528 bytes are needed", sev.report(a, new byte[527]));
    ok(sev.report(a, new byte[528]));
    told(
        "INVALID_GUEST_STATE: the guest is in LAUNCH_UPDATE, not in LAUNCH_SECRET",
        sev.step(FwCommand.LAUNCH_FINISH, a));
    byte[] measurement = new byte[48];
    ok(sev.measure(a, measurement));
    assertThat(Arrays.copyOf(measurement, 32)).isNotEqualTo(new byte[32]);
    ok(sev.secret(a, 0x1000, new byte[16]));
    ok(sev.step(FwCommand.LAUNCH_FINISH, a));
    assertThat(sev.state(a)).isEqualTo(LegacyFirmware.State.RUNNING);
    assertThat(sev.step(FwCommand.SNP_INIT, a)).isEqualTo(FwStatus.INVALID_COMMAND);
    told("POLICY_FAILURE: policy bit 0 (NODBG) is set", sev.debug(b, true, 0x1000, 0x2000, 16));
    memory.writeByte(0x1000, 5);
    ok(sev.debug(a, true, 0x1000, 0x2000, 16));
    assertThat(memory.readByte(0x2000)).isEqualTo(5);
    memory.writeByte(0x2000, 6);
    ok(sev.debug(a, false, 0x2000, 0x3000, 16));
    assertThat(memory.readByte(0x3000)).isEqualTo(6);
    LegacyTransfer t = sev.transfer();
    told(
        "INVALID_GUEST_STATE: the guest is in LAUNCH_UPDATE, not in RUNNING",
        t.sendStart(b, new byte[128]));
    told(
        "INVALID_LEN: the buffer is too short: 128 bytes are needed",
        t.sendStart(a, new byte[127]));
    ok(sev.activate(b, 2));
    ok(sev.measure(b, measurement));
    ok(sev.step(FwCommand.LAUNCH_FINISH, b));
    told(
        "POLICY_FAILURE: policy bit 3 (LegacyFirmware.NOSEND) is set",
        t.sendStart(b, new byte[128]));
    byte[] session = new byte[128];
    ok(t.sendStart(a, session));
    byte[] header = new byte[LegacyTransfer.headerSize()];
    byte[] packet = new byte[32];
    told(
        "INVALID_LEN: the buffer is too short: 52 bytes are needed",
        t.sendUpdate(a, 0x1000, 32, new byte[51], packet));
    told(
        "INVALID_LEN: the buffer is too short: 52 bytes are needed",
        t.sendUpdate(a, 0x1000, 48, header, packet));
    told(
        "INVALID_LEN: -16 bytes are no multiple of 16 above 0",
        t.sendUpdate(a, 0x1000, -16, header, packet));
    reachable[0] = false;
    told(
        "INVALID_ADDRESS: the RMP keeps the page from this guest",
        t.sendUpdate(a, 0x1000, 32, header, packet));
    reachable[0] = true;
    ok(t.sendUpdate(a, 0x1000, 32, header, packet));
    ok(sev.start(session, 0, handle));
    int c = handle[0];
    assertThat(sev.state(c)).isEqualTo(LegacyFirmware.State.RECEIVE_UPDATE);
    told("INACTIVE: the guest has no ASID", t.receiveUpdate(c, 0x4000, 32, header, packet));
    ok(sev.activate(c, 3));
    told(
        "INVALID_LEN: header or packet do not have their lengths",
        t.receiveUpdate(c, 0x4000, 16, header, packet));
    ok(t.receiveUpdate(c, 0x4000, 32, header, packet));
    assertThat(memory.readByte(0x4000)).as("what was sent").isEqualTo(5);
    packet[3] ^= 1;
    told(
        "BAD_MEASUREMENT: the packet is not of this session, or was changed",
        t.receiveUpdate(c, 0x4000, 32, header, packet));
    ok(sev.step(FwCommand.SEND_CANCEL, a));
    ok(sev.step(FwCommand.RECEIVE_FINISH, c));
    ok(sev.deactivate(c));
    ok(sev.decommission(c));
    assertThat(sev.state(c)).isEqualTo(LegacyFirmware.State.INVALID);
    assertThat(sev.policy(c)).isZero();
    assertThat(sev.policy(b)).isEqualTo(9);
    told("INVALID_GUEST: there is no guest " + c, sev.status(c));
    ok(sev.status(b));
  }
}
