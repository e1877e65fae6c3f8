package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.snp.kvm.Machine.Guest;
import org.junit.jupiter.api.Test;

/** SEV's migration: bitmaps, commands, mirrors, moves and pinned regions. */
class SevMigrationTest {
  private static final long EBADF = -Errno.EBADF.number();
  private static final long EINVAL = -Errno.EINVAL.number();
  private static final long ENOTTY = -Errno.ENOTTY.number();
  private static final long EIO = -Errno.EIO.number();

  private static Guest sev(Machine m, long type) {
    Guest g = m.guest(type);
    assertThat(g.op("INIT2")).isZero();
    g.vcpu();
    g.user = m.vmm.mmap(0, 1 << 20, 3, 0x4022, -1, 0);
    assertThat(m.vmm.setUserMemoryRegion(g.vm, 0, 0, 0, 1 << 20, g.user)).isZero();
    return g;
  }

  private static String hypercall(Guest g, long gpa, long npages, long enc) {
    return g.act(
        new GuestAction.Hypercall(12, new long[] {gpa, npages, enc, 0}, GuestAction.NO_CODE));
  }

  private static String get(Guest g, long start, long pages) {
    VendorCommand c =
        new VendorCommand(
            "KVM_GET_PAGE_ENC_BITMAP",
            new Fields().put("start_gfn", start).put("num_pages", pages));
    long r = g.m.vmm.vendorIoctl(g.vm, c);
    return r < 0 ? Long.toString(r) : c.out().text("enc_bitmap", "");
  }

  private static long set(Guest g, long start, long pages, String bits) {
    return g.m.vmm.vendorIoctl(
        g.vm,
        new VendorCommand(
            "KVM_SET_PAGE_ENC_BITMAP",
            new Fields().put("start_gfn", start).put("num_pages", pages).put("enc_bitmap", bits)));
  }

  private static long reset(Guest g) {
    return g.m.vmm.vendorIoctl(g.vm, new VendorCommand("KVM_PAGE_ENC_BITMAP_RESET", new Fields()));
  }

  @Test
  void aHypercallTakesNoLockThatGoesBeforeAVcpusMutex() {
    Machine m = new Machine("sev-snp.migration", "bitmap");
    Guest g = sev(m, 2);
    var lock = g.sev().context().kvmLock();
    lock.lock();
    try {
      assertThat(hypercall(g, 0x3000, 2, 0)).isEqualTo("HLT 0");
    } finally {
      lock.unlock();
    }
    assertThat(get(g, 0, 16)).isEqualTo("e7ff");
  }

  @Test
  void bitmapOfThe2020Series() {
    Machine m = new Machine("sev-snp.migration", "bitmap");
    Guest g = sev(m, 2);
    assertThat(g.sev().migration().features()).isEqualTo(1 << 14);
    // Everything is encrypted until the guest says otherwise.
    assertThat(get(g, 0, 16)).isEqualTo("ffff");
    assertThat(hypercall(g, 0x3000, 2, 0)).isEqualTo("HLT 0");
    assertThat(get(g, 0, 16)).isEqualTo("e7ff");
    assertThat(get(g, 3, 8)).isEqualTo("fc");
    assertThat(hypercall(g, 0x3000, 1, 1)).isEqualTo("HLT 0");
    assertThat(get(g, 0, 16)).isEqualTo("efff");
    assertThat(hypercall(g, 0x3000, 0, 0)).isEqualTo("HLT 0");
    assertThat(
            g.sev()
                .pageEncStatusHc(
                    org.mockito.Mockito.mock(dev.cocovisor.api.VcpuContext.class),
                    0x3000,
                    -1,
                    false))
        .isEqualTo(Errno.EINVAL);
    // Grown by slots and by whatever gfn the guest names.
    assertThat(g.sev().migration().size()).isEqualTo(256);
    assertThat(m.vmm.setUserMemoryRegion(g.vm, 1, 0, 1 << 20, 1 << 20, g.user)).isZero();
    assertThat(g.sev().migration().size()).isEqualTo(512);
    assertThat(get(g, 4, 1)).isEqualTo("00");
    assertThat(hypercall(g, 0x10000000L, 1, 0)).isEqualTo("HLT 0");
    assertThat(g.sev().migration().size()).isEqualTo(0x10001);
    // Bits past the end are ones.
    assertThat(get(g, 0x10000, 8)).isEqualTo("fe");
    // SET only clears; RESET, as at reboot, fills.
    assertThat(set(g, 0, 8, "fe")).isZero();
    assertThat(get(g, 0, 8)).isEqualTo("ee");
    assertThat(set(g, 0, 8, "0")).isEqualTo(-14);
    assertThat(reset(g)).isZero();
    assertThat(get(g, 0, 16)).isEqualTo("ffff");
  }

