package dev.cocovisor.junit.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.ArgumentMatchers.any;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.ArgumentMatchers.anyString;
import static org.mockito.ArgumentMatchers.startsWith;
import static org.mockito.Mockito.RETURNS_DEEP_STUBS;
import static org.mockito.Mockito.doAnswer;
import static org.mockito.Mockito.doReturn;
import static org.mockito.Mockito.inOrder;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.never;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Setting;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.sched.ModelLock;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.TrustedCall;
import dev.cocovisor.tdx.kvm.TdxBackend;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.mockito.InOrder;

/** A backend without a core: everything it is offered is a mock. */
class BackendAgainstMocksTest {
  private static final long GFN = 0x40;
  private static final long PFN = 0x9000;

  // begin: mocked-context
  private final HostMemory memory = mock(HostMemory.class);
  private final HostMachine host = mock(HostMachine.class);
  private final VmContext vm = mock(VmContext.class, RETURNS_DEEP_STUBS);
  private final VcpuContext vcpu = mock(VcpuContext.class);
  private final Map<TrustedCall, Integer> busy = new HashMap<>();

  private final AtomicLong frame = new AtomicLong(0x1000);

  /** TDX's vendor half, with the real module below it and mocks above. */
  private VmOps backend() {
    when(memory.raw()).thenReturn(new SparseMemory());
    when(memory.allocate(anyInt())).thenAnswer(_ -> frame.getAndIncrement());
    when(host.memory()).thenReturn(memory);
    when(host.trace()).thenReturn(TraceSink.OFF);
    when(host.setting(any())).thenAnswer(call -> call.<Setting>getArgument(0).byDefault());
    when(host.number(any())).thenCallRealMethod();
    when(host.kernel()).thenCallRealMethod();
    when(host.interposer()).thenReturn((call, a0, a1, a2, a3) -> busyOnce(call));
    when(vm.host()).thenReturn(host);
    when(vm.kvmLock()).thenReturn(new ModelLock("kvm->lock"));
    when(vm.vcpus()).thenReturn(List.of());
    when(vm.tscKhz()).thenCallRealMethod();
    when(vcpu.vm()).thenReturn(vm);
    doAnswer(set -> when(vcpu.vendorState()).thenReturn(set.getArgument(0)))
        .when(vcpu)
        .setVendorState(any());
    return new TdxBackend().createPlatform(host).createVm(vm, VmType.X86_TDX);
  }

  // end: mocked-context

  private long busyOnce(TrustedCall leaf) {
    int left = busy.getOrDefault(leaf, 0);
    busy.put(leaf, Math.max(0, left - 1));
    return left > 0 ? SeamStatus.OPERAND_BUSY.code() : 0;
  }

  private VmOps td;
  private long tables;

  @BeforeEach
  void launch() {
    td = backend();
    // begin: mocked-launch
    Fields leaf = new Fields().put("function", 0x80000008L).put("eax", 48L << 16);
    VendorCommand init =
        new VendorCommand("KVM_TDX_INIT_VM", new Fields().putAny("cpuid", List.of(leaf)));
    assertThat(td.memEncIoctl(init)).isZero();
    assertThat(td.vcpuCreate(vcpu)).isEqualTo(Errno.OK);
    VendorCommand initVcpu = new VendorCommand("KVM_TDX_INIT_VCPU", new Fields().put("data", 0));
    assertThat(td.vcpuMemEncIoctl(vcpu, initVcpu)).isZero();
    assertThat(td.memEncIoctl(new VendorCommand("KVM_TDX_FINALIZE_VM", new Fields()))).isZero();
    // end: mocked-launch
    tables = frame.get();
    for (PageLevel level : new PageLevel[] {PageLevel.PG_512G, PageLevel.PG_1G, PageLevel.PG_2M}) {
      assertThat(td.linkExternalSpt(0, level, frame.getAndIncrement())).isEqualTo(Errno.OK);
    }
  }

  @Test
  void pageIsTakenAwayByBlockTrackKickAndRemove() {
    // begin: mocked-remove
    assertThat(td.setExternalSpte(GFN, PageLevel.PG_4K, PFN)).isEqualTo(Errno.OK);
    assertThat(td.externalPfn(GFN, PageLevel.PG_4K)).isEqualTo(PFN);
    assertThat(td.removeExternalSpte(GFN, PageLevel.PG_4K, PFN)).isEqualTo(Errno.OK);
    verify(vm).kickVcpus(); // once, after TRACK
    verify(vm, never()).bug(anyString());
    // end: mocked-remove
  }

  @Test
  void aBusyModuleIsTriedAgainAfterAKickAndThenItIsABug() {
    // begin: mocked-busy
    assertThat(td.setExternalSpte(GFN, PageLevel.PG_4K, PFN)).isEqualTo(Errno.OK);
    busy.put(SeamCall.MEM_RANGE_BLOCK, 2);
    assertThat(td.removeExternalSpte(GFN, PageLevel.PG_4K, PFN)).isEqualTo(Errno.EIO);
    InOrder order = inOrder(vm);
    order.verify(vm).kickVcpus();
    order.verify(vm).bug(startsWith("TDH.MEM.RANGE.BLOCK: "));
    // end: mocked-busy
  }

  @Test
  void aBusyModuleSendsAFaultBackToRetry() {
    busy.put(SeamCall.MEM_PAGE_AUG, 1);
    assertThat(td.setExternalSpte(GFN, PageLevel.PG_4K, PFN)).isEqualTo(Errno.EBUSY);
    assertThat(td.setExternalSpte(GFN, PageLevel.PG_4K, PFN)).isEqualTo(Errno.OK);
    verify(vm, never()).bug(anyString());
  }

  @Test
  void whatTheTdWasMadeOfIsGivenBackAtItsEnd() {
    assertThat(td.setExternalSpte(GFN, PageLevel.PG_4K, PFN)).isEqualTo(Errno.OK);
    doReturn(List.of(vcpu)).when(vm).vcpus();
    // guest_memfd goes first: a page taken away later would be a bug, as the TD has no HKID then.
    assertThat(td.removeExternalSpte(GFN, PageLevel.PG_4K, PFN)).isEqualTo(Errno.OK);
    td.vmPreDestroy();
    td.vcpuFree(vcpu);
    assertThat(td.freeExternalSpt(0, PageLevel.PG_2M, tables + 2)).isEqualTo(Errno.OK);
    assertThat(td.freeExternalSpt(0, PageLevel.PG_1G, tables + 1)).isEqualTo(Errno.OK);
    assertThat(td.freeExternalSpt(0, PageLevel.PG_512G, tables)).isEqualTo(Errno.OK);
    td.vmDestroy();
    verify(memory).free(0x1000, 0); // the TDR, taken first
    verify(vm, never()).leak(anyLong(), anyLong(), anyString());
  }
}
