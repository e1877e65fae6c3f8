package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.vmm.VmmBank;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Outcome;
import dev.cocovisor.vmm.Technology;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The rows V1 to V10 of the kernel's guest_memfd_conversions_test, on each technology whose private
 * memory is a guest_memfd. What a page holds afterwards is the technology's: kept on
 * software-protected guests, zeros where the trusted half clears (TDX, CCA), what the key makes of
 * the bytes on SNP. Only the first is recorded; the others follow the hooks the series calls.
 */
class InPlaceConversionTest {
  private static final long PAGE = 4096;
  private static final long AT = 0x10000;

  /** A launched guest of a 7.4 host, and what its technology makes of contents. */
  private static final class On implements AutoCloseable {
    final Technology technology;
    final KvmProcess process;
    final Guest guest;

    On(String id) {
      this(id, "7.4", false);
      launched();
    }

    On(String id, String kernel, boolean series) {
      technology = Examples.TECHNOLOGIES.require(id);
      var backend = technology.backend();
      HostConfig config =
          HostConfig.DEFAULT.withArchitecture(technology.architecture()).withKernel(kernel);
      if (series) {
        config = config.withSetting("gmem_in_place_conversion", "1");
      }
      process = new KvmProcess(new Kvm(config, backend == null ? List.of() : List.of(backend)));
      guest = new Guest(technology, process, GuestLaunch.DEFAULT.withMemory(2 << 20));
      assertThat(guest.launch()).isNotNegative();
      assertThat(guest.machine().convertsInPlace()).isTrue();
    }

    void launched() {
      assertThat(guest.populate(0, PAGE, 1, true)).isNotNegative();
      assertThat(guest.finish().done()).isTrue();
    }

    boolean keeps() {
      return technology.id().equals("sw-protected");
    }

    boolean clears() {
      return technology.id().equals("tdx") || technology.id().equals("cca");
    }

    void accept(long at) {
      var _ = guest.accept(0, at, PAGE, PageLevel.PG_4K);
    }

    void write(long at, int value, boolean shared) {
      Outcome.Told told = guest.write(0, at, value, shared);
      assertThat(told.done()).as(told.toString()).isTrue();
    }

    long read(long at, boolean shared) {
      Outcome.Told told = guest.read(0, at, shared);
      assertThat(told.done()).as(told.toString()).isTrue();
      return told.value();
    }

    void convert(long at, boolean toPrivate) {
      Outcome done = guest.convert(0, at, PAGE, toPrivate);
      assertThat(done.done()).as(done.toString()).isTrue();
      if (toPrivate) {
        accept(at);
      }
    }

    /** Checks what a page holds after it changed sides once. */
    void holds(long found, int before) {
      if (keeps()) {
        assertThat(found).isEqualTo(before);
      } else if (clears()) {
        assertThat(found).isZero();
      } else {
        assertThat(found).isNotEqualTo(before);
      }
    }

    VmmBank bank() {
      return guest.machine().banks().getFirst();
    }