  @Test
  void bitmapAsItsReviewerWantedIt() {
    Machine m = new Machine("sev-snp.migration", "cap");
    Guest g = sev(m, 2);
    assertThat(g.sev().migration().features()).isZero();
    assertThat(hypercall(g, 0x3000, 1, 0)).isEqualTo("HLT -1000");
    assertThat(get(g, 0, 8)).isEqualTo(Long.toString(EINVAL));
    int cap = EncBitmap.CAP_PAGE_ENC_BITMAP;
    assertThat(m.vmm.enableCap(g.vm, cap, 0, 32)).isZero();
    assertThat(g.sev().migration().features()).isEqualTo(1 << 14);
    assertThat(hypercall(g, 0x3000, 1, 0)).isEqualTo("HLT 0");
    assertThat(get(g, 0, 16)).isEqualTo("f7ff");
    assertThat(get(g, 4, 8)).isEqualTo(Long.toString(EINVAL));
    assertThat(hypercall(g, 32 << 12, 1, 0)).isEqualTo("HLT -22");
    // SET installs exactly what it is given, and with a null pointer resets.
    assertThat(set(g, 0, 8, "f0")).isZero();
    assertThat(get(g, 0, 16)).isEqualTo("f0ff");
    assertThat(set(g, 0, 8, "0f")).isZero();
    assertThat(get(g, 0, 16)).isEqualTo("0fff");
    assertThat(set(g, 0, 0, "NULL")).isZero();
    assertThat(get(g, 0, 16)).isEqualTo("ffff");
    assertThat(reset(g)).isEqualTo(ENOTTY);
    assertThat(m.vmm.enableCap(g.vm, cap, 0, 0)).isZero();
    assertThat(g.sev().migration().features()).isZero();
  }

  @Test
  void mergedDesignKeepsNothingInTheKernel() {
    Machine m = new Machine();
    Guest g = sev(m, 2);
    assertThat(g.sev().migration().features()).isEqualTo(1 << 16 | 1 << 17);
    assertThat(get(g, 0, 8)).isEqualTo(Long.toString(ENOTTY));
    assertThat(reset(g)).isEqualTo(ENOTTY);
    assertThat(hypercall(g, 0x3000, 1, 0x10)).isEqualTo("HLT -1000");
    assertThat(m.vmm.enableCap(g.vm, 201, 0, 1 << 12)).isZero();
    assertThat(hypercall(g, 0x3000, 1, 0x10)).isEqualTo("HYPERCALL 3000 1 10");
    assertThat(g.act(new GuestAction.Resume(0))).isEqualTo("HLT 0");
    assertThat(
            g.act(
                new GuestAction.Vendor(
                    "wrmsr", new Fields().put("msr", EncBitmap.MSR).put("value", 1))))
        .startsWith("KVM_EXIT_X86_WRMSR");
    assertThat(g.sev().migration().guestReady()).isTrue();
  }

