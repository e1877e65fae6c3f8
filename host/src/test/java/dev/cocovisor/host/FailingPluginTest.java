package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.cocovisor.core.VendorFailure;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.PackageJudge;
import dev.cocovisor.host.load.PluginFailures;
import dev.cocovisor.host.model.HypervisorModel;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A plugin that throws while a host uses it is named, with the place and what to do. */
class FailingPluginTest {
  @TempDir Path folder;

  private HypervisorModel model(String platform) {
    new PluginWorkshop(folder)
        .descriptor("acme", "plugin.requires=*")
        .source(
            "com.acme.Acme",
            """
            package com.acme;
            import dev.cocovisor.api.*;
            import dev.cocovisor.api.ops.*;
            public final class Acme implements Backend {
              public BackendInfo info() {
                return BackendInfo.builder("acme", Architecture.X86_64)
                    .vmTypes(new VmType("KVM_X86_ACME_VM", 77, Architecture.X86_64)).build();
              }
              public Platform createPlatform(HostMachine host) { %s }
              static Platform platform(VmOps ops) { return (vm, type) -> ops; }
            }
            """
                .formatted(platform))
        .service("com.acme.Acme")
        .zip("acme.zip");
    BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open();
    return HypervisorModel.builder().backends(registry, "acme").build();
  }

  private static PluginFinding failure(ThrowingCallable use) {
    VendorFailure e = catchThrowableOfType(VendorFailure.class, use);
    assertThat(e).isNotNull();
    return PluginFailures.finding(e, "acme");
  }

  @Test
  void anExceptionInAHookIsAFindingWithThePlaceAndARemedy() {
    HypervisorModel model =
        model(
            """
            return platform(new VmOps() {
              public Errno vcpuCreate(VcpuContext v) { throw new IllegalStateException("no vCPU today"); }
            });\
            """);
    assertThat(failure(() -> model.guest("acme").boot()).text())
        .isEqualTo(
            """
            COCO-P025 error: acme: the plugin failed in vcpu_create of backend acme
              why:  java.lang.IllegalStateException: no vCPU today, at Acme.java:10
              mend: a hook answers with an errno and throws nothing: report this to its author; \
            until then: cocovisor plugins disable acme\
            """);
  }

  @Test
  void soIsAnErrorInCreatePlatform() {
    HypervisorModel model = model("throw new StackOverflowError();");
    assertThat(failure(() -> model.guest("acme").boot()).what())
        .isEqualTo("the plugin failed in createPlatform of backend acme");
  }

  @Test
  void soIsAVmmThatThrows() {
    HypervisorModel model =
        model(
            """
            return platform(new VmOps() {}); }
            public dev.cocovisor.api.vmm.VmmDriver vmm() { return () -> { throw new Error("no type"); };\
            """);
    HostException e = catchThrowableOfType(HostException.class, () -> model.guest("acme").boot());
    assertThat(e.finding().code()).isEqualTo(FindingCode.PLUGIN_FAILS);
    assertThat(e.finding().what()).isEqualTo("the plugin failed in vmType of backend acme");
  }
}
