package dev.cocovisor.snp.rules;

import static dev.cocovisor.snp.rules.Preamble.USER;

import dev.cocovisor.snp.rules.RuleTable.Stage;
import java.util.List;
import java.util.stream.Stream;

/**
 * The order of checks of KVM_MEMORY_ENCRYPT_OP, read off {@code arch/x86/kvm/svm/sev.c} of Linux
 * 7.3, function by function. What the firmware answers is AMD's document as {@code
 * include/linux/psp-sev.h} numbers it.
 */
final class SevRules {
  private static final String ENOTTY = "ENOTTY";
  private static final String EINVAL = "EINVAL";
  private static final String EFAULT = "EFAULT";
  private static final String ENOMEM = "ENOMEM";
  private static final String EBADF = "EBADF";
  private static final String EIO = "EIO";

  /** An address that nothing is mapped at. */
  private static final long NOWHERE = 0x7e00_0000_0000L;

  private static final String DEBUGGED = "ioctl(5, KVM_SET_GUEST_DEBUG, {control=1}) = 0\n";

  private static final String BREAKPOINT = "ioctl(5, KVM_SET_DEBUGREGS, {dr7=0x401}) = 0\n";

  private static final long TOO_LONG = 0x5000;

  private SevRules() {}

  static List<RuleTable> all() {
    return Stream.of(commands(), IoctlRules.all(), ExitRules.all()).flatMap(List::stream).toList();
  }

  static List<RuleTable> commands() {
    return List.of(
        snpStart(),
        snpUpdate(),
        snpFinish(),
        init2(),
        esInit2(),
        launchStart(),
        updateData(),
        updateVmsa(),
        measure(),
        secret(),
        launchFinish(),
        status(),
        debug(),
        sendStart(),
        sendUpdate(),
        attestation(),
        step("SEND_FINISH", "sev_send_finish", Stage.RUNNING, "it is not being sent"),
        step("SEND_CANCEL", "sev_send_cancel", Stage.RUNNING, "it is not being sent"),
        step("RECEIVE_FINISH", "sev_receive_finish", Stage.STARTED, "it is not being received"),
        receiveStart(),
        receiveUpdate());
  }

  private static RuleTable snpStart() {
    return new RuleTable(
            "SNP_LAUNCH_START", "snp_launch_start, snp_context_create", "SNP", Stage.INITIALIZED)
        .good("policy", 0x30000)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .when("there is a context already", Stage.STARTED, EINVAL)
        .wrong("flags are set", EINVAL, "flags", 1)
        .wrong("a policy bit is not supported", EINVAL, "policy", 0x70000)
        .wrong("policy bit 17 is 0", EINVAL, "policy", 0x10000)
        .firmware("policy bit 16 is 0 and SMT is on", 7, "policy", 0x20000)
        .firmware("the policy asks for a newer ABI", 7, "policy", 0x3ff00);
  }

  private static RuleTable snpUpdate() {
    return new RuleTable(
            "SNP_LAUNCH_UPDATE",
            "snp_launch_update, kvm_gmem_populate, sev_gmem_post_populate",
            "SNP",
            Stage.STARTED)
        .good("gfn_start", 1, "uaddr", USER + 0x1000, "len", 0x1000, "type", 1)
        .when("no INIT2 yet", Stage.CREATED, EINVAL)
        .when("no context yet", Stage.INITIALIZED, EINVAL)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("len is 0", EINVAL, "len", 0)
        .wrong("len is no whole pages", EINVAL, "len", 0x1800)
        .wrong("flags are set", EINVAL, "flags", 1)
        .wrong("no type has number 0", EINVAL, "type", 0)
        .wrong("a VMSA is not user space's", EINVAL, "type", 2)
        .wrong("no type has number 7", EINVAL, "type", 7)
        .wrong("no source", EINVAL, "uaddr", 0)
        .wrong("the source is not aligned", EINVAL, "uaddr", USER + 0x1800)
        .wrong("no slot holds the page", EINVAL, "gfn_start", 0x10_0000)
        .wrong("the source is not mapped", EIO, "uaddr", NOWHERE)
        .wrong("the page is shared", EIO, "gfn_start", 0x380)
        .wrong("the page is assigned already", EIO, "gfn_start", 0)
        .firmwareWhen("the launch is over", Stage.RUNNING, 2);
  }