  @Test
  void legacyLaunchGoesThroughItsStates() {
    Machine m = new Machine();
    Guest before = m.guest(2);
    assertThat(before.op("LAUNCH_START")).isEqualTo(ENOTTY);
    assertThat(before.op("RECEIVE_UPDATE_DATA")).isEqualTo(EINVAL);
    Guest g = sev(m, 3);
    assertThat(g.op("SNP_LAUNCH_START", "policy", 0x30000)).isEqualTo(ENOTTY);
    assertThat(g.op("LAUNCH_FINISH")).isEqualTo(EBADF);
    assertThat(g.op("LAUNCH_START", "policy", 4)).isZero();
    assertThat(g.op("LAUNCH_UPDATE_DATA", "uaddr", g.user, "len", 0)).isEqualTo(EINVAL);
    assertThat(g.op("LAUNCH_UPDATE_DATA", "uaddr", g.user, "len", 8192)).isZero();
    assertThat(g.op("LAUNCH_UPDATE_VMSA")).isZero();
    assertThat(g.op("LAUNCH_UPDATE_VMSA")).isEqualTo(EINVAL);
    // A query: the firmware refuses it and names the length.
    assertThat(g.op("LAUNCH_MEASURE")).isEqualTo(EIO);
    assertThat(g.out.number("error")).isEqualTo(4);
    assertThat(g.out.number("len")).isEqualTo(48);
    assertThat(g.op("LAUNCH_MEASURE", "uaddr", g.user + 0x8000, "len", 48)).isZero();
    assertThat(g.op("LAUNCH_UPDATE_DATA", "uaddr", g.user, "len", 4096)).isEqualTo(EIO);
    assertThat(g.out.number("error")).isEqualTo(2);
    Object[] secret = {
      "guest_uaddr",
      g.user + 0x9ff8,
      "guest_len",
      16,
      "trans_uaddr",
      g.user,
      "trans_len",
      16,
      "hdr_uaddr",
      g.user,
      "hdr_len",
      52
    };
    // Two pages that do not lie together; no packet; no header; not whole blocks.
    assertThat(m.vmm.hostWrite(g.user + 0xa000, 1)).isZero();
    assertThat(m.vmm.hostWrite(g.user + 0x9000, 1)).isZero();
    assertThat(g.op("LAUNCH_SECRET", secret)).isEqualTo(EINVAL);
    secret[1] = g.user + 0x9000;
    assertThat(g.op("LAUNCH_SECRET", java.util.Arrays.copyOf(secret, 6))).isEqualTo(EINVAL);
    assertThat(g.op("LAUNCH_SECRET", java.util.Arrays.copyOf(secret, 8))).isEqualTo(EINVAL);
    secret[3] = secret[7] = 15;
    assertThat(g.op("LAUNCH_SECRET", secret)).isEqualTo(EIO);
    assertThat(g.out.number("error")).isEqualTo(4);
    secret[3] = secret[7] = 16;
    assertThat(g.op("LAUNCH_SECRET", secret)).isZero();
    assertThat(g.op("LAUNCH_FINISH")).isZero();
    assertThat(g.op("GUEST_STATUS")).isZero();
    assertThat(g.out.number("state")).isEqualTo(3);
    assertThat(g.op("DBG_DECRYPT", "len", 0)).isEqualTo(EINVAL);
    assertThat(g.op("DBG_DECRYPT", "src_uaddr", g.user, "len", 16)).isEqualTo(EINVAL);
    assertThat(g.op("DBG_DECRYPT", "src_uaddr", g.user, "dst_uaddr", g.user + 0x4000, "len", 16))
        .isZero();
    assertThat(g.op("CERT_EXPORT")).isEqualTo(EINVAL);
    g.memfd = 0;
    g.close();
  }

  @Test
  void sendAndReceiveCheckTheirArguments() {
    Machine m = new Machine();
    Guest g = sev(m, 2);
    assertThat(g.op("LAUNCH_START")).isZero();
    assertThat(g.op("LAUNCH_MEASURE", "uaddr", g.user, "len", 48)).isZero();
    assertThat(g.op("LAUNCH_FINISH")).isZero();
    assertThat(g.op("SEND_START")).isEqualTo(EIO);
    assertThat(g.out.number("error")).isEqualTo(4);
    assertThat(g.out.number("session_len")).isEqualTo(128);
    assertThat(g.op("SEND_START", "session_len", 20000)).isEqualTo(EINVAL);
    Object[] start = {
      "session_len",
      128,
      "session_uaddr",
      g.user + 0xe000,
      "pdh_cert_uaddr",
      g.user,
      "pdh_cert_len",
      64,
      "plat_certs_uaddr",
      g.user,
      "plat_certs_len",
      64,
      "amd_certs_uaddr",
      g.user,
      "amd_certs_len",
      64
    };
    // Each certificate is needed, though the last two are not asked for before they are copied.
    for (int given = 4; given < 16; given += 4) {
      assertThat(g.op("SEND_START", java.util.Arrays.copyOf(start, given))).isEqualTo(EINVAL);
    }
    assertThat(g.op("SEND_UPDATE_DATA")).isEqualTo(EIO);
    assertThat(g.out.number("error")).isEqualTo(2);
    assertThat(g.op("SEND_START", start)).isZero();
    assertThat(g.op("SEND_UPDATE_DATA")).isEqualTo(EIO);
    assertThat(g.out.number("hdr_len")).isEqualTo(52);
    assertThat(g.op("SEND_UPDATE_DATA", "hdr_len", 52, "trans_len", 64)).isEqualTo(EINVAL);
    Object[] crossing = {
      "hdr_len",
      52,
      "trans_len",
      64,
      "hdr_uaddr",
      g.user + 0xd000,
      "trans_uaddr",
      g.user + 0x2000,
      "guest_uaddr",
      g.user + 0xff0,
      "guest_len",
      64
    };
    assertThat(g.op("SEND_UPDATE_DATA", crossing)).isEqualTo(EINVAL);
    crossing[9] = g.user;
    assertThat(g.op("SEND_UPDATE_DATA", crossing)).isZero();
    assertThat(g.op("SEND_CANCEL")).isZero();
    assertThat(g.op("SEND_FINISH")).isEqualTo(EIO);
    assertThat(g.op("SEND_START", start)).isZero();
    assertThat(g.op("SEND_FINISH")).isZero();
    assertThat(g.op("SEND_UPDATE_VMSA")).isEqualTo(EINVAL);
    Guest r = sev(m, 2);
    Object[] received = {
      "pdh_uaddr", g.user, "pdh_len", 64, "session_uaddr", g.user + 0xe000, "session_len", 128
    };
    for (int given = 0; given < 8; given += 2) {
      assertThat(r.op("RECEIVE_START", java.util.Arrays.copyOf(received, given))).isEqualTo(EINVAL);
    }
    assertThat(r.op("RECEIVE_START", received)).isZero();
    Object[] packet = {
      "hdr_uaddr",
      g.user + 0xd000,
      "hdr_len",
      52,
      "trans_uaddr",
      g.user + 0x2000,
      "trans_len",
      64,
      "guest_uaddr",
      r.user,
      "guest_len",
      64
    };
    for (int given = 0; given < 12; given += 2) {
      assertThat(r.op("RECEIVE_UPDATE_DATA", java.util.Arrays.copyOf(packet, given)))
          .isEqualTo(EINVAL);
    }
    // The header is of the session before, so nobody believes it.
    assertThat(r.op("RECEIVE_UPDATE_DATA", packet)).isEqualTo(EIO);
    assertThat(r.out.number("error")).isEqualTo(0xb);
    assertThat(r.op("RECEIVE_FINISH")).isZero();
  }

