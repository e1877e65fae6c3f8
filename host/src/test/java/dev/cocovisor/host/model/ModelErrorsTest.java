package dev.cocovisor.host.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.inject.AbstractModule;
import com.google.inject.Key;
import com.google.inject.name.Names;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Setting;
import dev.cocovisor.core.CoreSettings;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.mem.FrameAllocator;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.HostException;
import dev.cocovisor.tdx.kvm.TdxBackend;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** What people read who put a model together wrongly: whole texts, word for word. */
class ModelErrorsTest {
  private static final BackendRegistry REGISTRY = BackendRegistry.classPathOnly();

  /** What a model with TDX lets one replace. */
  private static final String KEYS =
      "@Named(\"tdx\") Backend, AttributeStore.Factory, CoreParts, FrameAllocator.Factory,"
          + " GuestMemfd.Factory, HostConfig, Interposer, InvariantChecker, Kvm, PageSizePolicy,"
          + " Parts, SecondStage.Factory, TlbModel.Factory, TraceSink, VmParts";

  /** A part that nobody bound. */
  interface Clockwork {}

  private static void reads(ThrowingCallable wrong, String text) {
    HostException e = catchThrowableOfType(HostException.class, wrong);
    assertThat(e).isNotNull();
    assertThat(e.getMessage()).isEqualTo(text.stripTrailing());
  }

  @Test
  void aMissingBinding() {
    reads(
        () ->
            HypervisorModel.builder()
                .override(
                    new AbstractModule() {
                      @Override
                      protected void configure() {
                        requireBinding(Clockwork.class);
                      }
                    })
                .build(),
        """
        COCO-P030 error: hypervisor model: the parts do not fit together
          why:  Explicit bindings are required and dev.cocovisor.host.model.ModelErrorsTest$Clockwork is not \
        explicitly bound.
          mend: bind what is missing in a module given to override(); these can be bound
          available: HostConfig, TraceSink, FrameAllocator.Factory, GuestMemfd.Factory, \
        AttributeStore.Factory, SecondStage.Factory, TlbModel.Factory, PageSizePolicy, \
        InvariantChecker, Interposer, @Named(id) Backend
        """);
  }

  @Test
  void twoBackendsWithOneId() {
    reads(
        () -> HypervisorModel.builder().backends(REGISTRY, "tdx").backend(new TdxBackend()).build(),
        """
        COCO-P017 error: tdx: two backends of the model have this id
          why:  dev.cocovisor.tdx.kvm.TdxBackend and dev.cocovisor.tdx.kvm.TdxBackend
          mend: leave one out; to replace a backend, bind @Named("tdx") Backend in a module given to override()
        """);
  }

  @Test
  void anUnknownBackend() {
    reads(
        () -> HypervisorModel.builder().backends(REGISTRY, "tdz"),
        """
        COCO-P001 error: tdz: there is no such backend
          why:  neither the class path nor a plugin offers it
          mend: did you mean tdx? Otherwise use one that is available, or put its plugin into a plugin folder
          available: %s
        """
            .formatted(String.join(", ", REGISTRY.all().stream().map(b -> b.id()).toList())));
  }

  @Test
  void backendsOfTwoArchitectures() {
    reads(
        () -> HypervisorModel.builder().backends(REGISTRY, "tdx", "pkvm").build(),
        """
        COCO-P031 error: pkvm: the backend cannot be on this host
          why:  it needs arm64, the host is x86_64 with tdx, pkvm
          mend: leave it out, or give the model a host of that architecture: host(HostConfig.DEFAULT.withArchitecture(…))
        """);
  }

  @Test
  void aBackendOnAHostOfAnotherArchitecture() {
    reads(
        () -> HypervisorModel.builder().host(HostConfig.DEFAULT).backends(REGISTRY, "cca").build(),
        """
        COCO-P031 error: cca: the backend cannot be on this host
          why:  it needs arm64, the host is x86_64 with cca
          mend: leave it out, or give the model a host of that architecture: host(HostConfig.DEFAULT.withArchitecture(…))
        """);
  }

  @Test
  void aReplacementForABackendThatTheModelDoesNotHave() {
    Key<Backend> snp = Key.get(Backend.class, Names.named("sev-snp"));
    reads(
        () ->
            HypervisorModel.builder()
                .backends(REGISTRY, "tdx")
                .override(
                    new AbstractModule() {
                      @Override
                      protected void configure() {
                        bind(snp).toInstance(REGISTRY.require("sev-snp").backend());
                      }
                    })
                .build(),
        """
        COCO-P036 error: @Named("sev-snp") Backend: the binding is of no use
          why:  it replaces no part of the model, and nobody asks for it
          mend: did you mean @Named("tdx") Backend?
          available: %s
        """
            .formatted(KEYS));
  }

  @Test
  void aBindingOfAPartInsteadOfItsFactory() {
    reads(
        () ->
            HypervisorModel.builder()
                .backends(REGISTRY, "tdx")
                .override(
                    new AbstractModule() {
                      @Override
                      protected void configure() {
                        bind(FrameAllocator.class).toInstance(FrameAllocator.buddy(16));
                      }
                    })
                .build(),
        """
        COCO-P036 error: FrameAllocator: the binding is of no use
          why:  it replaces no part of the model, and nobody asks for it
          mend: did you mean FrameAllocator.Factory?
          available: %s
        """
            .formatted(KEYS));
  }

