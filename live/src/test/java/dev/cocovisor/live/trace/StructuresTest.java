package dev.cocovisor.live.trace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.script.text.LogWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StructuresTest {
  private static final long SET_USER_MEMORY_REGION2 = 0x40a0ae49L;
  private static final long PRE_FAULT_MEMORY = 0xc040aed5L;

  private static ByteBuffer bytes(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  @ParameterizedTest
  @ValueSource(
      longs = {
        0x4020ae46L,
        SET_USER_MEMORY_REGION2,
        0xc040aed4L,
        0x4020aed2L,
        PRE_FAULT_MEMORY,
        0x4068aea3L,
        0x4010ae42L,
        0xc018aec0L,
        0x8010aebbL,
        0x8010aebcL,
        0x4020aeaeL
      })
  void noMemberLiesOutsideTheSizeThatTheRequestNames(long request) {
    Structure s = Objects.requireNonNull(Structures.table().of(request));
    assertThat(s.size()).isPositive().isLessThanOrEqualTo((int) (request >>> 16 & 0x3fff));
    assertThat(Structures.table().name(request)).isEqualTo(s.name());
  }

  @Test
  void aSlotIsReadFromItsBytes() {
    Structure s = Objects.requireNonNull(Structures.table().of(SET_USER_MEMORY_REGION2));
    byte[] raw =
        bytes(160)
            .putInt(10)
            .putInt(4)
            .putLong(0xc0000000L)
            .putLong(0x1000)
            .putLong(0x7f0635193000L)
            .putLong(0x2000)
            .putInt(-1)
            .array();
    assertThat(LogWriter.value(s.value(raw)))
        .isEqualTo(
            "{slot=0xa, flags=0x4, guest_phys_addr=0xc0000000, memory_size=0x1000,"
                + " userspace_addr=0x7f0635193000, guest_memfd_offset=0x2000, guest_memfd=-1}");
  }

  @Test
  void whatIsWrittenBackIsTold() {
    Structure s = Objects.requireNonNull(Structures.table().of(PRE_FAULT_MEMORY));
    byte[] raw = bytes(64).putLong(0x3000).putLong(0).array();
    assertThat(LogWriter.value(s.written(raw))).isEqualTo("{gpa=0x3000, size=0}");
  }

  @Test
  void commandsBelongToTheTypeOfTheVm() {
    assertThat(Objects.requireNonNull(Structures.table().command(5, 1)).name())
        .isEqualTo("KVM_TDX_INIT_VM");
    assertThat(Objects.requireNonNull(Structures.table().command(4, 101)).name())
        .isEqualTo("KVM_SEV_SNP_LAUNCH_UPDATE");
    assertThat(Structures.table().command(1, 1)).isNull();
    assertThat(Structures.table().command(5, 77)).isNull();
  }
}
