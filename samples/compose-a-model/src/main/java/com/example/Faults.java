package com.example;

import com.google.inject.AbstractModule;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.core.mmu.ForwardingSecondStage;
import dev.cocovisor.core.mmu.PageFault;
import dev.cocovisor.core.mmu.SecondStage;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.model.HypervisorModel;
import java.util.concurrent.atomic.AtomicLong;

/** A host whose second stages count the faults they map. */
public final class Faults {
  private final AtomicLong mapped = new AtomicLong();
  private final HypervisorModel model;

  /** Boots the host. */
  public Faults() {
    SecondStage.Factory counting =
        (host, shape) ->
            new ForwardingSecondStage(SecondStage.standard(host, shape)) {
              @Override
              public int map(PageFault fault, VcpuContext vcpu) {
                mapped.incrementAndGet();
                return super.map(fault, vcpu);
              }
            };
    model =
        HypervisorModel.builder()
            .backends(BackendRegistry.classPathOnly(), "tdx")
            .override(
                new AbstractModule() {
                  @Override
                  protected void configure() {
                    bind(SecondStage.Factory.class).toInstance(counting);
                  }
                })
            .build();
  }

  /** Returns the host. */
  public HypervisorModel model() {
    return model;
  }

  /** Returns how many faults were mapped. */
  public long mapped() {
    return mapped.get();
  }
}
