package dev.cocovisor.live.kvm;

import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.script.call.KvmCall;

/**
 * The few instructions that a guest consists of here, and the registers that make them do what one
 * guest action says.
 */
interface GuestStub {
  /** Returns the code page's beginning. */
  byte[] code();

  /**
   * Lets the guest do one action.
   *
   * @throws Unsupported if the stub cannot
   */
  RunResult run(LiveVcpu vcpu, KvmCall.GuestRun call);
}
