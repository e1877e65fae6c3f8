package dev.cocovisor.snp.rules;

import static dev.cocovisor.snp.rules.RuleTable.ABSENT;

import dev.cocovisor.snp.rules.RuleTable.Stage;
import java.util.List;

/**
 * The order of checks of VMGEXIT with a GHCB, read off {@code arch/x86/kvm/svm/sev.c} of Linux 7.3:
 * sev_handle_vmgexit, sev_es_are_required_ghcb_fields_valid, and what each event asks then.
 */
final class ExitRules {
  private static final String VMGEXIT = "guest_vmgexit(5, {";
  private static final long GHCB = 0x30_1000;
  private static final long BUFFER = GHCB + 0x800;

  /** Shared memory, but not the GHCB's page. */
  private static final long ELSEWHERE = 0x30_6000;

  /** A guest-physical address that no slot holds. */
  private static final long NO_SLOT = 0xc000_0000L;

  private static final int REGISTERED = 1;
  private static final int USAGE = 2;
  private static final int SCRATCH = 3;
  private static final int MISSING = 4;
  private static final int INPUT = 5;
  private static final int EVENT = 6;

  private static final String NOTHING = ") = 0 (KVM_EXIT_HLT)";
  private static final String DONE = ") = 0 (KVM_EXIT_HLT, exitinfo1=0, exitinfo2=0)";
  private static final String EIO = ") = -1 EIO (KVM_EXIT_UNKNOWN)";
  private static final String EINVAL = ") = -1 EINVAL (KVM_EXIT_UNKNOWN)";
  private static final String EFAULT = ") = -1 EFAULT (KVM_EXIT_UNKNOWN)";

  private ExitRules() {}

  static List<RuleTable> all() {
    return List.of(
        mmio(),
        firstMmio(),
        stringIo(),
        firstStringIo(),
        output(),
        pageState(),
        notSnp(),
        apCreation(),
        guestRequest(),
        extendedRequest(),
        hypercall(),
        jumpTable(),
        terminate(),
        cpuid(),
        writeMsr(),
        monitor());
  }

  private static String told(int how) {
    return ") = 0 (KVM_EXIT_HLT, exitinfo1=2, exitinfo2=" + how + ")";
  }

  private static String rax(long value) {
    return ") = 0 (KVM_EXIT_HLT, rax=0x" + Long.toHexString(value) + ")";
  }

  private static RuleTable snp(String event, String functions, long code, Stage stage) {
    RuleTable t =
        new RuleTable("VMGEXIT " + event, VMGEXIT, "sev_handle_vmgexit" + functions, "SNP", stage);
    return t.good("ghcb", GHCB, "exit_code", code, "exitinfo1", 0, "exitinfo2", 0)
        .ends("there is no memory behind the GHCB", NOTHING, "ghcb", NO_SLOT)
        .endsWhen("the GHCB is not registered", Stage.RUNNING, told(REGISTERED))
        .ends("usage is not 0", told(USAGE), "usage", 1)
        .ends("no SW_EXITCODE", told(MISSING), "exit_code", ABSENT)
        .ends("no SW_EXITINFO1", told(MISSING), "exitinfo1", ABSENT)
        .ends("no SW_EXITINFO2", told(MISSING), "exitinfo2", ABSENT);
  }

  private static RuleTable es(String event, String functions, long code) {
    RuleTable t =
        new RuleTable(
            "VMGEXIT " + event, VMGEXIT, "sev_handle_vmgexit" + functions, "SEV_ES", Stage.RUNNING);
    return t.good("ghcb", GHCB, "exit_code", code, "exitinfo1", 0, "exitinfo2", 0)
        .ends("there is no GHCB", NOTHING, "ghcb", 0)
        .ends("usage is not 0", told(USAGE), "usage", 1);
  }

  private static RuleTable scratch(RuleTable t) {
    return t.ends("the scratch area is at 0", told(SCRATCH), "scratch", 0)
        .ends("it wraps around", told(SCRATCH), "scratch", -1L)
        .ends("it begins before the shared buffer", told(SCRATCH), "scratch", BUFFER - 1)
        .ends("it ends behind the shared buffer", told(SCRATCH), "scratch", GHCB + 0xfed);
  }

