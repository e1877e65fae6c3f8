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
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A backend whose hooks are whatever the test gives: how a backend author mocks the core's view.
 */
final class FakeBackend implements Backend {
  static final long SHARED_BIT_GFN = 1L << 35;
  static final VmTraits MIRRORED =
      new VmTraits(
          StageShape.MIRRORED,
          true,
          PrivateRule.SHARED_BIT,
          SHARED_BIT_GFN,
          PageLevel.PG_2M,
          false,
          false,
          false,
          true);
  static final VmTraits DELEGATED =
      new VmTraits(
          StageShape.DELEGATED,
          true,
          PrivateRule.ALWAYS,
          0,
          PageLevel.PG_4K,
          true,
          false,
          false,
          true);

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
    return new BackendInfo(
        "fake",
        "1",
        "hooks of a test",
        architecture,
        List.of(new VmType("KVM_FAKE_VM", 5, architecture)),
        Map.of(999, 42),
        Map.of());
  }

  @Override
  public Platform createPlatform(HostMachine host) {
    return (vm, type) -> {
      context = vm;
      return ops;
    };
  }
}
