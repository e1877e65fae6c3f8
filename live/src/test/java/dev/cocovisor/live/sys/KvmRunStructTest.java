package dev.cocovisor.live.sys;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.script.call.ExitValues;
import dev.cocovisor.script.call.Words;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Value;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

class KvmRunStructTest {
  private final ByteBuffer page =
      ByteBuffer.allocate(KvmRunStruct.SIZE).order(ByteOrder.LITTLE_ENDIAN);

  private String exit(int reason) {
    page.putInt(8, reason);
    return LogWriter.result(
        LogResult.of(Value.Num.of(0))
            .with(ExitValues.of(new KvmRunStruct(page).exit(), "", Words.KERNEL)));
  }

  @Test
  void mmio() {
    page.putLong(32, 0xfed00000L).putInt(48, 4).put(52, (byte) 1);
    assertThat(exit(6)).isEqualTo("0 (KVM_EXIT_MMIO, phys_addr=0xfed00000, len=4, is_write=1)");
  }

  @Test
  void aFaultOnMemory() {
    page.putLong(32, 8).putLong(40, 0xc0000000L).putLong(48, 0x1000);
    assertThat(exit(39))
        .isEqualTo("0 (KVM_EXIT_MEMORY_FAULT, flags=0x8, gpa=0xc0000000, size=0x1000)");
  }

  @Test
  void aHypercallAndItsAnswer() {
    page.putLong(32, 12).putLong(40, 0x1000).putLong(48, 2).putLong(56, 0x10);
    page.putLong(88, -22).putLong(96, 1);
    assertThat(exit(3))
        .isEqualTo("0 (KVM_EXIT_HYPERCALL, nr=12, args={0x1000, 0x2, 0x10}, flags=0x1)");
    assertThat(new KvmRunStruct(page).hypercallAnswer()).isEqualTo(-22);
  }

  @Test
  void exitsWithoutMemoryAreTheirReason() {
    assertThat(exit(2)).isEqualTo("0 (KVM_EXIT_IO)");
    assertThat(exit(99)).isEqualTo("0 (KVM_EXIT_99)");
  }
}