  private static RuleTable mmio() {
    RuleTable t =
        snp("MMIO_READ", ", setup_vmgexit_scratch", 0x8000_0001L, Stage.REGISTERED)
            .good("exitinfo1", NO_SLOT, "exitinfo2", 4, "scratch", BUFFER)
            .good(
                "4 bytes are read",
                ") = 0 (KVM_EXIT_MMIO, phys_addr=0xc0000000, len=4, is_write=0)")
            .ends("no SW_SCRATCH", told(MISSING), "scratch", ABSENT)
            .ends("no bytes", DONE, "exitinfo2", 0)
            .ends("more than 8 bytes", told(INPUT), "exitinfo2", 9);
    return scratch(t).ends("it is not in the GHCB", told(SCRATCH), "scratch", ELSEWHERE);
  }

  /** Version 1 of the protocol: areas outside the GHCB, and longer ones. */
  private static RuleTable firstMmio() {
    RuleTable t =
        es("MMIO_WRITE version 1", ", setup_vmgexit_scratch", 0x8000_0002L)
            .withFirstVersion()
            .good("exitinfo1", NO_SLOT, "exitinfo2", 12, "scratch", ELSEWHERE)
            .good(
                "12 bytes are written",
                ") = 0 (KVM_EXIT_MMIO, phys_addr=0xc0000000, len=8, is_write=1)")
            .ends("no SW_EXITINFO1", told(MISSING), "exitinfo1", ABSENT)
            .ends("no SW_SCRATCH", told(MISSING), "scratch", ABSENT)
            .ends("no bytes", DONE, "exitinfo2", 0);
    return scratch(t)
        .ends("more than 16 pages", told(SCRATCH), "exitinfo2", 0x10001)
        .ends("it cannot be read", EFAULT, "scratch", NO_SLOT);
  }

  private static RuleTable stringIo() {
    RuleTable t =
        snp(
                "string IO",
                ", sev_es_string_io, setup_vmgexit_scratch; svm.c, io_interception",
                0x7b,
                Stage.REGISTERED)
            .good("exitinfo1", 0x3f80015, "exitinfo2", 16, "scratch", BUFFER)
            .good(
                "16 bytes are read",
                ") = 0 (KVM_EXIT_IO, direction=0, size=1, port=0x3f8, count=16)")
            .ends("no SW_SCRATCH", told(MISSING), "scratch", ABSENT)
            .ends("elements of no size", DONE, "exitinfo1", 0x3f80005)
            .ends("more elements than an int counts", EINVAL, "exitinfo2", 1L << 31)
            .ends(
                "more bytes than an int counts",
                EINVAL,
                "exitinfo1",
                0x3f80045,
                "exitinfo2",
                1L << 29)
            .ends("no elements", DONE, "exitinfo2", 0);
    return scratch(t)
        .ends("it is not in the GHCB", told(SCRATCH), "scratch", ELSEWHERE)
        .ends("more than the buffer holds", told(SCRATCH), "exitinfo2", 2033);
  }

  private static RuleTable firstStringIo() {
    RuleTable t =
        es(
                "string IO version 1",
                ", sev_es_string_io, setup_vmgexit_scratch; svm.c, io_interception",
                0x7b)
            .withFirstVersion()
            .good("exitinfo1", 0x3f80014, "exitinfo2", 16, "scratch", ELSEWHERE)
            .good(
                "16 bytes are written",
                ") = 0 (KVM_EXIT_IO, direction=1, size=1, port=0x3f8, count=16)")
            .ends("no SW_EXITINFO1", told(MISSING), "exitinfo1", ABSENT)
            .ends("no SW_SCRATCH", told(MISSING), "scratch", ABSENT)
            .ends("more elements than an int counts", EINVAL, "exitinfo2", 1L << 31)
            .ends("no elements", DONE, "exitinfo2", 0);
    return scratch(t)
        .ends("more than 16 pages", told(SCRATCH), "exitinfo2", 0x10001)
        .ends("it cannot be read", EFAULT, "scratch", NO_SLOT);
  }

  private static RuleTable output() {
    return snp("output", "; svm.c, io_interception", 0x7b, Stage.REGISTERED)
        .good("exitinfo1", 0x3f80010, "rax", 0x41)
        .good("a byte", ") = 0 (KVM_EXIT_IO, direction=1, size=1, port=0x3f8, count=1)")
        .ends("no RAX", told(MISSING), "rax", ABSENT)
        .ends("nothing of no size", DONE, "exitinfo1", 0x3f80000);
  }