  private static RuleTable snpFinish() {
    long block = USER + 0x8000;
    return new RuleTable(
            "SNP_LAUNCH_FINISH", "snp_launch_finish, snp_launch_update_vmsa", "SNP", Stage.STARTED)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .when("no context yet", Stage.INITIALIZED, EINVAL)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("flags are set", EINVAL, "flags", 1)
        .when("the vCPUs are encrypted already", Stage.RUNNING, EINVAL)
        .after("the vCPU is debugged", DEBUGGED, EINVAL)
        .after("its DR7 has a breakpoint", BREAKPOINT, EINVAL)
        .wrong("no identity block", EINVAL, "id_block_en", 1, "id_block_uaddr", 0)
        .wrong(
            "the identity block is not mapped", EFAULT, "id_block_en", 1, "id_block_uaddr", NOWHERE)
        .wrong(
            "no authentication page",
            EINVAL,
            "id_block_en",
            1,
            "id_block_uaddr",
            block,
            "id_auth_uaddr",
            0)
        .wrong(
            "the authentication page is not mapped",
            EFAULT,
            "id_block_en",
            1,
            "id_block_uaddr",
            block,
            "id_auth_uaddr",
            NOWHERE)
        .firmware(
            "the block's algorithm is not known",
            0x16,
            "id_block_en",
            1,
            "id_block_uaddr",
            block,
            "id_auth_uaddr",
            block);
  }

  private static RuleTable init2() {
    return new RuleTable(
            "INIT2", "sev_mem_enc_ioctl, sev_guest_init2, __sev_guest_init", "SNP", Stage.CREATED)
        .when("SNP is active already", Stage.INITIALIZED, "EPERM")
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .when("there is a vCPU", Stage.CROWDED, EINVAL)
        .wrong("flags are set", EINVAL, "flags", 1)
        .wrong("a feature is not offered", EINVAL, "vmsa_features", 2)
        .wrong("SNP_ACTIVE is KVM's to set", EINVAL, "vmsa_features", 1)
        .wrong("no such GHCB version", EINVAL, "ghcb_version", 3)
        .wrong("SNP needs GHCB version 2", EINVAL, "ghcb_version", 1);
  }

  private static RuleTable esInit2() {
    return new RuleTable("INIT2", "sev_guest_init2, __sev_guest_init", "SEV_ES", Stage.CREATED)
        .when("it was initialised already", Stage.INITIALIZED, EINVAL)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .when("there is a vCPU", Stage.CROWDED, EINVAL)
        .wrong("flags are set", EINVAL, "flags", 1)
        .wrong("a feature is not offered", EINVAL, "vmsa_features", 2)
        .wrong("secure TSC is SNP's", EINVAL, "vmsa_features", 0x200)
        .wrong("no such GHCB version", EINVAL, "ghcb_version", 3);
  }

  private static RuleTable launchStart() {
    return new RuleTable(
            "LAUNCH_START", "sev_launch_start, sev_bind_asid", "SEV_ES", Stage.INITIALIZED)
        .good("policy", 4)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("the certificate has no length", EINVAL, "dh_uaddr", USER, "dh_len", 0)
        .wrong("the certificate is too long", EINVAL, "dh_uaddr", USER, "dh_len", TOO_LONG)
        .wrong("the certificate is not mapped", EFAULT, "dh_uaddr", NOWHERE, "dh_len", 16)
        .wrong("the session is too long", EINVAL, "session_uaddr", USER, "session_len", TOO_LONG)
        .wrong("the session is not mapped", EFAULT, "session_uaddr", NOWHERE, "session_len", 16)
        .firmwareWhen("the ASID has a guest", Stage.STARTED, 0xc);
  }

  private static RuleTable updateData() {
    return new RuleTable(
            "LAUNCH_UPDATE_DATA", "sev_launch_update_data, sev_pin_memory", "SEV", Stage.STARTED)
        .good("uaddr", USER + 0x1000, "len", 0x1000)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("len is 0", EINVAL, "len", 0)
        .wrong("the range wraps around", EINVAL, "uaddr", -0x800L, "len", 0x1000)
        .wrong("a page cannot be pinned", ENOMEM, "uaddr", NOWHERE)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .firmwareWhen("the guest was measured", Stage.MEASURED, 2)
        .firmwareWhen("the guest runs", Stage.RUNNING, 2)
        .firmware("no whole blocks", 4, "len", 0x18)
        .firmware("not aligned to a block", 9, "uaddr", USER + 0x1008, "len", 0x10);
  }

