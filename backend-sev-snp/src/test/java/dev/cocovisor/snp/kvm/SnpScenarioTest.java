package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.snp.guest.SnpActions;
import dev.cocovisor.snp.kvm.Machine.Guest;
import dev.cocovisor.snp.psp.FwCommand;
import dev.cocovisor.snp.psp.FwStatus;
import dev.cocovisor.snp.psp.LaunchDigest;
import dev.cocovisor.snp.psp.LaunchPageType;
import dev.cocovisor.snp.rmp.CpuMode;
import dev.cocovisor.snp.rmp.HostInstructions;
import dev.cocovisor.snp.rmp.PageState;
import dev.cocovisor.snp.rmp.RmpCode;
import dev.cocovisor.snp.rmp.RmpInstruction;
import java.util.List;
import org.junit.jupiter.api.Test;

/** SNP guests from launch to end, on the whole machine; invariants after every step. */
class SnpScenarioTest {
  private static final long EINVAL = -Errno.EINVAL.number();
  private static final long EIO = -Errno.EIO.number();

  private static GuestAction write(long gpa, int value, boolean encrypted) {
    return new GuestAction.Write(gpa, value, GuestAction.NO_CODE, encrypted);
  }

  private static GuestAction read(long gpa, boolean encrypted) {
    return new GuestAction.Read(gpa, GuestAction.NO_CODE, encrypted);
  }

  @Test
  void bootGoesFromInitToRunning() {
    Machine m = new Machine();
    Guest g = m.snp();
    assertThat(m.vmm.hostWrite(g.user, 0x41)).isZero();
    // Nothing runs before FINISH, and nothing may be mapped ahead.
    assertThat(g.act(read(0, true))).startsWith("KVM_EXIT_FAIL_ENTRY");
    assertThat(m.vmm.preFaultMemory(g.vcpu, 0, new long[] {0, 4096}))
        .isEqualTo(-Errno.EOPNOTSUPP.number());
    assertThat(g.update(0, 2, 1)).isZero();
    assertThat(g.out.number("gfn_start")).isEqualTo(2);
    assertThat(g.update(2, 1, 3)).isZero();
    assertThat(g.op("SNP_LAUNCH_FINISH")).isZero();
    assertThat(g.act(read(0, true))).isEqualTo("HLT 65");
    assertThat(g.act(write(0x1000, 7, true))).isEqualTo("HLT -1");
    assertThat(g.act(read(0x1000, true))).isEqualTo("HLT 7");
    byte[] first = new byte[4096];
    first[0] = 0x41;
    LaunchDigest d = new LaunchDigest();
    d.update(LaunchPageType.NORMAL, 0, first, 0);
    d.update(LaunchPageType.NORMAL, 0x1000, new byte[4096], 0);
    d.update(LaunchPageType.ZERO, 0x2000);
    d.update(LaunchPageType.VMSA, LaunchDigest.VMSA_GPA, VmsaPage.reset(1), 0);
    assertThat(m.platform().firmware().launch().digest(g.sev().guestContext()))
        .isEqualTo(d.value());
    assertThat(m.vmm.preFaultMemory(g.vcpu, 0, new long[] {0x4000, 4096})).isZero();
  }

  @Test
  void unacceptedMemoryIsTheGuestsOwnFault() {
    Machine m = new Machine();
    Guest g = m.running();
    assertThat(g.act(read(0x5000, true))).contains("GUEST_VC").contains("exit_code=1028");
    assertThat(g.act(SnpActions.pvalidate(0x5000, false, true))).contains("{rax=0, cf=0}");
    assertThat(g.act(SnpActions.pvalidate(0x5000, false, true))).contains("{rax=0, cf=1}");
    assertThat(g.act(read(0x5000, true))).isEqualTo("HLT 0");
    assertThat(g.act(SnpActions.pvalidate(0x5000, true, true))).contains("rax=1");
    assertThat(g.act(SnpActions.pvalidate(0x200000, true, true))).contains("rax=6");
    assertThat(g.act(SnpActions.validate(0x400000, 512, true)))
        .contains("{rax=0, huge=0, small=512}");
    assertThat(g.act(SnpActions.validate(0x400000, 1, true))).contains("rax=255");
  }

