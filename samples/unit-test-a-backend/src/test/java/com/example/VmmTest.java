package com.example;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.mockito.ArgumentMatchers.anyInt;
import static org.mockito.ArgumentMatchers.anyLong;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.verify;
import static org.mockito.Mockito.when;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.uapi.MemoryAttributes;
import dev.cocovisor.api.vmm.VmmCalls;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.tdx.kvm.TdxBackend;
import org.junit.jupiter.api.Test;

/** A technology's VMM against mocked system calls: no kernel, no module, only what it asks for. */
class VmmTest {
  @Test
  void aConversionIsOneCall() {
    VmmCalls calls = mock(VmmCalls.class);
    when(calls.setMemoryAttributes(anyInt(), anyLong(), anyLong(), anyLong(), anyLong()))
        .thenReturn(0L);
    VmmDriver vmm = new TdxBackend().vmm();
    assertEquals(0, vmm.convert(new VmmMachine(calls, 5, new Fields()), 0x1000, 0x2000, true));
    verify(calls).setMemoryAttributes(5, 0x1000, 0x2000, MemoryAttributes.PRIVATE, 0);
  }
}
