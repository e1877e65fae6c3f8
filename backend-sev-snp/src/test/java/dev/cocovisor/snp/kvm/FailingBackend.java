package dev.cocovisor.snp.kvm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;

/** The backend on a host whose interposer a test sets at any time. */
final class FailingBackend implements Backend {
  private final Backend real = new SevBackend();
  private Interposer interposer = Interposer.NONE;

  void interpose(Interposer with) {
    interposer = with;
  }

  void alsoInterpose(Interposer with) {
    interposer = with.then(interposer);
  }

  @Override
  public BackendInfo info() {
    return real.info();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return real.createPlatform(
        new HostMachine() {
          @Override
          public Architecture architecture() {
            return host.architecture();
          }

          @Override
          public HostMemory memory() {
            return host.memory();
          }

          @Override
          public int cpus() {
            return host.cpus();
          }

          @Override
          public TraceSink trace() {
            return host.trace();
          }

          @Override
          public Interposer interposer() {
            return (call, a0, a1, a2, a3) -> interposer.before(call, a0, a1, a2, a3);
          }

          @Override
          public String setting(Setting setting) {
            return host.setting(setting);
          }
        });
  }
}