  @Test
  void lazyAcceptanceAt2mWhereFoliosAreHuge() {
    Machine m = new Machine("core.gmem-order", "9");
    Guest g = m.running();
    assertThat(g.act(SnpActions.validate(0x400000, 1024, true)))
        .contains("{rax=0, huge=2, small=0}");
    long pfn = java.util.Objects.requireNonNull(m.vmm.vm(g.vm)).context().gmemPfn(0x400, false);
    assertThat(m.platform().rmp().huge(pfn)).isTrue();
    assertThat(g.act(write(0x401000, 9, true))).isEqualTo("HLT -1");
    // The guest asks for 4 KiB of the 2 MiB page: #NPF with SIZEM, PSMASH, and it goes on.
    assertThat(g.act(SnpActions.pvalidate(0x403000, false, false))).contains("rax=0");
    assertThat(m.platform().rmp().huge(pfn)).isFalse();
    assertThat(m.platform().rmp().state(pfn + 3)).isEqualTo(PageState.GUEST_INVALID);
    assertThat(m.platform().rmp().state(pfn + 4)).isEqualTo(PageState.GUEST_VALID);
    assertThat(g.act(read(0x401000, true))).isEqualTo("HLT 9");
    assertThat(g.act(read(0x403000, true))).contains("GUEST_VC");
  }

  @Test
  void holeInHalfAHugePageSmashesIt() {
    Machine m = new Machine("core.gmem-order", "9");
    Guest g = m.running();
    assertThat(g.act(SnpActions.validate(0x400000, 512, true))).contains("huge=1");
    long pfn = java.util.Objects.requireNonNull(m.vmm.vm(g.vm)).context().gmemPfn(0x400, false);
    assertThat(m.vmm.fallocate(g.memfd, 3, 0x400000, 0x100000)).isZero();
    m.check();
    assertThat(m.platform().rmp().assigned(pfn + 255)).isFalse();
    assertThat(m.platform().rmp().assigned(pfn + 256)).isTrue();
    assertThat(g.act(read(0x500000, true))).isEqualTo("HLT 0");
    // What comes back is a fresh page that the guest has not accepted.
    assertThat(g.act(read(0x400000, true))).contains("GUEST_VC");
  }

  @Test
  void implicitConversionEndsInUserSpace() {
    Machine m = new Machine();
    Guest g = m.running();
    assertThat(g.act(write(0x6000, 1, false))).isEqualTo("EFAULT MEMORY_FAULT 0 6000");
    assertThat(m.vmm.setMemoryAttributes(g.vm, 0x6000, 0x1000, 0, 0)).isZero();
    assertThat(g.act(write(0x6000, 1, false))).isEqualTo("HLT -1");
    assertThat(m.vmm.hostRead(g.user + 0x6000)).isEqualTo(1);
    assertThat(g.act(read(0x6000, true))).isEqualTo("EFAULT MEMORY_FAULT 8 6000");
  }