  private static RuleTable updateVmsa() {
    return new RuleTable(
            "LAUNCH_UPDATE_VMSA",
            "sev_launch_update_vmsa, sev_es_sync_vmsa",
            "SEV_ES",
            Stage.STARTED)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .after("the vCPU is debugged", DEBUGGED, EINVAL)
        .after("its DR7 has a breakpoint", BREAKPOINT, EINVAL)
        .when("the vCPUs are encrypted already", Stage.MEASURED, EINVAL)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF);
  }

  private static RuleTable measure() {
    return new RuleTable("LAUNCH_MEASURE", "sev_launch_measure", "SEV", Stage.STARTED)
        .good("uaddr", USER + 0x8000, "len", 48)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("more than a blob", EINVAL, "len", TOO_LONG)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .firmware("a query", 4, "len", 0)
        .firmware("too short", 4, "len", 47)
        .firmwareWhen("measured already", Stage.MEASURED, 2)
        .wrong("the buffer is not mapped", EFAULT, "uaddr", NOWHERE);
  }

  private static RuleTable secret() {
    return new RuleTable("LAUNCH_SECRET", "sev_launch_secret", "SEV", Stage.MEASURED)
        .good(
            "guest_uaddr",
            USER + 0x2000,
            "guest_len",
            16,
            "trans_uaddr",
            USER + 0x3000,
            "trans_len",
            16,
            "hdr_uaddr",
            USER + 0x4000,
            "hdr_len",
            52)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("no length", EINVAL, "guest_len", 0)
        .wrong("a page cannot be pinned", ENOMEM, "guest_uaddr", NOWHERE)
        .wrong("no packet", EINVAL, "trans_uaddr", 0)
        .wrong("the packet is too long", EINVAL, "trans_len", TOO_LONG)
        .wrong("the packet is not mapped", EFAULT, "trans_uaddr", NOWHERE)
        .wrong("no header", EINVAL, "hdr_uaddr", 0)
        .wrong("the header is not mapped", EFAULT, "hdr_uaddr", NOWHERE)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .firmwareWhen("not measured yet", Stage.STARTED, 2)
        .firmwareWhen("the guest runs", Stage.RUNNING, 2);
  }

  private static RuleTable launchFinish() {
    return new RuleTable("LAUNCH_FINISH", "sev_launch_finish", "SEV", Stage.MEASURED)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .firmwareWhen("not measured yet", Stage.STARTED, 2)
        .firmwareWhen("it runs already", Stage.RUNNING, 2);
  }

  private static RuleTable status() {
    return new RuleTable("GUEST_STATUS", "sev_guest_status", "SEV", Stage.STARTED)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .wrong("data of the command is not mapped", EFAULT, "data", 0);
  }

  private static RuleTable attestation() {
    return new RuleTable(
            "GET_ATTESTATION_REPORT", "sev_get_attestation_report", "SEV", Stage.RUNNING)
        .good("uaddr", USER + 0x8000, "len", 0x1000)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("more than a blob", EINVAL, "len", TOO_LONG)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .firmware("a query", 4, "len", 0)
        .wrong("the buffer is not mapped", EFAULT, "uaddr", NOWHERE);
  }

  /** A command without arguments, whose data nobody reads. */
  private static RuleTable step(String command, String function, Stage at, String refused) {
    return new RuleTable(command, function, "SEV", at)
        .good("data", 0)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .lastly(refused, 2);
  }

  private static RuleTable debug() {
    return new RuleTable("DBG_DECRYPT", "sev_dbg_crypt", "SEV", Stage.RUNNING)
        .good("src_uaddr", USER, "dst_uaddr", USER + 0x9000, "len", 16)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("no length", EINVAL, "len", 0)
        .wrong("no source", EINVAL, "src_uaddr", 0)
        .wrong("no destination", EINVAL, "dst_uaddr", 0)
        .wrong("the source wraps around", EINVAL, "src_uaddr", -8L)
        .wrong("the destination wraps around", EINVAL, "dst_uaddr", -8L)
        .wrong("the source cannot be pinned", ENOMEM, "src_uaddr", NOWHERE)
        .wrong("the destination cannot be pinned", ENOMEM, "dst_uaddr", NOWHERE)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF);
  }

  private static RuleTable sendStart() {
    return new RuleTable("SEND_START", "sev_send_start", "SEV", Stage.RUNNING)
        .good(
            "pdh_cert_uaddr",
            USER + 0x2000,
            "pdh_cert_len",
            16,
            "plat_certs_uaddr",
            USER + 0x2000,
            "plat_certs_len",
            16,
            "amd_certs_uaddr",
            USER + 0x2000,
            "amd_certs_len",
            16,
            "session_uaddr",
            USER + 0x3000,
            "session_len",
            128)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("no certificate", EINVAL, "pdh_cert_uaddr", 0)
        .wrong("the certificate has no length", EINVAL, "pdh_cert_len", 0)
        .wrong("no session", EINVAL, "session_uaddr", 0)
        .wrong("the session is too long", EINVAL, "session_len", TOO_LONG)
        .wrong("the certificate is not mapped", EFAULT, "pdh_cert_uaddr", NOWHERE)
        .wrong("no platform certificates", EINVAL, "plat_certs_uaddr", 0)
        .wrong("the platform's are not mapped", EFAULT, "plat_certs_uaddr", NOWHERE)
        .wrong("no certificates of AMD's", EINVAL, "amd_certs_uaddr", 0)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .firmwareWhen("it does not run yet", Stage.MEASURED, 2);
  }

  private static RuleTable sendUpdate() {
    return new RuleTable("SEND_UPDATE_DATA", "sev_send_update_data", "SEV", Stage.RUNNING)
        .good(
            "hdr_uaddr",
            USER + 0x2000,
            "hdr_len",
            52,
            "guest_uaddr",
            USER,
            "guest_len",
            16,
            "trans_uaddr",
            USER + 0x3000,
            "trans_len",
            16)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("no packet", EINVAL, "trans_uaddr", 0)
        .wrong("no guest address", EINVAL, "guest_uaddr", 0)
        .wrong("no length", EINVAL, "guest_len", 0)
        .wrong("no header", EINVAL, "hdr_uaddr", 0)
        .wrong("more than a page", EINVAL, "guest_len", 0x1010)
        .wrong("across a page", EINVAL, "guest_uaddr", USER + 0xff8)
        .wrong("the page cannot be pinned", ENOMEM, "guest_uaddr", NOWHERE)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .lastly("the guest is not being sent", 2);
  }

  private static RuleTable receiveStart() {
    return new RuleTable("RECEIVE_START", "sev_receive_start", "SEV", Stage.INITIALIZED)
        .good(
            "pdh_uaddr",
            USER + 0x2000,
            "pdh_len",
            16,
            "session_uaddr",
            USER + 0x3000,
            "session_len",
            128)
        .when("no INIT2 yet", Stage.CREATED, ENOTTY)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("no certificate", EINVAL, "pdh_uaddr", 0)
        .wrong("the certificate has no length", EINVAL, "pdh_len", 0)
        .wrong("no session", EINVAL, "session_uaddr", 0)
        .wrong("the session has no length", EINVAL, "session_len", 0)
        .wrong("the certificate is too long", EINVAL, "pdh_len", TOO_LONG)
        .wrong("the certificate is not mapped", EFAULT, "pdh_uaddr", NOWHERE)
        .wrong("the session is too long", EINVAL, "session_len", TOO_LONG)
        .wrong("the session is not mapped", EFAULT, "session_uaddr", NOWHERE)
        .lastly("the blob is no session", 0xb);
  }

  private static RuleTable receiveUpdate() {
    return new RuleTable("RECEIVE_UPDATE_DATA", "sev_receive_update_data", "SEV", Stage.STARTED)
        .good(
            "hdr_uaddr",
            USER + 0x2000,
            "hdr_len",
            52,
            "guest_uaddr",
            USER,
            "guest_len",
            16,
            "trans_uaddr",
            USER + 0x3000,
            "trans_len",
            16)
        .when("no INIT2 yet: EINVAL here alone", Stage.CREATED, EINVAL)
        .wrong("data of the command is not mapped", EFAULT, "data", 0)
        .wrong("no header", EINVAL, "hdr_uaddr", 0)
        .wrong("no guest address", EINVAL, "guest_uaddr", 0)
        .wrong("no packet", EINVAL, "trans_uaddr", 0)
        .wrong("across a page", EINVAL, "guest_uaddr", USER + 0xff8)
        .wrong("the header is not mapped", EFAULT, "hdr_uaddr", NOWHERE)
        .wrong("the packet is too long", EINVAL, "trans_len", TOO_LONG)
        .wrong("the packet is not mapped", EFAULT, "trans_uaddr", NOWHERE)
        .wrong("the page cannot be pinned", ENOMEM, "guest_uaddr", NOWHERE)
        .when("no file of /dev/sev yet", Stage.INITIALIZED, EBADF)
        .lastly("the guest is not being received", 2);
  }
}
