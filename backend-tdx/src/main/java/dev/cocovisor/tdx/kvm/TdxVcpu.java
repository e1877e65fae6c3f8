package dev.cocovisor.tdx.kvm;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.tdx.module.SeamCalls;
import dev.cocovisor.tdx.module.abi.Registers;
import org.jspecify.annotations.Nullable;

/** What KVM keeps for a vCPU of a TD (struct vcpu_tdx). */
final class TdxVcpu {
  /** VCPU_TD_STATE_INITIALIZED. */
  boolean initialized;

  /** The TDVPR page in bytes, 0 while there is none. */
  long tdvpr;

  /** TDCX pages as pfns. */
  final long[] tdcx = new long[5];

  int tdcxCount;
  int lp = -1;
  @Nullable SeamCalls seam;
  final Registers registers = new Registers();

  /** The page the guest last tried to accept, and at which level (RFC v1, violation_*). */
  long hintGfn = -1;

  @Nullable PageLevel hintLevel;

  /** Whether pages are being mapped for an EPT violation of this vCPU, not ahead of one. */
  boolean inViolation;

  /** Why the last walk stopped: the extended exit qualification of its TD exit. */
  long extendedQualification;

  /** The address of the last EPT violation, bytes. */
  long violation;

  /** How often the run was back where it was, with nothing done. */
  int fruitless;

  /** The instruction the guest was thrown out of; see {@link VcpuEntry#at}. */
  long instruction = VcpuEntry.NO_INSTRUCTION;

  /** Whether {@link TdxVm#guestMode} is shared on behalf of this vCPU. */
  boolean inGuestMode;

  /** Whether the vCPU's CPUID has X2APIC; so it is taken for granted until KVM_SET_CPUID2. */
  boolean x2apic = true;

  /** KVM_X86_NOTIFY_VMEXIT_* as they were when the vCPU was initialized; 0 for no such exits. */
  long notifyExits;

  /** Whether the processor exits at bus locks, settled when the vCPU was initialized. */
  boolean busLockExits;

  /** A TDVMCALL that userspace is to answer. */
  Tdvmcall.@Nullable Pending pending;
}
