package com.example.cove;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.vmm.VmmDriver;

/** Hands every question to another backend. */
class ForwardingBackend implements Backend {
  private final Backend backend;

  ForwardingBackend(Backend backend) {
    this.backend = backend;
  }

  @Override
  public BackendInfo info() {
    return backend.info();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return backend.createPlatform(host);
  }

  @Override
  public VmmDriver vmm() {
    return backend.vmm();
  }
}
