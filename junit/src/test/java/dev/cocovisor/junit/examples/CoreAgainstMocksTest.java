package dev.cocovisor.junit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyBoolean;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.eq;
import static org.mockito.Mockito.CALLS_REAL_METHODS;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.times;
import static org.mockito.Mockito.verify;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.host.model.HypervisorModel;
import dev.cocovisor.vmm.checked.GuestVm;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.mockito.InOrder;

/** The core without a backend: its hooks are a mock, which watches what is asked of it and when. */
class CoreAgainstMocksTest {
  // begin: mocked-ops
  private static final VmType TYPE = new VmType("KVM_X86_EXAMPLE_VM", 77, Architecture.X86_64);

  /** Private memory behind an external table, up to 2 MiB, told apart by a bit of the address. */
  private static final VmTraits MIRRORED =
      VmTraits.of(StageShape.MIRRORED)
          .withPrivateMemory(true)
          .withPrivateRule(PrivateRule.SHARED_BIT)
          .withSharedGfnMask(1L << 35)
          .withMaxPrivateLevel(PageLevel.PG_2M)
          .withProtectedState(true);

  /** Every hook is the kernel's default, and remembers that it was called. */
  private final VmOps ops = mock(VmOps.class, CALLS_REAL_METHODS);

  private final HypervisorModel model =
      HypervisorModel.builder().backend(new Example()).setting("core.gmem-order", "9").build();

  /** A technology whose hooks are the mock. */
  private final class Example implements Backend {
    @Override
    public BackendInfo info() {
      return BackendInfo.builder("example", TYPE.architecture())
          .version("1")
          .description("a mock")
          .vmTypes(TYPE)
          .build();
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      doReturn(MIRRORED).when(ops).traits();
      return (vm, type) -> ops;
    }
  }

  // end: mocked-ops

  @AfterEach
  void theModelIsWhole() {
    assertThat(model.violations()).isEmpty();
  }

  @Test
  void theMirrorIsCarriedOverInOrder() {
    // begin: mocked-order
    GuestVm guest = model.guest("example").memory("4M").boot();
    guest.prefault(0, 0x200000);
    guest.hostConverts(0x1000, 0x1000, false);
    guest.close();

    InOrder order = inOrder(ops);
    // A fault: tables from the top, then one leaf of 2 MiB.
    order.verify(ops).gmemPrepare(eq(0L), anyLong(), eq(9));
    order.verify(ops).linkExternalSpt(eq(0L), eq(PageLevel.PG_512G), anyLong());
    order.verify(ops).linkExternalSpt(eq(0L), eq(PageLevel.PG_1G), anyLong());
    order.verify(ops).setExternalSpte(eq(0L), eq(PageLevel.PG_2M), anyLong());
    // A conversion of one page: split at the borders first, then take the page away.
    order
        .verify(ops)
        .splitExternalSpt(eq(0L), eq(PageLevel.PG_2M), anyLong(), anyLong(), eq(false));
    order.verify(ops).removeExternalSpte(eq(1L), eq(PageLevel.PG_4K), anyLong());
    // The end: the guest_memfd's pages go with it, then tables, and reclaim before the rest.
    order.verify(ops, times(511)).removeExternalSpte(anyLong(), eq(PageLevel.PG_4K), anyLong());
    order.verify(ops).vmPreDestroy();
    order.verify(ops).freeExternalSpt(eq(0L), eq(PageLevel.PG_2M), anyLong());
    order.verify(ops).freeExternalSpt(eq(0L), eq(PageLevel.PG_1G), anyLong());
    order.verify(ops).guestMemoryReclaimed();
    order.verify(ops).vmDestroy();
    // end: mocked-order
  }

  @Test
  void aSplitThatFailsFailsTheConversionAndZapsNothing() {
    // begin: mocked-enomem
    GuestVm guest = model.guest("example").memory("4M").boot();
    guest.prefault(0, 0x200000);
    doReturn(Errno.ENOMEM)
        .when(ops)
        .splitExternalSpt(anyLong(), any(), anyLong(), anyLong(), anyBoolean());
    assertThatThrownBy(() -> guest.hostConverts(0x1000, 0x1000, false))
        .hasMessage("the host's part of a conversion: ENOMEM");
    verify(ops, never()).removeExternalSpte(anyLong(), any(), anyLong());
    assertThat(guest.kernel().isPrivate(1)).isTrue();
    // end: mocked-enomem
  }

  @Test
  void aBusyHookSendsTheFaultBackToRetry() {
    GuestVm guest = model.guest("example").memory("4M").boot();
    doReturn(Errno.EBUSY, Errno.EBUSY, Errno.OK)
        .when(ops)
        .setExternalSpte(anyLong(), any(), anyLong());
    assertThat(guest.prefault(0, 0x1000)).isZero();
    verify(ops, times(3)).setExternalSpte(eq(0L), eq(PageLevel.PG_2M), anyLong());
  }
}
