package dev.cocovisor.core.facts;

import static dev.cocovisor.core.facts.Vmm.BASE;
import static dev.cocovisor.core.facts.Vmm.KEEP_SIZE;
import static dev.cocovisor.core.facts.Vmm.M;
import static dev.cocovisor.core.facts.Vmm.P;
import static dev.cocovisor.core.facts.Vmm.PUNCH;
import static dev.cocovisor.core.facts.Vmm.fd;
import static dev.cocovisor.core.facts.Vmm.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Capability;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.core.host.KvmRun;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The rows of facts §3.3 (private_mem_conversions_test). */
class ConversionFactsTest {
  private static final long SIZE = M + P;
  private static final long MAP_GPA_RANGE = 12;
  private static final long ENCRYPTED = 1L << 4;

  private final Vmm vmm = Vmm.of(Vmm.SW_PROTECTED);
  private final KvmProcess process = vmm.process;
  private long hva;
  private int gmem;

  @BeforeEach
  void memory() {
    hva = vmm.anonymous(2 * M);
    gmem = vmm.gmem(2 * M, 0);
    vmm.privateSlot(1, gpa(0), 2 * M, hva, gmem, 0);
    ok(process.enableCap(vmm.vm, Capability.KVM_CAP_EXIT_HYPERCALL.number(), 0, 1L << 12));
  }

  private static long gpa(long offset) {
    return BASE + offset;
  }

  @Test
  void c1_memoryIsSharedByDefault() {
    vmm.guestWrites(gpa(0), 0xaa);
    assertThat(process.hostRead(hva)).isEqualTo(0xaa);
    ok(process.hostWrite(hva, 0xcc));
    assertThat(vmm.guestReads(gpa(0))).isEqualTo(0xcc);
  }

  @ParameterizedTest
  @CsvSource({"false", "true"})
  void c2_c3_c4_c5_privateWritesStayPrivateUntilTheRangeIsSharedAgain(boolean allocate) {
    for (long offset : new long[] {0, P}) {
      for (long length : new long[] {P, M}) {
        conversionCycle(offset, length, allocate);
      }
    }
    conversionCycle(M, P, allocate);
  }

  private void conversionCycle(long offset, long length, boolean allocate) {
    for (long o = 0; o < SIZE; o += P) {
      ok(process.hostWrite(hva + o, 0xcc));
    }
    ok(process.hostWrite(hva + offset, 0x11));
    convert(offset, length, true, allocate);
    vmm.guestWrites(gpa(offset), 0x22);
    assertThat(vmm.guestReads(gpa(offset))).isEqualTo(0x22);
    assertThat(process.hostRead(hva + offset)).as("the old shared byte").isEqualTo(0x11);
    long outside = offset == 0 ? length : 0;
    assertThat(vmm.guestReads(gpa(outside))).isEqualTo(0xcc);
    convert(offset, length, false, allocate);
    vmm.guestWrites(gpa(offset), 0x33);
    assertThat(process.hostRead(hva + offset)).isEqualTo(0x33);
    ok(process.hostWrite(hva + offset, 0x44));
    assertThat(vmm.guestReads(gpa(offset))).isEqualTo(0x44);
  }

  @Test
  void c3_convertingOddPagesBackLeavesTheOthersPrivate() {
    convert(0, 8 * P, true, false);
    for (long page = 0; page < 8; page++) {
      vmm.guestWrites(gpa(page * P), 0x22);
    }
    for (long page = 1; page < 8; page += 2) {
      ok(process.hostWrite(hva + page * P, 0x11));
      convert(page * P, P, false, false);
    }
    for (long page = 0; page < 8; page++) {
      assertThat(vmm.guestReads(gpa(page * P))).isEqualTo(page % 2 == 0 ? 0x22 : 0x11);
    }
  }

  @Test
  void c6_aPunchedPrivateRangeReadsZeros() {
    convert(0, M, true, true);
    vmm.guestWrites(gpa(0), 0x22);
    vmm.guestWrites(gpa(5 * P), 0x22);
    ok(process.fallocate(gmem, PUNCH, 0, 2 * M));
    assertThat(vmm.guestReads(gpa(0))).isZero();
    vmm.guestWrites(gpa(5 * P), 0x23);
    ok(process.fallocate(gmem, PUNCH, 5 * P, P));
    assertThat(vmm.guestReads(gpa(5 * P))).isZero();
  }

  @Test
  void c7_onlyTheHypercallThatWasEnabledExits() {
    ok(vmm.hypercall(MAP_GPA_RANGE, gpa(0), 1, ENCRYPTED));
    assertThat(vmm.run().exitReason()).isEqualTo(KvmRun.EXIT_HYPERCALL);
    assertThat(vmm.run().nr()).isEqualTo(MAP_GPA_RANGE);
    ok(process.guestResume(vmm.vcpu, 0));
    assertThat(vmm.run().exitReason()).isEqualTo(KvmRun.EXIT_HLT);
    assertThat(vmm.run().value()).isZero();
  }

  @Test
  void c8_theFileOutlivesTheVm() {
    int otherVm = fd(process.createVm(vmm.dev, Vmm.SW_PROTECTED));
    int f = fd(process.createGuestMemfd(otherVm, M, 0));
    ok(process.close(otherVm));
    ok(process.fallocate(f, PUNCH, 0, M));
    ok(process.fallocate(f, KEEP_SIZE, 0, M));
  }

  private void convert(long offset, long length, boolean toPrivate, boolean allocate) {
    ok(vmm.hypercall(MAP_GPA_RANGE, gpa(offset), length / P, toPrivate ? ENCRYPTED : 0));
    assertThat(vmm.run().exitReason()).isEqualTo(KvmRun.EXIT_HYPERCALL);
    assertThat(vmm.run().arg(0)).isEqualTo(gpa(offset));
    assertThat(vmm.run().arg(1)).isEqualTo(length / P);
    if (allocate) {
      ok(process.fallocate(gmem, toPrivate ? KEEP_SIZE : PUNCH, offset, length));
    }
    ok(vmm.attributes(gpa(offset), length, toPrivate ? Vmm.PRIVATE : 0));
    ok(process.guestResume(vmm.vcpu, 0));
  }
}