    @Override
    public void close() {
      assertThat(process.kvm().violations()).isEmpty();
      process.kvm().close();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v1ToPrivateTheHostLosesThePageAndTheGuestHasIt(String id) {
    try (var on = new On(id)) {
      on.accept(AT);
      on.convert(AT, false);
      assertThat(on.guest.hostWrite(AT, 0xa)).isZero();
      assertThat(on.read(AT, true)).isEqualTo(0xa);
      on.write(AT, 0xb, true);
      on.convert(AT, true);
      assertThat(on.guest.hostRead(AT)).isEqualTo(KvmProcess.SIGBUS);
      assertThat(on.guest.hostWrite(AT, 1)).isEqualTo(KvmProcess.SIGBUS);
      on.holds(on.read(AT, false), 0xb);
      on.write(AT, 0xc, false);
      assertThat(on.read(AT, false)).isEqualTo(0xc);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v2BackToSharedTheHostReadsWhatIsLeft(String id) {
    try (var on = new On(id)) {
      on.accept(AT);
      on.write(AT, 0xc, false);
      on.convert(AT, false);
      on.holds(on.guest.hostRead(AT), 0xc);
      assertThat(on.guest.hostWrite(AT, 0xd)).isZero();
      assertThat(on.read(AT, true)).isEqualTo(0xd);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v3WhatBeginsPrivateIsNotTheHostsAndZero(String id) {
    try (var on = new On(id)) {
      assertThat(on.guest.hostRead(AT)).isEqualTo(KvmProcess.SIGBUS);
      on.accept(AT);
      assertThat(on.read(AT, false)).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v4AStateIsRememberedBeforeThereIsAPage(String id) {
    try (var on = new On(id)) {
      assertThat(on.guest.hostConvert(AT, PAGE, false)).isZero();
      assertThat(on.guest.hostRead(AT)).isZero();
      assertThat(on.guest.hostConvert(AT + PAGE, PAGE, false)).isZero();
      assertThat(on.guest.hostConvert(AT + PAGE, PAGE, true)).isZero();
      assertThat(on.guest.hostRead(AT + PAGE)).isEqualTo(KvmProcess.SIGBUS);
      on.accept(AT + PAGE);
      assertThat(on.read(AT + PAGE, false)).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v5OnlyThePageThatIsMeantChanges(String id) {
    try (var on = new On(id)) {
      for (int k = 0; k < 4; k++) {
        on.accept(AT + k * PAGE);
        on.write(AT + k * PAGE, 0x20 + k, false);
      }
      for (int k = 0; k < 4; k++) {
        on.convert(AT + k * PAGE, false);
        for (int other = 0; other < 4; other++) {
          long host = on.guest.hostRead(AT + other * PAGE);
          if (other <= k) {
            assertThat(host).isNotNegative();
          } else {
            assertThat(host).isEqualTo(KvmProcess.SIGBUS);
            assertThat(on.read(AT + other * PAGE, false)).isEqualTo(0x20 + other);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v6OfSomeAllocatedFoliosEachIsConvertedForItself(String id) {
    try (var on = new On(id)) {
      on.accept(AT + PAGE);
      on.write(AT + PAGE, 0x31, false);
      on.accept(AT + 3 * PAGE);
      on.write(AT + 3 * PAGE, 0x33, false);
      assertThat(on.guest.hostConvert(AT, 4 * PAGE, false)).isZero();
      assertThat(on.guest.hostRead(AT)).isZero();
      on.holds(on.guest.hostRead(AT + PAGE), 0x31);
      assertThat(on.guest.hostRead(AT + 2 * PAGE)).isZero();
      on.holds(on.guest.hostRead(AT + 3 * PAGE), 0x33);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v7AHoleChangesNoState(String id) {
    try (var on = new On(id)) {
      on.accept(AT);
      on.write(AT, 5, false);
      assertThat(on.guest.hostConvert(AT + PAGE, PAGE, false)).isZero();
      assertThat(on.guest.hostWrite(AT + PAGE, 6)).isZero();
      assertThat(on.guest.punch(AT, 2 * PAGE)).isZero();
      assertThat(on.guest.hostRead(AT)).isEqualTo(KvmProcess.SIGBUS);
      assertThat(on.guest.hostRead(AT + PAGE)).isZero();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v8APageThatIsHeldStaysSharedUntilItIsLetGo(String id) {
    try (var on = new On(id)) {
      assertThat(on.guest.hostConvert(AT, 4 * PAGE, false)).isZero();
      assertThat(on.guest.hostWrite(AT + 2 * PAGE, 9)).isZero();
      assertThat(on.guest.pin(AT + 2 * PAGE, PAGE)).isEqualTo(PAGE);
      long again = -Errno.EAGAIN.number();
      assertThat(on.guest.hostConvert(AT, 4 * PAGE, true)).isEqualTo(again);
      assertThat(on.guest.machine().errorOffset()).isEqualTo(AT + 2 * PAGE);
      assertThat(on.guest.hostRead(AT + 2 * PAGE)).isEqualTo(9);
      assertThat(on.guest.hostConvert(AT, PAGE, true)).isZero();
      assertThat(on.guest.hostConvert(AT + 3 * PAGE, PAGE, true)).isZero();
      assertThat(on.guest.unpin()).isZero();
      assertThat(on.guest.hostConvert(AT, 4 * PAGE, true)).isZero();
      assertThat(on.guest.hostRead(AT + 2 * PAGE)).isEqualTo(KvmProcess.SIGBUS);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v9AForkedChildLosesThePageToo(String id) {
    try (var on = new On(id)) {
      assertThat(on.guest.hostConvert(AT, PAGE, false)).isZero();
      assertThat(on.guest.hostWrite(AT, 4)).isZero();
      long user = on.guest.userAddress(AT);
      var child = on.process.fork();
      assertThat(child.fault(user, false)).isNotNegative();
      assertThat(on.guest.hostConvert(AT, PAGE, true)).isZero();
      assertThat(child.fault(user, false)).isNegative();
      assertThat(child.fault(user, true)).isNegative();
      assertThat(on.process.forkAndRead(user)).isEqualTo(KvmProcess.SIGBUS);
      child.clear();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"sw-protected", "tdx", "sev-snp", "cca"})
  void v10TheFileDecidesWhateverTheVmIsTold(String id) {
    try (var on = new On(id, "7.3", true)) {
      on.launched();
      on.accept(AT);
      on.write(AT, 5, false);
      int vm = on.guest.machine().vmFd();
      long gpa = on.guest.gpa(AT);
      assertThat(on.process.setMemoryAttributes(vm, gpa, PAGE, 0, 0)).isZero();
      assertThat(on.process.setMemoryAttributes(vm, gpa, PAGE, 8, 0))
          .isEqualTo(-Errno.EINVAL.number());
      assertThat(on.read(AT, false)).isEqualTo(5);
      assertThat(on.guest.hostRead(AT)).isEqualTo(KvmProcess.SIGBUS);
      assertThat(on.bank().guestMemfd()).isNotNegative();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tdx", "sev-snp"})
  void aPageIsMeasuredWithWhatItHeldWhileItWasShared(String id) {
    try (var on = new On(id, "7.4", false)) {
      assertThat(on.guest.hostConvert(AT, PAGE, false)).isZero();
      assertThat(on.guest.hostWrite(AT, 0x42)).isZero();
      assertThat(on.guest.hostConvert(AT, PAGE, true)).isZero();
      assertThat(on.guest.populateFrom(AT, PAGE, 0, true)).isNotNegative();
      on.launched();
      assertThat(on.read(AT, false)).isEqualTo(0x42);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tdx", "sev-snp"})
  void withoutTheSeriesASourceIsAskedFor(String id) {
    var technology = Examples.TECHNOLOGIES.require(id);
    var backend = java.util.Objects.requireNonNull(technology.backend());
    var process = new KvmProcess(new Kvm(HostConfig.DEFAULT, List.of(backend)));
    var guest = new Guest(technology, process, GuestLaunch.DEFAULT.withMemory(2 << 20));
    assertThat(guest.launch()).isNotNegative();
    assertThat(guest.populateFrom(AT, PAGE, 0, true)).isEqualTo(-Errno.EINVAL.number());
    process.kvm().close();
  }
}
