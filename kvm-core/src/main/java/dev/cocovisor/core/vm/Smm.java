package dev.cocovisor.core.vm;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.RunResult;

/**
 * System management mode of one vCPU: an SMI that waits for the next run, the way in, and the
 * guest's way out.
 *
 * <p>In this mode the vCPU sees the slots of address space 1. Its state is saved there on the way
 * in, 512 bytes at SMBASE + 0xfe00; where that cannot be written the VM is dead. Of the state only
 * revision and SMBASE are written, for the model has no registers; what the handler does is the
 * action of the run. Source: {@code arch/x86/kvm/smm.c} (7.3), enter_smm, emulator_leave_smm;
 * {@code x86.c}, kvm_check_and_inject_events.
 */
public final class Smm {
  private static final int SAVE_AREA = 0xfe00;
  private static final int SIZE = 512;
  private static final int REVISION_AT = 0xfefc - SAVE_AREA;
  private static final int REVISION = 0x20000;
  private static final int SMBASE_AT = 0xfef8 - SAVE_AREA;
  private static final long SMBASE = 0x30000;

  private final Vm vm;
  private final Vcpu vcpu;
  private long smbase = SMBASE;
  private boolean pending;

  Smm(Vm vm, Vcpu vcpu) {
    this.vm = vm;
    this.vcpu = vcpu;
  }

  /** KVM_SMI, or what KVM_SET_VCPU_EVENTS says is pending. */
  public void pend(boolean smi) {
    pending = smi;
  }

  /** Enters the mode if an SMI waits, and is not in it; false where that killed the VM. */
  boolean deliver() {
    if (!pending || vcpu.inSmm()) {
      return true;
    }
    pending = false;
    vcpu.setGuestMode(false);
    vcpu.setSmm(true);
    byte[] state = new byte[SIZE];
    put(state, REVISION_AT, REVISION);
    put(state, SMBASE_AT, smbase);
    Errno r = vm.kernelAccess().write(vcpu, smbase + SAVE_AREA, state, 0, SIZE);
    if (!r.ok()) {
      vm.bug("the state of vCPU %d could not be saved in SMRAM".formatted(vcpu.id()));
    }
    return r.ok();
  }

  /** The guest executes RSM: outside the mode, or without its saved state, it shuts down. */
  RunResult leave() {
    byte[] state = new byte[SIZE];
    if (!vcpu.inSmm() || !vm.kernelAccess().read(vcpu, smbase + SAVE_AREA, state, 0, SIZE).ok()) {
      return RunResult.ok(new Exit.Shutdown());
    }
    vcpu.setSmm(false);
    smbase = get(state, SMBASE_AT);
    return vcpu.halted(-1);
  }

  private static void put(byte[] into, int at, long value) {
    for (int i = 0; i < 4; i++) {
      into[at + i] = (byte) (value >>> (8 * i));
    }
  }

  private static long get(byte[] from, int at) {
    long value = 0;
    for (int i = 0; i < 4; i++) {
      value |= (from[at + i] & 0xffL) << (8 * i);
    }
    return value;
  }
}
