package dev.cocovisor.core.facts;

import static dev.cocovisor.core.facts.Vmm.BASE;
import static dev.cocovisor.core.facts.Vmm.DEFAULT;
import static dev.cocovisor.core.facts.Vmm.LOG_DIRTY;
import static dev.cocovisor.core.facts.Vmm.M;
import static dev.cocovisor.core.facts.Vmm.P;
import static dev.cocovisor.core.facts.Vmm.SW_PROTECTED;
import static dev.cocovisor.core.facts.Vmm.fails;
import static dev.cocovisor.core.facts.Vmm.fd;
import static dev.cocovisor.core.facts.Vmm.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.host.KvmProcess;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * What a vCPU sees in system management mode and in a guest of its guest. Source: {@code
 * arch/x86/kvm/smm.c}, {@code x86.c} and {@code svm/nested.c} of Linux 7.3.
 */
class SmmTest {
  private static final int SMM_SLOT = 0x10001;

  private Vmm vmm = Vmm.of(DEFAULT);
  private KvmProcess process = vmm.process;

  private void on(Vmm other) {
    vmm = other;
    process = other.process;
  }

  @AfterEach
  void keepEveryInvariant() {
    assertThat(process.kvm().violations()).isEmpty();
  }

  private long ioctl(String name, Fields in) {
    return process.vendorIoctl(vmm.vcpu, new VendorCommand(name, in));
  }

  private long smm(long on) {
    Fields smi = new Fields().put("smm", on);
    return ioctl("KVM_SET_VCPU_EVENTS", new Fields().put("flags", 8).putAny("smi", smi));
  }

  private long nested(long flags) {
    Fields in = new Fields().put("flags", flags).put("format", 1).put("size", 4224);
    return ioctl("KVM_SET_NESTED_STATE", in);
  }

  private RunResult run(GuestAction action) {
    return process.guestRun(vmm.vcpu, action);
  }

  private Exit reads(long gpa) {
    return run(new GuestAction.Read(gpa, GuestAction.NO_CODE, true)).exit();
  }

  private void writes(long gpa, int value) {
    ok(process.guestWrite(vmm.vcpu, GuestAction.NO_CODE, gpa, value));
  }

  private long pages() {
    return Objects.requireNonNull(process.stats(vmm.vm)).pages4k();
  }

  private Exit rsm() {
    return run(new GuestAction.Vendor("rsm", new Fields())).exit();
  }

  /** The same guest address in both address spaces, on memory of each one's own. */
  private long twoSlots() {
    vmm.slot(1, BASE, M, vmm.anonymous(M));
    long hva = vmm.anonymous(M);
    ok(vmm.region(SMM_SLOT, 0, BASE, M, hva));
    return hva;
  }

  @Test
  void kvm_smm_changed_showsTheSlotsOfTheSecondAddressSpace() {
    long hva = twoSlots();
    writes(BASE, 1);
    ok(smm(1));
    assertThat(reads(BASE)).isEqualTo(new Exit.Hlt(0));
    writes(BASE, 2);
    assertThat(process.hostRead(hva)).isEqualTo(2);
    ok(smm(0));
    assertThat(reads(BASE)).isEqualTo(new Exit.Hlt(1));
    assertThat(pages()).isEqualTo(2);
    // What only one of the two has is MMIO to the other.
    assertThat(reads(0x1000)).isEqualTo(new Exit.Hlt(0x88));
    ok(smm(1));
    assertThat(reads(0x1000)).isEqualTo(new Exit.Mmio(0x1000, 1, false));
  }

  @Test
  void kvm_mmu_unmap_gfn_range_reachesTheRootsOfSmm() {
    long hva = twoSlots();
    ok(smm(1));
    writes(BASE, 7);
    writes(BASE + P, 7);
    assertThat(pages()).isEqualTo(2);
    ok(process.madvise(hva, P, 4));
    assertThat(pages()).isEqualTo(1);
    assertThat(reads(BASE)).isEqualTo(new Exit.Hlt(0));
  }

  @Test
  void kvm_mmu_zap_all_fast_dropsBothRoots() {
    twoSlots();
    writes(BASE, 1);
    ok(smm(1));
    writes(BASE, 1);
    vmm.slot(2, BASE + M, M, vmm.anonymous(M));
    assertThat(pages()).isEqualTo(2);
    ok(vmm.region(2, 0, BASE + M, 0, 0));
    assertThat(pages()).isZero();
  }

