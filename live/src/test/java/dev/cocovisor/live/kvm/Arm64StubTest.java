package dev.cocovisor.live.kvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The arm64 guest's code, carried out instruction by instruction; no arm64 machine is needed. */
class Arm64StubTest {
  private static final long CODE = 0x8000_0000L;
  private static final long DATA = 0x9000_0000L;
  private static final long NOWHERE = 0xa000_0000L;
  private static final long ABORTS = 0xb000_0000L;
  private static final long ESR = 0x9600_0010L;

  private final Map<Long, Long> memory = new HashMap<>();
  private @Nullable Arm64Mailbox box;
  private @Nullable Exit exit;
  private long @Nullable [] called;

  private final Arm64Cpu cpu =
      new Arm64Cpu(
          Arm64Stub.listing(),
          CODE,
          new Arm64Cpu.Bus() {
            @Override
            public long load(long address, int bytes) {
              if (Arm64Mailbox.holds(address)) {
                assertThat(bytes).isEqualTo(8);
                Arm64Mailbox now = box;
                return now == null ? 0 : now.load(address);
              }
              exits(address, bytes, false);
              return address == NOWHERE ? 0xff : memory.getOrDefault(address, 0L);
            }

            @Override
            public void store(long address, int bytes, long value) {
              if (Arm64Mailbox.holds(address)) {
                Arm64Mailbox now = box;
                exit = now == null ? null : now.stored(address, value);
                return;
              }
              exits(address, bytes, true);
              memory.put(address, value);
            }

            @Override
            public long hvc(long[] x) {
              called = new long[] {x[0], x[1], x[2], x[3]};
              return -3;
            }
          });

  private void exits(long address, int bytes, boolean write) {
    if (address == ABORTS) {
      throw new Arm64Cpu.Abort(ESR);
    }
    if (address == NOWHERE) {
      exit = new Exit.Mmio(address, bytes, write);
    }
  }

  /** Lets the guest run until its next exit that is an answer. */
  private Exit run(GuestAction action, String what) {
    box = Arm64Mailbox.of(action, what);
    exit = null;
    for (int i = 0; i < 100; i++) {
      cpu.step();
      Exit e = exit;
      if (e != null) {
        return e;
      }
    }
    throw new AssertionError("no answer");
  }

  private Exit read(long gpa) {
    return run(new GuestAction.Read(gpa, GuestAction.NO_CODE, true), "read");
  }

  private Exit write(long gpa, int value) {
    return run(new GuestAction.Write(gpa, value, GuestAction.NO_CODE, true), "write");
  }

  @Test
  void theFirstBytesAreThoseOfTheRecordings() {
    // pkvm-arm64-7.3: guest_read(6, {gpa=0x80000000}) = 1, 0x80000001: 0, 0x80000fff: 0.
    assertThat(Arm64Stub.listing()).startsWith(1, 0).hasSizeLessThan(0xfff);
  }

  @Test
  void whatWasStoredIsLoaded() {
    assertThat(write(DATA, 178)).isEqualTo(new Exit.Done(-1));
    assertThat(memory).containsEntry(DATA, 178L);
    assertThat(read(DATA)).isEqualTo(new Exit.Done(178));
    assertThat(read(DATA + 1)).isEqualTo(new Exit.Done(0));
  }

  @Test
  void aHypercallHasItsFunctionInX0AndThreeArguments() {
    var fields = new Fields().put("fn", 0xc600_0003L).putAny("args", List.<Object>of(7L, 8L, 9L));
    assertThat(run(new GuestAction.Vendor("hvc", fields), "hvc")).isEqualTo(new Exit.Done(-3));
    assertThat(called).containsExactly(0xc600_0003L, 7, 8, 9);
  }

  @Test
  void anAccessToADeviceLeavesAndTheNextActionIsAnsweredForItself() {
    assertThat(read(NOWHERE)).isEqualTo(new Exit.Mmio(NOWHERE, 1, false));
    assertThat(write(DATA, 5)).isEqualTo(new Exit.Done(-1));
    assertThat(write(NOWHERE, 6)).isEqualTo(new Exit.Mmio(NOWHERE, 1, true));
    assertThat(read(DATA)).isEqualTo(new Exit.Done(5));
  }

  @Test
  void anExceptionTellsItsSyndromeAndTheGuestGoesOn() {
    assertThat(read(ABORTS)).isEqualTo(new Exit.GuestAbort(ESR));
    assertThat(write(ABORTS, 1)).isEqualTo(new Exit.GuestAbort(ESR));
    assertThat(write(DATA, 9)).isEqualTo(new Exit.Done(-1));
  }

  @Test
  void whatTheGuestHasNoCodeForIsPassedOverByName() {
    assertThatThrownBy(
            () -> Arm64Mailbox.of(new GuestAction.Vendor("dc_zva", new Fields()), "dc_zva"))
        .isInstanceOf(Unsupported.class)
        .hasMessageContaining("guest_dc_zva");
  }
}