  @Test
  void conversionByPageStateChange() {
    Machine m = new Machine();
    Guest g = m.running();
    assertThat(g.act(SnpActions.pageState(0, 0, List.of())))
        .isEqualTo("KVM_EXIT_HLT {exitinfo1=2, exitinfo2=1}");
    assertThat(g.act(SnpActions.registerGhcb(1))).contains("KVM_EXIT_HLT");
    List<Fields> entries =
        List.of(
            SnpActions.entry(0x200, 2, true, 0),
            SnpActions.entry(0x400, 2, true, 0),
            SnpActions.entry(0x600, 1, false, 0),
            SnpActions.entry(0x601, 1, false, 0),
            SnpActions.entry(0x700, 3, false, 0),
            SnpActions.entry(0x800, 1, true, 12));
    // Equal neighbours are one exit; SMASH completes silently; a half-done entry goes alone.
    assertThat(g.act(SnpActions.pageState(0, 5, entries))).isEqualTo("HYPERCALL 200000 1024 1");
    assertThat(g.act(SnpActions.resume(0))).isEqualTo("HYPERCALL 600000 2 10");
    assertThat(g.act(SnpActions.resume(0))).isEqualTo("HYPERCALL 80c000 500 11");
    assertThat(g.act(SnpActions.resume(0))).contains("{exitinfo2=0, cur_entry=6}");
    assertThat(g.act(SnpActions.pageState(0, 0, entries))).startsWith("HYPERCALL");
    assertThat(g.act(SnpActions.resume(22))).contains("exitinfo2=" + (0x100L << 32));
    assertThat(g.act(SnpActions.pageState(0, 253, entries)))
        .contains("exitinfo2=" + (1L << 32 | 1));
    assertThat(g.act(SnpActions.pageState(0, 0, List.of(SnpActions.entry(0x201, 1, true, 0)))))
        .contains("exitinfo2=" + (1L << 32 | 2));
    assertThat(g.act(SnpActions.pageState(0, 0, List.of(SnpActions.entry(0x201, 1, false, 2)))))
        .contains("exitinfo2=" + (1L << 32 | 2));
    assertThat(g.act(SnpActions.pageStateMsr(0x9, 2))).isEqualTo("HYPERCALL 9000 1 0");
    assertThat(g.act(SnpActions.resume(0))).contains("ghcb_msr=21");
    assertThat(g.act(SnpActions.pageStateMsr(0x9, 1))).isEqualTo("HYPERCALL 9000 1 10");
    assertThat(g.act(SnpActions.resume(11))).contains("ghcb_msr=" + PageStateChange.MSR_ERROR);
    assertThat(g.act(SnpActions.pageStateMsr(0x9, 3)))
        .contains("ghcb_msr=" + PageStateChange.MSR_ERROR);
    assertThat(m.vmm.enableCap(g.vm, 201, 0, 0)).isZero();
    assertThat(g.act(SnpActions.pageState(0, 0, entries))).contains("exitinfo2=" + (0x100L << 32));
    assertThat(g.act(SnpActions.resume(0))).startsWith("EINVAL");
  }

  @Test
  void answersThatNoHypercallHasEndTheRun() {
    Machine m = new Machine();
    Guest g = m.running();
    assertThat(g.act(SnpActions.registerGhcb(1))).contains("KVM_EXIT_HLT");
    assertThat(g.act(SnpActions.pageStateMsr(0x9, 2))).startsWith("HYPERCALL");
    assertThat(g.act(SnpActions.resume(5))).isEqualTo("EINVAL HYPERCALL 9000 1 0");
    assertThat(g.act(SnpActions.pageStateMsr(0x9, 2))).startsWith("HYPERCALL");
    assertThat(g.act(SnpActions.resume(0))).contains("ghcb_msr=21");
    List<Fields> one = List.of(SnpActions.entry(0x200, 2, false, 0));
    assertThat(g.act(SnpActions.pageState(0, 0, one))).startsWith("HYPERCALL");
    assertThat(g.act(SnpActions.resume(5))).isEqualTo("EINVAL HYPERCALL 200000 1 0");
    // The entries of a buffer stay in flight: the next request ends with the generic error.
    assertThat(g.act(SnpActions.pageState(0, 0, one))).contains("exitinfo2=" + (0x100L << 32));
    assertThat(g.act(SnpActions.pageState(0, 0, one))).startsWith("HYPERCALL");
  }

  @Test
  void vmThatWaitsForInit2DoesNotRun() {
    Machine m = new Machine();
    Guest g = m.guest(4);
    g.vcpu();
    assertThat(g.act(read(0, true))).isEqualTo("EINVAL KVM_EXIT_UNKNOWN");
  }

  @Test
  void conversionStormLeavesNothingBehind() {
    Machine m = new Machine();
    Guest g = m.running();
    long before = m.platform().rmp().pagesOf(g.sev().asid());
    for (int round = 0; round < 50; round++) {
      long gpa = 0x300000 + (round % 4) * 0x1000L;
      assertThat(g.act(SnpActions.pvalidate(gpa, false, true))).contains("rax=0, cf=0");
      assertThat(g.act(write(gpa, round, true))).isEqualTo("HLT -1");
      assertThat(m.vmm.setMemoryAttributes(g.vm, gpa, 0x1000, 0, 0)).isZero();
      assertThat(m.vmm.fallocate(g.memfd, 3, gpa, 0x1000)).isZero();
      assertThat(g.act(write(gpa, 1, false))).isEqualTo("HLT -1");
      assertThat(m.vmm.setMemoryAttributes(g.vm, gpa, 0x1000, 8, 0)).isZero();
    }
    assertThat(m.platform().rmp().pagesOf(g.sev().asid())).isEqualTo(before);
    assertThat(m.platform().host().leakedPages()).isZero();
  }

