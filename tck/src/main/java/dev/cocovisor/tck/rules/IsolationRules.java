package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;
import static dev.cocovisor.tck.subject.Behaviour.DEVICES_REACH_PRIVATE_FRAMES;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.mem.Accessor;
import dev.cocovisor.api.mem.HostMemory;
import dev.cocovisor.api.mem.PhysicalGuard.Verdict;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.subject.Claim;

/** S: who can touch whose memory. */
public interface IsolationRules extends Kit {
  private void toPrivateFrame(Claim claim, Accessor who, boolean write) {
    boolean reaches =
        who.kind() == Accessor.Kind.DEVICE && subject().has(DEVICES_REACH_PRIVATE_FRAMES);
    if (!reaches) {
      needs(claim);
    }
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 0x5e, false);
      long pfn = guest.context().mappedPfn(guest.gfn(0), true);
      claim(pfn >= 0, "the core knows the private frame");
      Verdict v = bench.witness().host().memory().check(who, pfn, write);
      if (reaches) {
        same(Verdict.ALLOW, v, "an access of a device, which nothing stops");
        notes().refused("devices are not kept out, as the technology documents");
      } else {
        claim(
            write ? v != Verdict.ALLOW : v == Verdict.FAULT || v == Verdict.CIPHER,
            who.kind() + (write ? " writes" : " reads") + " a private frame",
            write ? "anything but ALLOW" : "FAULT or CIPHER",
            v);
      }
    });
  }

  /** The kernel cannot read. */
  @Rule(
      id = "S01",
      source =
          "TDX module base specification, memory integrity: wrong key; APM volume 2, 15.34:"
              + " ciphertext; DEN0137, granule protection fault;"
              + " arch/arm64/kvm/hyp/nvhe/mem_protect.c, handle_host_mem_abort")
  default void required_S01_theHostKernelCannotReadPrivateMemory() {
    toPrivateFrame(Claim.HOST_KERNEL_KEPT_OUT, Accessor.HOST_KERNEL, false);
  }

  /** The kernel cannot write. */
  @Rule(
      id = "S02",
      source =
          "APM volume 2, 15.36: RMP #PF; TDX module base specification, memory integrity: poison;"
              + " DEN0137, granule protection fault; arch/arm64/kvm/hyp/nvhe/mem_protect.c,"
              + " handle_host_mem_abort")
  default void required_S02_theHostKernelCannotWritePrivateMemoryUnnoticed() {
    toPrivateFrame(Claim.HOST_KERNEL_KEPT_OUT, Accessor.HOST_KERNEL, true);
  }

  /** User space cannot either. */
  @Rule(
      id = "S03",
      source =
          "as S01, for the VMM's own mappings; virt/kvm/guest_memfd.c, kvm_gmem_fault_user_mapping")
  default void required_S03_theVmmCannotReadPrivateMemory() {
    toPrivateFrame(Claim.VMM_KEPT_OUT, Accessor.HOST_USER, false);
  }

  /** Devices cannot. */
  @Rule(
      id = "S04",
      source =
          "as S02, for DMA: APM volume 2, 15.36; TDX module base specification, memory integrity;"
              + " DEN0137, granule protection")
  default void required_S04_devicesCannotWritePrivateMemoryUnnoticed() {
    toPrivateFrame(Claim.DEVICES_KEPT_OUT, Accessor.DEVICE, true);
  }

  /** Nor read. */
  @Rule(
      id = "S11",
      source =
          "as S01, for DMA: APM volume 2, 15.34; TDX module base specification, memory integrity;"
              + " DEN0137, granule protection")
  default void required_S11_devicesCannotReadPrivateMemory() {
    toPrivateFrame(Claim.DEVICES_KEPT_OUT, Accessor.DEVICE, false);
  }

  /** Nor does the VMM write. */
  @Rule(
      id = "S12",
      source =
          "as S02, for the VMM's own mappings; virt/kvm/guest_memfd.c, kvm_gmem_fault_user_mapping")
  default void required_S12_theVmmCannotWritePrivateMemoryUnnoticed() {
    toPrivateFrame(Claim.VMM_KEPT_OUT, Accessor.HOST_USER, true);
  }

  /** A refused write changes nothing. */
  @Rule(id = "S05", source = "api, PhysicalGuard: FAULT lets nothing through")
  default void required_S05_aHostWriteThatFaultsChangesNothing() {
    needs(Claim.HOST_KERNEL_KEPT_OUT);
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 0x5e, false);
      long pfn = guest.context().mappedPfn(guest.gfn(0), true);
      HostMemory memory = bench.witness().host().memory();
      Verdict v = memory.check(Accessor.HOST_KERNEL, pfn, true);
      Errno errno =
          memory.write(Accessor.HOST_KERNEL, pfn << PageLevel.PAGE_SHIFT, new byte[] {1}, 0, 1);
      same(v == Verdict.FAULT ? Errno.EFAULT : Errno.OK, errno, "the host's write");
      if (v == Verdict.FAULT) {
        same(0x5e, guest.read(0, false), "the guest's byte");
      }
    });
  }

  /** Shared memory is open. */
  @Rule(id = "S06", source = "api, PhysicalGuard: only private frames are guarded")
  default void required_S06_theHostReachesSharedMemory() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      succeeds(bench.process().hostWrite(guest.host(Bench.HUGE), 0x10), "a host store");
      same(0x10L, bench.process().hostRead(guest.host(Bench.HUGE)), "a host load");
      long free = bench.witness().host().memory().allocate(0);
      for (Accessor who :
          new Accessor[] {Accessor.HOST_KERNEL, Accessor.HOST_USER, Accessor.DEVICE}) {
        same(
            Verdict.ALLOW,
            bench.witness().host().memory().check(who, free, true),
            who.kind() + " writes a frame of the host");
      }
      bench.witness().host().memory().free(free, 0);
    });
  }

  /** Firmware is trusted. */
  @Rule(id = "S07", source = "api, Accessor.Kind.FIRMWARE: never refused")
  default void required_S07_firmwareIsNeverRefused() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 1, false);
      long pfn = guest.context().mappedPfn(guest.gfn(0), true);
      same(
          Verdict.ALLOW,
          bench
              .witness()
              .host()
              .memory()
              .check(new Accessor(Accessor.Kind.FIRMWARE, 0, 0), pfn, true),
          "firmware writes a private frame");
    });
  }

  /** Guests are apart. */
  @Rule(
      id = "S08",
      source =
          "virt/kvm/guest_memfd.c, kvm_gmem_prepare_memory_region: a file is one VM's; invariant of"
              + " the model: every frame has one owner")
  default void required_S08_twoGuestsAtOneAddressSeeTheirOwnMemory() {
    needs(Claim.GUESTS_KEPT_APART);
    onBench(bench -> {
      TestedGuest a = bench.launch(MEMORY);
      TestedGuest b = bench.launch(MEMORY);
      a.accept(0, 4 * Bench.PAGE);
      b.accept(0, 4 * Bench.PAGE);
      for (int i = 0; i < 4; i++) {
        a.write(i * Bench.PAGE, 0xa0 + i, false);
        b.write(i * Bench.PAGE, 0xb0 + i, false);
      }
      for (int i = 0; i < 4; i++) {
        same(0xa0 + i, a.read(i * Bench.PAGE, false), "the first guest's page " + i);
        same(0xb0 + i, b.read(i * Bench.PAGE, false), "the second guest's page " + i);
      }
    });
  }

  /** Nothing of a dead guest shows in a new one. */
  @Rule(
      id = "S09",
      source =
          "TDX module 1.5.01, tdg_mem_page_accept.c: zeroed; APM volume 2, 15.34: other key;"
              + " DEN0137, RMI_DATA_DESTROY: scrubbed; arch/arm64/kvm/hyp/nvhe/mem_protect.c,"
              + " __pkvm_host_reclaim_page_guest: cleared")
  default void required_S09_aNewGuestFindsNothingOfAnOldOne() {
    needs(Claim.NOTHING_LEFT_BEHIND);
    onBench(bench -> {
      TestedGuest old = bench.launch(MEMORY);
      old.accept(0, 64 * Bench.PAGE);
      for (int i = 0; i < 64; i++) {
        old.write(i * Bench.PAGE, 0x5f, false);
      }
      old.close();
      TestedGuest fresh = bench.launch(MEMORY);
      fresh.accept(0, 64 * Bench.PAGE);
      for (int i = 0; i < 64; i++) {
        claim(
            fresh.read(i * Bench.PAGE, false) != 0x5f,
            "a new guest's read of page " + i,
            "no secret",
            0x5f);
      }
    });
  }

  /** Nothing of a dead guest shows to the host. */
  @Rule(
      id = "S10",
      source =
          "APM volume 2, 15.34: stays ciphertext; arch/x86/kvm/vmx/tdx.c, tdx_quirk_reset_paddr;"
              + " DEN0137, RMI_DATA_DESTROY: scrubbed; arch/arm64/kvm/hyp/nvhe/mem_protect.c,"
              + " __pkvm_host_reclaim_page_guest: wiped")
  default void required_S10_theHostFindsNoSecretInFreedFrames() {
    needs(Claim.NOTHING_LEFT_BEHIND);
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE);
      byte[] secret = "the secret of a guest".getBytes(java.nio.charset.StandardCharsets.UTF_8);
      for (int i = 0; i < secret.length; i++) {
        guest.write(i, secret[i], false);
      }
      long pfn = guest.context().mappedPfn(guest.gfn(0), true);
      guest.close();
      byte[] seen = new byte[secret.length];
      Errno errno =
          bench
              .witness()
              .host()
              .memory()
              .read(Accessor.HOST_KERNEL, pfn << PageLevel.PAGE_SHIFT, seen, 0, seen.length);
      claim(
          !errno.ok() || !java.util.Arrays.equals(secret, seen),
          "the host's read of a freed frame",
          "no secret",
          "the secret");
    });
  }
}
