package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.host.load.PackageJudge;
import dev.cocovisor.host.model.HypervisorModel;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
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

  private static HostException failure(ThrowingCallable use) {
    HostException e = catchThrowableOfType(HostException.class, use);
    assertThat(e).isNotNull();
    assertThat(e.finding().code()).isEqualTo(FindingCode.PLUGIN_FAILS);
    assertThat(e.finding().subject()).isEqualTo("acme");
    return e;
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
    HostException e = failure(() -> model.guest("acme").boot());
    assertThat(e.getMessage())
        .isEqualTo(
            """
            COCO-P025 error: acme: the plugin failed in vcpuCreate of backend acme
              why:  java.lang.IllegalStateException: no vCPU today, at Acme.java:10
              mend: a hook answers with an errno and throws nothing: report this to the plugin's \
            author; until then: cocovisor plugins disable acme\
            """);
    assertThat(e).hasRootCauseMessage("no vCPU today");
  }

  @Test
  void soIsAnErrorInCreatePlatform() {
    HypervisorModel model = model("throw new StackOverflowError();");
    assertThat(failure(() -> model.guest("acme").boot()).finding().what())
        .isEqualTo("the plugin failed in createPlatform of backend acme");
  }

  @Test
  void soIsANullWhereTheContractHasNone() {
    HypervisorModel model =
        model(
            """
            return platform(new VmOps() {
              public Errno vmInit() { return null; }
            });\
            """);
    assertThat(failure(() -> model.guest("acme").boot()).finding().why())
        .isEqualTo("java.lang.IllegalStateException: it returned null");
  }

  @Test
  void everyHookIsBlamed() throws ClassNotFoundException {
    Class<?> blaming = Class.forName("dev.cocovisor.host.load.BlamingVmOps");
    List<String> declared =
        Arrays.stream(blaming.getDeclaredMethods()).map(Method::getName).toList();
    assertThat(
            Arrays.stream(VmOps.class.getMethods())
                .filter(m -> !Modifier.isStatic(m.getModifiers()))
                .map(Method::getName))
        .isNotEmpty()
        .allMatch(declared::contains);
  }
}