  @Test
  void kvm_get_dirty_log_protect_logsTheSlotsOfSmmApart() {
    vmm.slot(1, BASE, M, vmm.anonymous(M));
    ok(vmm.region(SMM_SLOT, LOG_DIRTY, BASE, M, vmm.anonymous(M)));
    ok(smm(1));
    writes(BASE + 5 * P, 1);
    List<Long> log = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      ok(
          process.getDirtyLog(
              vmm.vm,
              SMM_SLOT,
              words -> {
                log.add(words[0]);
                return Errno.OK;
              }));
      writes(BASE + 6 * P, 1);
    }
    assertThat(log).containsExactly(1L << 5, 1L << 6);
  }

  @Test
  void enter_smm_savesTheStateInSmramAndKillsTheVmWithout() {
    vmm.slot(1, BASE, M, vmm.anonymous(M));
    long smram = vmm.anonymous(0x10000);
    ok(vmm.region(SMM_SLOT, 0, 0x30000, 0x10000, smram));
    ok(ioctl("KVM_SMI", new Fields()));
    // The run's action is the handler's.
    assertThat(reads(0x38000)).isEqualTo(new Exit.Hlt(0));
    assertThat(process.hostRead(smram + 0xfefe)).isEqualTo(2);
    assertThat(reads(BASE)).isInstanceOf(Exit.Mmio.class);
    assertThat(rsm()).isEqualTo(new Exit.Hlt(-1));
    assertThat(reads(BASE)).isEqualTo(new Exit.Hlt(0));
    assertThat(rsm()).isEqualTo(new Exit.Shutdown());

    ok(vmm.region(SMM_SLOT, 0, 0x30000, 0, 0));
    ok(ioctl("KVM_SMI", new Fields()));
    assertThat(run(new GuestAction.Read(BASE, GuestAction.NO_CODE, true)).errno())
        .isEqualTo(Errno.EIO);
    fails(process.createVcpu(vmm.vm, 1), Errno.EIO);
  }

  @Test
  void kvm_arch_nr_memslot_as_ids_ofPrivateMemoryIsOneSoThatSmmSeesNothing() {
    on(Vmm.of(SW_PROTECTED));
    vmm.slot(1, BASE, M, vmm.anonymous(M));
    ok(smm(1));
    assertThat(reads(BASE)).isEqualTo(new Exit.Mmio(BASE, 1, false));
  }

  @Test
  void kvm_vcpu_ioctl_x86_set_vcpu_events_judgesItsFlags() {
    fails(ioctl("KVM_SET_VCPU_EVENTS", new Fields().put("flags", 0x40)), Errno.EINVAL);
    fails(ioctl("KVM_SET_VCPU_EVENTS", new Fields().put("flags", 0x10)), Errno.EINVAL);
    fails(ioctl("KVM_SET_VCPU_EVENTS", new Fields().put("flags", 0x20)), Errno.EINVAL);
    ok(process.enableCap(vmm.vm, 164, 0, 1));
    ok(ioctl("KVM_SET_VCPU_EVENTS", new Fields().put("flags", 0x10)));
    on(Vmm.on(HostConfig.DEFAULT.withSetting("smm", "0"), DEFAULT));
    fails(smm(1), Errno.EINVAL);
    ok(smm(0));
    fails(ioctl("KVM_SMI", new Fields()), Errno.ENOTTY);
  }

  @Test
  void svm_set_nested_state_makesAGuestOfAGuestThatNobodyPrefaults() {
    vmm.slot(1, BASE, M, vmm.anonymous(M));
    fails(nested(1), Errno.EINVAL);
    ok(nested(0x100));
    ok(ioctl("KVM_SET_SREGS", new Fields().put("efer", 0x1000)));
    fails(nested(2), Errno.EINVAL);
    fails(nested(5), Errno.EINVAL);
    ok(nested(1));
    long[] range = {BASE, P};
    fails(process.preFaultMemory(vmm.vcpu, 0, range), Errno.EOPNOTSUPP);
    ok(nested(0));
    ok(process.preFaultMemory(vmm.vcpu, 0, range));
    // SMM comes out of the nested guest, and none is begun in it.
    ok(nested(1));
    ok(smm(1));
    fails(nested(1), Errno.EINVAL);
    ok(smm(0));
    range[0] = BASE;
    range[1] = P;
    ok(process.preFaultMemory(vmm.vcpu, 0, range));
    assertThat(fd(process.createVcpu(vmm.vm, 1))).isPositive();
  }

  // smm.c, enter_smm and emulator_leave_smm: what the handler leaves as SMBASE is where the next
  // SMI
  // saves its state.
  @Test
  void kvm_smm_saves_revisionAndBaseAndTakesTheBaseBack() {
    twoSlots();
    long smram = vmm.anonymous(0x20000);
    ok(vmm.region(SMM_SLOT + 1, 0, 0x30000, 0x20000, smram));
    for (int i = 0; i < 0x200; i++) {
      ok(process.hostWrite(smram + 0xfe00 + i, 0xaa));
    }
    ok(ioctl("KVM_SMI", new Fields()));
    assertThat(reads(0x38000)).isEqualTo(new Exit.Hlt(0));
    int[] saved = new int[0x200];
    for (int i = 0; i < saved.length; i++) {
      saved[i] = (int) process.hostRead(smram + 0xfe00 + i);
    }
    for (int i = 0; i < saved.length; i++) {
      // SMBASE 0x30000 at 0xfef8, revision 0x20000 at 0xfefc.
      int wanted = i == 0xfa ? 3 : i == 0xfe ? 2 : 0;
      assertThat(saved[i]).as("byte 0x%x", 0xfe00 + i).isEqualTo(wanted);
    }
    // In the mode an SMI waits.
    ok(ioctl("KVM_SMI", new Fields()));
    assertThat(reads(0x38000)).isEqualTo(new Exit.Hlt(0));
    ok(process.hostWrite(smram + 0xfef8, 0x34));
    ok(process.hostWrite(smram + 0xfef9, 0x12));
    ok(process.hostWrite(smram + 0xfefa, 4));
    ok(process.hostWrite(smram + 0xfefe, 9));
    assertThat(rsm()).isEqualTo(new Exit.Hlt(-1));
    // The one that waited comes now, and is saved behind the new base, 0x41234.
    ok(vmm.region(SMM_SLOT + 2, 0, 0x50000, 0x10000, vmm.anonymous(0x10000)));
    reads(0x38000);
    assertThat(process.hostRead(smram + 0xfefe)).as("not saved there").isEqualTo(9);
    assertThat(reads(0x41234 + 0xfefe)).isEqualTo(new Exit.Hlt(2));
    assertThat(reads(0x41234 + 0xfef9)).isEqualTo(new Exit.Hlt(0x12));
  }
}
