package dev.cocovisor.live.kvm;

import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.script.call.KvmCall;

final class Arm64Stub implements GuestStub {
  Arm64Stub(Kernel kernel) {}

  @Override
  public byte[] code() {
    return new byte[4];
  }

  @Override
  public RunResult run(LiveVcpu vcpu, KvmCall.GuestRun call) {
    throw new Unsupported("guest_" + call.what());
  }
}