  private static RuleTable pageState() {
    return snp("PSC", ", setup_vmgexit_scratch, snp_begin_psc", 0x8000_0010L, Stage.HEARD)
        .good("scratch", BUFFER, "end_entry", 0, "entries", entry("gfn=0x200, op=2, size=0"))
        .good(
            "one page",
            ") = 0 (KVM_EXIT_HYPERCALL, nr=KVM_HC_MAP_GPA_RANGE, args={0x200000, 0x1, 0x0})")
        .ends("no SW_SCRATCH", told(MISSING), "scratch", ABSENT)
        .ends("the scratch area is at 0", told(SCRATCH), "scratch", 0)
        .ends("it wraps around", told(SCRATCH), "scratch", -1L)
        .ends("it begins before the shared buffer", told(SCRATCH), "scratch", BUFFER - 1)
        .ends("it has no room for the header", told(SCRATCH), "scratch", GHCB + 0xfe9)
        .ends("it is not in the GHCB", told(SCRATCH), "scratch", ELSEWHERE)
        .endsWhen(
            "user space takes no hypercalls",
            Stage.REGISTERED,
            ") = 0 (KVM_EXIT_HLT, exitinfo2=0x10000000000)")
        .ends(
            "more entries than the buffer holds",
            ") = 0 (KVM_EXIT_HLT, exitinfo2=0x100000001)",
            "end_entry",
            253)
        .ends(
            "an entry's page is not aligned to its size",
            ") = 0 (KVM_EXIT_HLT, exitinfo2=0x100000002)",
            "entries",
            entry("gfn=0x201, op=2, size=1"))
        .ends(
            "no such operation",
            ") = 0 (KVM_EXIT_HLT, exitinfo2=0)",
            "entries",
            entry("gfn=0x200, op=3, size=0"));
  }

  private static String entry(String fields) {
    return "[{" + fields + ", cur_page=0}]";
  }

  /** What is SNP's alone is no event of others, whatever its fields are. */
  private static RuleTable notSnp() {
    return es("PSC", ", is_snp_only_vmgexit", 0x8000_0010L)
        .good("scratch", BUFFER)
        .good("an event of SNP's", told(EVENT))
        .ends("no SW_EXITINFO1", told(EVENT), "exitinfo1", ABSENT)
        .ends("no SW_SCRATCH", told(EVENT), "scratch", ABSENT);
  }

  private static RuleTable apCreation() {
    return snp("AP_CREATION", ", sev_snp_ap_creation", 0x8000_0013L, Stage.REGISTERED)
        .good("exitinfo1", 1, "exitinfo2", 0x1000, "rax", 1)
        .good("created", DONE)
        .ends("it is taken away, which asks for no more", DONE, "exitinfo1", 2)
        .ends("no RAX", told(MISSING), "rax", ABSENT)
        .ends("no vCPU has the APIC id", told(INPUT), "exitinfo1", 5L << 32 | 1)
        .ends("no such request", told(INPUT), "exitinfo1", 3)
        .ends("features are not the VM's", told(INPUT), "rax", 0)
        .ends("the address is no page", told(INPUT), "exitinfo2", 0x1800)
        .ends(
            "the address has more bits than a vCPU without CPUID",
            told(INPUT),
            "exitinfo2",
            1L << 36 | 0x1000)
        .ends("the address is aligned to 2 MiB", told(INPUT), "exitinfo2", 0x20_0000);
  }

  private static RuleTable requests(RuleTable t) {
    return t.good("exitinfo1", 0x30_4000, "exitinfo2", 0x30_5000)
        .ends("the request is no page", told(INPUT), "exitinfo1", 0x30_4008)
        .ends("the response is no page", told(INPUT), "exitinfo2", 0x30_5008)
        .ends(
            "request and response are one page",
            told(INPUT),
            "exitinfo1",
            0x30_4000,
            "exitinfo2",
            0x30_4000)
        .ends("the request cannot be read", EIO, "exitinfo1", NO_SLOT);
  }