  @Test
  void mirrorsShareAndMovesTakeOver() {
    Machine m = new Machine();
    Guest a = sev(m, 2);
    assertThat(a.op("LAUNCH_START")).isZero();
    Guest mirror = m.guest(2);
    Guest snp = m.snp();
    assertThat(m.vmm.enableCap(mirror.vm, 197, 0, snp.vm)).isEqualTo(EINVAL);
    assertThat(m.vmm.enableCap(mirror.vm, 197, 0, mirror.vm)).isEqualTo(EINVAL);
    assertThat(m.vmm.enableCap(mirror.vm, 197, 0, 999)).isEqualTo(-9);
    assertThat(m.vmm.enableCap(mirror.vm, 197, 0, a.vm)).isZero();
    assertThat(m.vmm.enableCap(mirror.vm, 197, 0, a.vm)).isEqualTo(EINVAL);
    assertThat(mirror.sev().asid()).isEqualTo(a.sev().asid());
    assertThat(mirror.op("GUEST_STATUS")).isZero();
    assertThat(mirror.op("LAUNCH_MEASURE")).isEqualTo(EINVAL);
    assertThat(m.vmm.memoryEncryptRegion(mirror.vm, true, a.user, 4096)).isEqualTo(EINVAL);
    assertThat(m.vmm.memoryEncryptRegion(mirror.vm, false, a.user, 4096)).isEqualTo(EINVAL);
    assertThat(m.vmm.memoryEncryptRegion(a.vm, true, a.user, 8192)).isZero();
    assertThat(m.vmm.memoryEncryptRegion(a.vm, true, a.user, 0x1_0000L << 12)).isEqualTo(-12);
    // More than the machine has, and more than an int counts.
    assertThat(m.vmm.memoryEncryptRegion(a.vm, true, a.user, 0x7fff_ffffL << 12)).isEqualTo(EINVAL);
    assertThat(m.vmm.memoryEncryptRegion(a.vm, true, a.user, 0x8000_0000L << 12)).isEqualTo(EINVAL);
    assertThat(m.vmm.memoryEncryptRegion(a.vm, false, a.user, 4096)).isEqualTo(EINVAL);
    Guest es = m.guest(3);
    assertThat(m.vmm.enableCap(es.vm, 206, 0, a.vm)).isEqualTo(EINVAL);
    assertThat(m.vmm.memoryEncryptRegion(es.vm, true, a.user, 4096)).isEqualTo(ENOTTY);
    assertThat(m.vmm.memoryEncryptRegion(es.vm, false, a.user, 4096)).isEqualTo(ENOTTY);
    Guest b = m.guest(2);
    int asid = a.sev().asid();
    assertThat(m.vmm.enableCap(b.vm, 206, 0, a.vm)).isZero();
    assertThat(b.sev().asid()).isEqualTo(asid);
    assertThat(a.run(new GuestAction.Read(0)).errno()).isEqualTo(Errno.EIO);
    // The firmware's file stays behind, and the VM waits for INIT2 as before.
    assertThat(b.op("GUEST_STATUS")).isEqualTo(EBADF);
    assertThat(m.vmm.memoryEncryptRegion(b.vm, false, a.user, 8192)).isZero();
  }
}