  @Test
  void vmplsSeeWhatTheyAreGiven() {
    Machine m = new Machine();
    Guest g = m.running();
    assertThat(g.act(SnpActions.rmpquery(0, 1))).contains("rax=0, rcx=0, rdx=1");
    assertThat(g.act(SnpActions.rmpadjust(0, false, 1, 1, false))).contains("rax=0");
    assertThat(g.act(SnpActions.vmpl(1))).contains("vmpl=1");
    assertThat(g.act(read(0, true))).startsWith("HLT");
    // A write without the permission faults for ever: nothing on the host side is to be mended.
    assertThat(g.act(write(0, 1, true))).contains("RMP_FAULT_LOOP");
    assertThat(g.act(SnpActions.rmpadjust(0, false, 1, 3, false))).contains("rax=2");
  }

  @Test
  void launchStartRefusesInOrder() {
    Machine m = new Machine();
    Guest sev = m.guest(2);
    assertThat(sev.op("SNP_LAUNCH_START", "policy", 0x30000)).isEqualTo(-25);
    Guest g = m.guest(4);
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x30000)).isEqualTo(-25);
    assertThat(g.op("INIT2", "flags", 1)).isEqualTo(EINVAL);
    assertThat(g.op("INIT2", "ghcb_version", 3)).isEqualTo(EINVAL);
    assertThat(g.op("INIT2", "vmsa_features", 2)).isEqualTo(EINVAL);
    assertThat(g.op("INIT")).isEqualTo(EINVAL);
    assertThat(g.op("INIT2")).isZero();
    assertThat(g.op("INIT2")).isEqualTo(-Errno.EPERM.number());
    assertThat(g.op("DBG_DECRYPT")).isEqualTo(-Errno.EPERM.number());
    assertThat(g.op("99")).isEqualTo(-Errno.EPERM.number());
    assertThat(g.op("104")).isEqualTo(EINVAL);
    for (long policy : new long[] {0x30000 | 1 << 18, 0x10000}) {
      assertThat(g.op("SNP_LAUNCH_START", "policy", policy)).isEqualTo(EINVAL);
    }
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x20000)).isEqualTo(EIO);
    assertThat(g.out.number("error")).isEqualTo(7);
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x30000, "flags", 1)).isEqualTo(EINVAL);
    assertThat(g.op("SNP_LAUNCH_UPDATE")).isEqualTo(EINVAL);
    assertThat(g.op("SNP_LAUNCH_FINISH")).isEqualTo(EINVAL);
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x30000)).isZero();
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x30000)).isEqualTo(EINVAL);
  }

  @Test
  void launchUpdateKeepsWhatItDid() {
    Machine m = new Machine();
    Guest g = m.snp();
    assertThat(g.op("SNP_LAUNCH_UPDATE", "len", 100, "type", 1)).isEqualTo(EINVAL);
    assertThat(g.update(0, 1, 2)).isEqualTo(EINVAL);
    assertThat(g.update(0, 1, 7)).isEqualTo(EINVAL);
    assertThat(g.update(0x100000, 1, 1)).isEqualTo(EINVAL);
    assertThat(g.update(3, 1, 1)).isZero();
    // Page 3 is there already: 0 to 2 are done and that is success; the error comes next time.
    assertThat(g.update(0, 8, 1)).isZero();
    assertThat(g.out.number("gfn_start")).isEqualTo(3);
    assertThat(g.out.number("len")).isEqualTo(5 << 12);
    assertThat(g.out.has("error")).isFalse();
    assertThat(g.update(3, 5, 1)).isEqualTo(EIO);
    assertThat(g.out.number("error")).isZero();
    // A page that is not private.
    assertThat(m.vmm.setMemoryAttributes(g.vm, 0x9000, 0x1000, 0, 0)).isZero();
    assertThat(g.update(9, 1, 1)).isEqualTo(EIO);
    // The firmware refuses page 11: it goes back, 10 stays, the digest keeps page 10.
    byte[] digest = m.platform().firmware().launch().digest(g.sev().guestContext());
    int[] calls = {0};
    m.interpose((c, _, _, _, _) ->
        c == FwCommand.SNP_LAUNCH_UPDATE && calls[0]++ == 1 ? FwStatus.RESOURCE_LIMIT.code() : 0);
    assertThat(g.update(10, 4, 1)).isZero();
    assertThat(g.out.number("gfn_start")).isEqualTo(11);
    assertThat(m.platform().firmware().launch().digest(g.sev().guestContext()))
        .isNotEqualTo(digest);
    assertThat(g.update(11, 3, 1)).isZero();
    assertThat(m.platform().host().leakedPages()).isZero();
    calls[0] = 1;
    assertThat(g.update(20, 1, 1)).isEqualTo(EIO);
    assertThat(g.out.number("error")).isEqualTo(0x17);
  }

  private static boolean updates(TrustedCall call) {
    return call.callName().equals("RMPUPDATE");
  }

  @Test
  void correctedCpuidPageComesBackToUserSpace() {
    Machine m = new Machine();
    Guest g = m.snp();
    m.platform()
        .firmware()
        .launch()
        .setCpuidFilter((leaf, subleaf, r) -> {
          boolean good = r[0] == 0;
          r[0] = 0;
          return good;
        });
    assertThat(m.vmm.hostWrite(g.user + 0x5000, 1)).isZero();
    assertThat(m.vmm.hostWrite(g.user + 0x5000 + 40, 9)).isZero();
    assertThat(g.update(5, 1, 6)).isEqualTo(EIO);
    assertThat(g.out.number("error")).isEqualTo(0x16);
    assertThat(m.vmm.hostRead(g.user + 0x5000 + 40)).isZero();
    assertThat(g.update(5, 1, 6)).isZero();
  }

  @Test
  void pagesLeftBehindBlockTheAsid() {
    // Two ASIDs for SEV-ES and SNP: 1 and 2 of eleven.
    Machine m = new Machine("sev-snp.asids", "12");
    Guest g = m.running();
    int asid = g.sev().asid();
    long pfn = java.util.Objects.requireNonNull(m.vmm.vm(g.vm)).context().gmemPfn(0, false);
    long pages = m.platform().rmp().pagesOf(asid);
    assertThat(pages).isPositive();
    assertThat(m.vmm.close(g.vcpu)).isZero();
    assertThat(m.vmm.close(g.vm)).isZero();
    m.check();
    // The open file keeps its VM alive, and with it the context.
    assertThat(m.platform().rmp().pagesOf(asid)).isEqualTo(pages);
    // One page cannot be made shared when its folio is freed: it is warned of and forgotten.
    m.interpose((c, spa, _, _, _) ->
        c instanceof RmpInstruction && spa == pfn << 12 ? RmpCode.FAIL_PERMISSION : 0);
    assertThat(m.vmm.close(g.memfd)).isZero();
    assertThat(m.platform().rmp().pagesOf(asid)).isEqualTo(1);
    assertThat(m.platform().host().leakedPages()).isZero();
    Guest second = m.guest(4);
    assertThat(second.op("INIT2")).isZero();
    Guest third = m.guest(4);
    assertThat(third.op("INIT2")).isZero();
    assertThat(third.sev().asid()).isEqualTo(asid);
    m.interpose(Interposer.NONE);
    assertThat(third.op("SNP_LAUNCH_START", "policy", 0x30000)).isEqualTo(EIO);
    assertThat(third.out.number("error")).isEqualTo(3);
    Guest fourth = m.guest(4);
    assertThat(fourth.op("INIT2")).isEqualTo(-Errno.EBUSY.number());
  }

  @Test
  void persistentOverlapIsReportedAsALivelock() {
    Machine m = new Machine("sev-snp.overlap-retries", "50");
    Guest g = m.running();
    m.interpose((c, _, _, _, _) -> updates(c) ? RmpCode.FAIL_OVERLAP : 0);
    assertThat(g.act(SnpActions.pvalidate(0x5000, false, true))).contains("MEMORY_FAULT");
    assertThat(g.run(read(0, true)).errno()).isEqualTo(Errno.EIO);
    assertThat(m.platform().host().livelocks()).isEqualTo(1);
    assertThat(g.op("SNP_LAUNCH_FINISH")).isEqualTo(EIO);
  }

  @Test
  void realOverlapWithAHugeEntryNeverClears() {
    Machine m = new Machine("sev-snp.overlap-retries", "50");
    Guest g = m.running();
    // A free region that somebody made a 2 MiB entry; KVM updates 4 KiB inside it.
    long head = 1L << 20;
    HostInstructions cpu = new HostInstructions(m.platform().rmp());
    int huge = HostInstructions.ASSIGN | HostInstructions.SIZE_2M;
    assertThat(cpu.rmpupdate(CpuMode.HOST, head << 12, 0, huge, 200)).isZero();
    assertThat(m.platform().host().makeShared(g.sev().context(), head + 1, false))
        .isEqualTo(Errno.EFAULT);
    assertThat(m.platform().host().livelocks()).isEqualTo(1);
    assertThat(g.sev().context().isDead()).isTrue();
  }

  @Test
  void failuresAreCountedWhereTheyLeak() {
    // Where it fails; which errno; how many pages leak; whether the VM is dead.
    Machine prepare = new Machine();
    Guest a = prepare.running();
    prepare.interpose((c, _, _, _, _) -> updates(c) ? RmpCode.FAIL_PERMISSION : 0);
    assertThat(a.act(SnpActions.pvalidate(0x5000, false, true))).contains("MEMORY_FAULT");
    assertThat(prepare.platform().host().leakedPages()).isZero();
    // Freeing a page that cannot be made shared only warns: it goes back assigned.
    assertThat(prepare.vmm.fallocate(a.memfd, 3, 0, 0x1000)).isZero();
    assertThat(prepare.platform().host().leakedPages()).isZero();

    Machine start = new Machine();
    Guest b = start.guest(4);
    assertThat(b.op("INIT2")).isZero();
    start.interpose((c, _, _, _, _) ->
        c == FwCommand.SNP_GCTX_CREATE || c == FwCommand.SNP_PAGE_RECLAIM
            ? FwStatus.HWERROR_PLATFORM.code()
            : 0);
    assertThat(b.op("SNP_LAUNCH_START", "policy", 0x30000)).isEqualTo(-25);
    assertThat(start.platform().host().leakedPages()).isEqualTo(1);

    Machine update = new Machine();
    Guest c = update.snp();
    update.interpose((f, _, _, _, _) ->
        f == FwCommand.SNP_LAUNCH_UPDATE || f == FwCommand.SNP_PAGE_RECLAIM
            ? FwStatus.HWERROR_PLATFORM.code()
            : 0);
    assertThat(c.update(0, 1, 1)).isEqualTo(EIO);
    assertThat(update.platform().host().leakedPages()).isEqualTo(1);
    assertThat(c.update(0, 1, 1)).as("the VM is dead").isEqualTo(EIO);
    assertThat(update.vmm.createVcpu(c.vm, 1)).isEqualTo(EIO);

    Machine vmsa = new Machine();
    Guest d = vmsa.running();
    vmsa.interpose((i, _, _, _, _) -> updates(i) ? RmpCode.FAIL_PERMISSION : 0);
    d.close();
    // The VMSA, and two pages that the firmware gave back but the RMP keeps: context and response.
    assertThat(vmsa.platform().host().leakedPages()).isEqualTo(3);

    Machine end = new Machine();
    Guest e = end.running();
    end.interpose(
        (f, _, _, _, _) -> f == FwCommand.SNP_DECOMMISSION ? FwStatus.HWERROR_PLATFORM.code() : 0);
    e.close();
    assertThat(end.platform().host().leakedPages()).isEqualTo(1);
  }

  @Test
  void accessWithTheBitOffSeesCiphertextOfAPrivatePage() {
    Machine m = new Machine();
    Guest g = m.running();
    assertThat(g.act(write(0, 0x33, true))).isEqualTo("HLT -1");
    // The page is mapped, so a read with C=0 needs nothing of KVM and the RMP lets it pass.
    String cipher = g.act(read(0, false));
    assertThat(cipher).startsWith("HLT ").isNotEqualTo("HLT 51");
    assertThat(g.act(read(0, false))).isEqualTo(cipher);
    // A write needs a page of the hypervisor's: #NPF with RMP, which KVM sees as a conversion.
    assertThat(g.act(write(0, 1, false))).isEqualTo("EFAULT MEMORY_FAULT 0 0");
    assertThat(g.act(read(0, true))).isEqualTo("HLT 51");
    // Fetches are encrypted whatever the bit says.
    assertThat(g.act(new GuestAction.Fetch(0, false))).isEqualTo("HLT 51");
    // An unmapped page is not reached at all: the fault comes first.
    assertThat(g.act(read(0x7000, false))).isEqualTo("EFAULT MEMORY_FAULT 0 7000");
  }

  @Test
  void whatAGuestWroteStaysCiphertextWhenItsPagesAreFreed() {
    Machine m = new Machine();
    Guest g = m.running();
    for (int i = 0; i < 16; i++) {
      assertThat(g.act(write(0x100 + i, 0x40 + i, true))).isEqualTo("HLT -1");
    }
    long pfn = java.util.Objects.requireNonNull(m.vmm.vm(g.vm)).context().gmemPfn(0, false);
    byte[] before = new byte[16];
    var host = dev.cocovisor.api.mem.Accessor.HOST_KERNEL;
    assertThat(m.kvm.memory().read(host, (pfn << 12) + 0x100, before, 0, 16)).isEqualTo(Errno.OK);
    g.close();
    byte[] after = new byte[16];
    assertThat(m.kvm.memory().read(host, (pfn << 12) + 0x100, after, 0, 16)).isEqualTo(Errno.OK);
    assertThat(after).isEqualTo(before);
    for (int i = 0; i < 16; i++) {
      assertThat(after[i]).isNotEqualTo((byte) (0x40 + i));
    }
  }

  @Test
  void hostWritesToPrivatePagesFaultAndReadsSeeCiphertext() {
    Machine m = new Machine();
    Guest g = m.running();
    assertThat(g.act(write(0, 0x33, true))).isEqualTo("HLT -1");
    long pfn = java.util.Objects.requireNonNull(m.vmm.vm(g.vm)).context().gmemPfn(0, false);
    var memory = m.kvm.memory();
    byte[] b = {1};
    assertThat(memory.write(dev.cocovisor.api.mem.Accessor.HOST_KERNEL, pfn << 12, b, 0, 1))
        .isEqualTo(Errno.EFAULT);
    assertThat(memory.check(dev.cocovisor.api.mem.Accessor.HOST_KERNEL, pfn, false))
        .isEqualTo(dev.cocovisor.api.mem.PhysicalGuard.Verdict.CIPHER);
    assertThat(memory.directMap().isSplit(pfn)).isTrue();
    assertThat(g.act(read(0, true))).isEqualTo("HLT 51");
  }

  @Test
  void mapMemoryIsRefusedUnlessAllowed() {
    Machine refuse = new Machine();
    assertThat(refuse.vmm.mapMemory(refuse.running().vcpu, 0, new long[] {0x5000, 4096}))
        .isEqualTo(-Errno.EOPNOTSUPP.number());
    Machine allow = new Machine("sev-snp.map-memory", "allow");
    assertThat(allow.vmm.mapMemory(allow.running().vcpu, 0, new long[] {0x5000, 4096})).isZero();
  }

  @Test
  void settingsAreChecked() {
    assertThat(new SevBackend().info().settings()).hasSize(7);
    org.assertj.core.api.Assertions.assertThatThrownBy(
            () -> new Machine("sev-snp.migration", "maybe").guest(4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("merged or bitmap or cap");
  }
}
