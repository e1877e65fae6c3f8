package dev.cocovisor.core.vm;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.PrivateSource;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import org.jspecify.annotations.Nullable;

/**
 * A backend whose hooks are whatever the test gives: how a backend author mocks the core's view.
 */
class FakeBackend implements Backend {
  static final long SHARED_BIT_GFN = 1L << 35;

  /** What arm64 calls a protected VM: the low byte of a type is its address size there. */
  static final long ARM_TYPE = 1L << 31;

  static final VmTraits MIRRORED =
      VmTraits.of(StageShape.MIRRORED)
          .withPrivateMemory(true)
          .withPrivateRule(PrivateRule.SHARED_BIT)
          .withSharedGfnMask(SHARED_BIT_GFN)
          .withMaxPrivateLevel(PageLevel.PG_2M)
          .withProtectedState(true);
  static final VmTraits DELEGATED =
      VmTraits.of(StageShape.DELEGATED)
          .withPrivateMemory(true)
          .withPrivateRule(PrivateRule.ALWAYS)
          .withMaxPrivateLevel(PageLevel.PG_4K)
          .withPrivateSource(PrivateSource.USER_MEMORY)
          .withProtectedState(true);

  private final VmOps ops;
  private final Architecture architecture;
  @Nullable VmContext context;

  FakeBackend(VmOps ops) {
    this(ops, Architecture.X86_64);
  }

  FakeBackend(VmOps ops, Architecture architecture) {
    this.ops = ops;
    this.architecture = architecture;
  }

  VmContext context() {
    VmContext c = context;
    if (c == null) {
      throw new IllegalStateException("no VM yet");
    }
    return c;
  }

  @Override
  public BackendInfo info() {
    return BackendInfo.builder("fake", architecture)
        .version("1")
        .description("hooks of a test")
        .vmTypes(
            new VmType(
                "KVM_FAKE_VM",
                architecture.equals(Architecture.ARM64) ? ARM_TYPE : 5,
                architecture))
        .capability(999, 42)
        .build();
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return (vm, type) -> {
      context = vm;
      return ops;
    };
  }
}
