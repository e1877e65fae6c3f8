package dev.cocovisor.tck;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.api.vmm.VmmDriver;
import java.util.Map;

/**
 * A backend on hosts where some of its settings have other values.
 *
 * @param backend what is set
 * @param values by the name of the setting
 */
record WithSettings(Backend backend, Map<String, String> values) implements Backend {
  @Override
  public BackendInfo info() {
    return backend.info();
  }

  @Override
  public VmmDriver vmm() {
    return backend.vmm();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return backend.createPlatform(
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
            return host.interposer();
          }

          @Override
          public String setting(Setting setting) {
            String value = values.get(setting.name());
            return value == null ? host.setting(setting) : setting.checked(value);
          }
        });
  }
}