  private static RuleTable guestRequest() {
    RuleTable t = snp("GUEST_REQUEST", ", snp_handle_guest_req", 0x8000_0011L, Stage.REGISTERED);
    return requests(t)
        .good("answered", DONE)
        .ends("the response cannot be written", EIO, "exitinfo2", NO_SLOT + 0x1000);
  }

  private static RuleTable extendedRequest() {
    RuleTable t =
        snp("EXT_GUEST_REQUEST", ", snp_handle_ext_guest_req", 0x8000_0012L, Stage.REGISTERED)
            .with("host_write(0x7f0000304034, 5) = 0\n");
    return requests(t)
        .good("rax", 0x30_6000, "rbx", 1)
        .good("answered", DONE)
        .ends("no RAX", told(INPUT), "rax", ABSENT)
        .ends("no RBX", told(INPUT), "rbx", ABSENT)
        .ends("RAX is no page", told(INPUT), "rax", 0x30_6008)
        .ends("the empty list cannot be written", EIO, "rax", NO_SLOT)
        .ends("the response cannot be written", EIO, "exitinfo2", NO_SLOT + 0x1000);
  }

  private static RuleTable hypercall() {
    return snp("VMMCALL", "; x86.c, ____kvm_emulate_hypercall", 0x81, Stage.HEARD)
        .good("rax", 12, "cpl", 0, "rbx", 0x20_0000, "rcx", 1, "rdx", 0)
        .good(
            "MAP_GPA_RANGE",
            ") = 0 (KVM_EXIT_HYPERCALL, nr=KVM_HC_MAP_GPA_RANGE, args={0x200000, 0x1, 0x0},"
                + " flags=1)")
        .ends("no RAX", told(MISSING), "rax", ABSENT)
        .ends("no CPL", told(MISSING), "cpl", ABSENT)
        .ends("not the guest's kernel", rax(-1), "cpl", 3)
        .ends("no such hypercall", rax(-1000), "rax", 99)
        .endsWhen("user space takes no hypercalls", Stage.REGISTERED, rax(-1000))
        .ends("the address is no page", rax(-22), "rbx", 0x20_0800)
        .ends("no pages", rax(-22), "rcx", 0)
        .ends("the pages wrap around", rax(-22), "rcx", -1L);
  }

  private static RuleTable jumpTable() {
    return snp("AP_JUMP_TABLE", "", 0x8000_0005L, Stage.REGISTERED)
        .good("it is set", DONE)
        .ends("neither set nor asked for", told(INPUT), "exitinfo1", 2);
  }

  private static RuleTable terminate() {
    return snp("TERM_REQUEST", "", 0x8000_fffeL, Stage.REGISTERED)
        .good("it ends", ") = 0 (KVM_EXIT_SYSTEM_EVENT, type=6, ndata=1, data[0]=0x301000)");
  }

  private static RuleTable cpuid() {
    return snp("CPUID", ", sev_es_are_required_ghcb_fields_valid", 0x72, Stage.REGISTERED)
        .good("rax", 1, "rcx", 0)
        .good("emulated", DONE)
        .ends("no RAX", told(MISSING), "rax", ABSENT)
        .ends("no RCX", told(MISSING), "rcx", ABSENT)
        .ends("leaf 0xd without XCR0", told(MISSING), "rax", 0xd);
  }

  private static RuleTable writeMsr() {
    return snp("WRMSR", ", sev_es_are_required_ghcb_fields_valid", 0x7c, Stage.REGISTERED)
        .good("exitinfo1", 1, "rax", 0, "rcx", 0x10, "rdx", 0)
        .good("emulated", DONE)
        .ends("no RCX", told(MISSING), "rcx", ABSENT)
        .ends("no RAX", told(MISSING), "rax", ABSENT)
        .ends("no RDX", told(MISSING), "rdx", ABSENT);
  }

  private static RuleTable monitor() {
    return snp("MONITOR", ", sev_es_are_required_ghcb_fields_valid", 0x8a, Stage.REGISTERED)
        .good("rax", 0, "rcx", 0, "rdx", 0)
        .good("emulated", DONE)
        .ends("no RAX", told(MISSING), "rax", ABSENT)
        .ends("no RCX", told(MISSING), "rcx", ABSENT)
        .ends("no RDX", told(MISSING), "rdx", ABSENT);
  }
}