  @Test
  void aModuleThatBindsNothing() {
    reads(
        () -> HypervisorModel.builder().override(new EmptyModule()).build(),
        """
        COCO-P036 error: dev.cocovisor.host.model.ModelErrorsTest$EmptyModule: the module given to override() binds nothing
          why:  its configure() makes no binding and it has no @Provides method
          mend: bind what it is to replace, or leave it out; these can be bound
          available: HostConfig, TraceSink, FrameAllocator.Factory, GuestMemfd.Factory, \
        AttributeStore.Factory, SecondStage.Factory, TlbModel.Factory, PageSizePolicy, \
        InvariantChecker, Interposer, @Named(id) Backend
        """);
  }

  /** A module somebody has yet to write. */
  private static final class EmptyModule extends AbstractModule {}

  @Test
  void aMisspeltSetting() {
    reads(
        () ->
            HypervisorModel.builder()
                .backends(REGISTRY, "tdx")
                .setting("tdx.page-sise-policy", "grow")
                .build(),
        """
        COCO-P035 error: tdx.page-sise-policy: there is no such setting
          why:  neither the core nor a backend of the host declares it
          mend: did you mean tdx.page-size-policy?
          available: %s
        """
            .formatted(settings("tdx")));
  }

  @Test
  void aSettingOfABackendThatTheHostDoesNotHave() {
    reads(
        () ->
            HypervisorModel.builder()
                .host(HostConfig.DEFAULT.withSetting("tdx.page-size-policy", "grow"))
                .build(),
        """
        COCO-P035 error: tdx.page-size-policy: there is no such setting
          why:  neither the core nor a backend of the host declares it
          mend: add the backend 'tdx' to the host, or take one that is there
          available: %s
        """
            .formatted(settings()));
  }

  @Test
  void aValueThatASettingDoesNotTake() {
    reads(
        () -> HypervisorModel.builder().setting("core.gmem-order", "7").build(),
        """
        COCO-P035 error: core.gmem-order: the setting does not take '7'
          why:  order of the folios of a guest_memfd: 0 or 9 or 18
          mend: set one of these, or leave it out for 0
          available: 0, 9, 18
        """);
  }

  private static String settings(String... backends) {
    return Stream.concat(
            CoreSettings.ALL.stream(),
            Stream.of(backends).flatMap(b -> REGISTRY.require(b).info().settings().stream()))
        .map(Setting::name)
        .sorted()
        .collect(Collectors.joining(", "));
  }

  @Test
  void aPartOfTheUsersOwnCanBeBoundAndAskedFor() {
    Clockwork clockwork = new Clockwork() {};
    HypervisorModel model =
        HypervisorModel.builder()
            .override(
                new AbstractModule() {
                  @Override
                  protected void configure() {
                    bind(Clockwork.class).toInstance(clockwork);
                  }
                })
            .build();
    assertThat(model.part(Clockwork.class)).isSameAs(clockwork);
  }

  @Test
  void aVmTypeThatTheHostDoesNotCreate() {
    HypervisorModel model = HypervisorModel.builder().backends(REGISTRY, "tdx").build();
    assertThat(model.vmType("KVM_X86_TDX_VM").number()).isEqualTo(5);
    reads(
        () -> model.vmType("KVM_X86_SNP_VM"),
        """
        COCO-P033 error: KVM_X86_SNP_VM: the host creates no VMs of this type
          why:  KVM_CREATE_VM answers EINVAL to it: no backend of the model offers it
          mend: add the backend that does, or use a type that is available
          available: KVM_X86_DEFAULT_VM, KVM_X86_SW_PROTECTED_VM, KVM_X86_TDX_VM
        """);
  }

  @Test
  void aGuestThatTheHostDoesNotHave() {
    HypervisorModel model = HypervisorModel.builder().backends(REGISTRY, "tdx").build();
    reads(
        () -> model.guest("sev-snp"),
        """
        COCO-P033 error: sev-snp: the host has no guests of this kind
          why:  no backend of the model has this id
          mend: add the backend to the model, or launch one that is available
          available: default, sw-protected, tdx
        """);
    reads(
        () -> model.guest("tdz"),
        """
        COCO-P033 error: tdz: the host has no guests of this kind
          why:  no backend of the model has this id
          mend: add the backend to the model, or launch one that is available
          available: default, sw-protected, tdx
        """);
  }

  @Test
  void memoryThatIsNoSize() {
    HypervisorModel model = HypervisorModel.builder().build();
    reads(
        () -> model.guest("default").memory("64 megs"),
        """
        COCO-P034 error: default guest: memory "64 megs" cannot be
          why:  it is no number with K, M, G or T behind it
          mend: write for example "64M"
        """);
    reads(
        () -> model.guest("default").memory("6000"),
        """
        COCO-P034 error: default guest: memory "6000" cannot be
          why:  RAM is a number of whole 4 KiB pages, at least one
          mend: write for example "64M"
        """);
    reads(
        () -> model.guest("default").vcpus(0),
        """
        COCO-P034 error: default guest: 0 vCPUs cannot be
          why:  a guest runs on at least one
          mend: ask for 1 or more
        """);
  }
}
