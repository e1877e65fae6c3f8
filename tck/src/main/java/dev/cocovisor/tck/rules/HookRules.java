package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;
import static dev.cocovisor.tck.bench.Claims.succeeds;
import static dev.cocovisor.tck.subject.Behaviour.CONVERT;
import static dev.cocovisor.tck.subject.Behaviour.ENCRYPTION_BITMAP;
import static dev.cocovisor.tck.subject.Behaviour.ENCRYPTION_BITMAP_RESET;
import static dev.cocovisor.tck.subject.Behaviour.REGISTER_REGION;

import com.sun.management.ThreadMXBean;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.witness.HookCall;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;

/** K: hooks called as the kernel calls them, and the rest of the table. */
public interface HookRules extends Kit {
  /** The bitmap round-trips, or is not there. */
  @Rule(id = "K01", source = "the 2020 live-migration series: KVM_GET/SET_PAGE_ENC_BITMAP")
  default void required_K01_theEncryptionBitmapRoundTripsOrIsNotThere() {
    onBench(bench -> {
      VmOps ops = bench.launch(MEMORY).ops();
      long[] bits = {0x5555_aaaa_0f0f_f0f0L};
      if (!subject().has(ENCRYPTION_BITMAP)) {
        same(Errno.ENOTTY, ops.getPageEncBitmap(0, 64, bits), "KVM_GET_PAGE_ENC_BITMAP");
        same(Errno.ENOTTY, ops.setPageEncBitmap(0, 64, bits), "KVM_SET_PAGE_ENC_BITMAP");
        same(Errno.ENOTTY, ops.resetPageEncBitmap(), "KVM_PAGE_ENC_BITMAP_RESET");
        absent(ENCRYPTION_BITMAP, "its calls answered -ENOTTY");
        return;
      }
      same(Errno.OK, ops.setPageEncBitmap(0, 64, bits), "KVM_SET_PAGE_ENC_BITMAP");
      long[] back = new long[1];
      same(Errno.OK, ops.getPageEncBitmap(0, 64, back), "KVM_GET_PAGE_ENC_BITMAP");
      same(bits[0], back[0], "the bitmap read back");
      allEncrypted(ops);
      same(Errno.OK, ops.getPageEncBitmap(0, 64, back), "KVM_GET_PAGE_ENC_BITMAP");
      same(-1L, back[0], "all pages are encrypted after a reset");
    });
  }

  private void allEncrypted(VmOps ops) {
    Errno reset = ops.resetPageEncBitmap();
    if (subject().has(ENCRYPTION_BITMAP_RESET)) {
      same(Errno.OK, reset, "KVM_PAGE_ENC_BITMAP_RESET");
      return;
    }
    same(Errno.ENOTTY, reset, "KVM_PAGE_ENC_BITMAP_RESET");
    absent(ENCRYPTION_BITMAP_RESET, "KVM_PAGE_ENC_BITMAP_RESET answered -ENOTTY");
    long[] all = {-1L};
    same(Errno.OK, ops.setPageEncBitmap(0, 64, all), "KVM_SET_PAGE_ENC_BITMAP");
  }

  /** The guest's report lands in the bitmap. */
  @Rule(id = "K02", source = "the 2020 live-migration series: page_enc_status_hc")
  default void required_K02_theGuestsReportShowsInTheBitmap() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      VmOps ops = guest.ops();
      var vcpu = guest.ops().vcpus().getFirst();
      if (!subject().has(ENCRYPTION_BITMAP)) {
        same(Errno.ENOSYS, ops.pageEncStatusHc(vcpu, 0, 1, false), "the hypercall");
        absent(ENCRYPTION_BITMAP, "the hypercall answered -ENOSYS");
        return;
      }
      allEncrypted(ops);
      same(Errno.OK, ops.pageEncStatusHc(vcpu, 3 * Bench.PAGE, 2, false), "the hypercall");
      long[] back = new long[1];
      same(Errno.OK, ops.getPageEncBitmap(0, 64, back), "KVM_GET_PAGE_ENC_BITMAP");
      same(~0x18L, back[0], "pages 3 and 4 are plain");
    });
  }

  /** Regions are registered, or not. */
  @Rule(id = "K03", source = "x86.c: KVM_MEMORY_ENCRYPT_REG_REGION, ENOTTY without the op")
  default void required_K03_regionsAreRegisteredOrNot() {
    onBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      int vm = guest.machine().vmFd();
      long user = guest.host(0);
      if (!subject().has(REGISTER_REGION)) {
        notOffered(
            REGISTER_REGION,
            bench.process().memoryEncryptRegion(vm, true, user, Bench.PAGE),
            "KVM_MEMORY_ENCRYPT_REG_REGION");
        return;
      }
      same(
          0L,
          bench.process().memoryEncryptRegion(vm, true, user, Bench.PAGE),
          "KVM_MEMORY_ENCRYPT_REG_REGION");
      same(
          0L,
          bench.process().memoryEncryptRegion(vm, false, user, Bench.PAGE),
          "KVM_MEMORY_ENCRYPT_UNREG_REGION");
      claim(
          bench.process().memoryEncryptRegion(vm, false, user, Bench.PAGE) < 0,
          "what is not registered cannot be unregistered");
    });
  }

  /** Strangers' contexts are refused. */
  @Rule(id = "K04", source = "sev.c, sev_vm_copy_enc_context_from, sev_vm_move_enc_context_from")
  default void required_K04_aContextOfAnotherTechnologyIsRefused() {
    onBench(bench -> {
      TestedGuest guest = bench.create();
      VmOps stranger = new VmOps() {};
      claim(!guest.ops().vmCopyEncContextFrom(stranger).ok(), "a stranger's context was copied");
      claim(!guest.ops().vmMoveEncContextFrom(stranger).ok(), "a stranger's context was moved");
    });
  }

  /** Hooks on the way of a fault do not allocate. */
  @Rule(id = "K05", source = "api, MappingOps: none of them may allocate on the fault path")
  default void required_K05_hooksOnTheFaultPathDoNotAllocate() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 1, false);
      VmOps ops = guest.ops().delegate();
      var vcpu = guest.ops().vcpus().getFirst();
      long gfn = guest.gfn(0);
      long pfn = guest.context().mappedPfn(gfn, true);
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      int rounds = 2_000;
      long least = Long.MAX_VALUE;
      for (int attempt = 0; attempt < 20; attempt++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < rounds; i++) {
          var _ = ops.privateMaxMappingLevel(vcpu, pfn, gfn, false);
          var _ = ops.faultLevelHint(vcpu, gfn);
          var _ = ops.gmemMaxMappingLevel(pfn, 0, true);
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      claim(
          least < 4L * rounds, "bytes allocated by " + rounds + " rounds of hooks", "none", least);
    });
  }

  /** Hooks come in the kernel's order. */
  @Rule(id = "K06", source = "x86.c, kvm_arch_init_vm … kvm_arch_destroy_vm")
  default void required_K06_birthAndDeathComeInTheKernelsOrder() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, Bench.PAGE).write(0, 1, false);
      guest.close();
      List<String> names = bench.witness().calls().stream().map(HookCall::name).toList();
      List<String> order = new ArrayList<>();
      for (String hook :
          List.of(
              "vm_init",
              "vcpu_create",
              "vm_pre_destroy",
              "vcpu_free",
              "guest_memory_reclaimed",
              "vm_destroy")) {
        if (names.contains(hook)) {
          order.add(hook);
        }
      }
      List<Integer> at = order.stream().map(names::indexOf).toList();
      same(at.stream().sorted().toList(), at, "order of " + order);
      claim(order.contains("vm_init") && order.contains("vm_destroy"), "birth and death");
    });
  }

  /** Table pages go before their frames are used otherwise. */
  @Rule(id = "K07", source = "tdp_mmu.c, handle_removed_pt: leaves before the table they hang on")
  default void required_K07_leavesGoBeforeTheTablesThatHoldThem() {
    onBench(bench -> {
      TestedGuest guest = bench.launch(MEMORY);
      guest.accept(0, 4 * Bench.PAGE);
      guest.write(0, 1, false);
      int tables = bench.witness().calls("link_external_spt").size();
      guest.close();
      List<HookCall> freed = bench.witness().calls("free_external_spt");
      freed.forEach(c -> same("OK", c.result(), "free_external_spt of gfn " + c.gfn()));
      int split =
          (int)
              bench.witness().calls("split_external_spt").stream()
                  .filter(c -> c.result().equals("OK"))
                  .count();
      same(tables + split, freed.size(), "tables freed of those that were linked");
    });
  }

  /** Contexts of the same technology. */
  @Rule(id = "K08", source = "sev.c, sev_vm_move_enc_context_from: the source dies of success only")
  default void required_K08_aRefusedMoveOfAContextChangesNeitherSide() {
    onBench(bench -> {
      TestedGuest source = bench.launch(MEMORY);
      TestedGuest target = bench.launch(MEMORY);
      source.accept(0, Bench.PAGE).write(0, 0x2b, false);
      target.accept(0, Bench.PAGE).write(0, 0x2c, false);
      VmOps inner = source.ops().delegate();
      claim(!target.ops().vmMoveEncContextFrom(inner).ok(), "a launched VM took a context");
      claim(!target.ops().vmCopyEncContextFrom(inner).ok(), "a launched VM copied a context");
      claim(!source.ops().vmMoveEncContextFrom(inner).ok(), "a VM took its own context");
      bench.check();
      same(0x2b, source.read(0, false), "the source's memory");
      same(0x2c, target.read(0, false), "the target's memory");
    });
  }

  /** Bounds of the bitmap. */
  @Rule(
      id = "K09",
      source =
          "the 2020 live-migration series, svm_get_page_enc_bitmap and svm_set_page_enc_bitmap")
  default void required_K09_theBitmapHasBounds() {
    onBench(bench -> {
      VmOps ops = bench.launch(MEMORY).ops();
      Errno expected = subject().has(ENCRYPTION_BITMAP) ? Errno.EINVAL : Errno.ENOTTY;
      if (!subject().has(ENCRYPTION_BITMAP)) {
        absent(ENCRYPTION_BITMAP, "its calls answered -ENOTTY wherever they were made");
      }
      long[] bits = new long[1];
      for (long start : new long[] {-64, 1L << 40, Long.MAX_VALUE}) {
        bits[0] = 0;
        Errno got = ops.getPageEncBitmap(start, 64, bits);
        // Beyond what was ever recorded a page is encrypted, or the call is refused.
        if (start == 1L << 40 && got.ok() && subject().has(ENCRYPTION_BITMAP)) {
          same(-1L, bits[0], "bits at " + start);
        } else {
          same(expected, got, "get at " + start);
        }
        Errno set = ops.setPageEncBitmap(start, 64, bits);
        boolean noRoom = subject().has(ENCRYPTION_BITMAP) && set == Errno.ENOMEM;
        claim(set == expected || noRoom, "the bitmap set at " + start, "" + expected, set);
      }
    });
  }

  /** Hooks under a spinlock do not sleep. */
  @Rule(id = "K10", source = "api, VmContext; mmu_lock is a spinning lock: might_sleep() splats")
  default void required_K10_noHookSleepsUnderTheMmuLock() {
    onHugeBench(bench -> {
      TestedGuest guest = bench.prepare(MEMORY);
      var _ = guest.populate(0, Bench.PAGE, 1, true);
      guest.finish();
      guest.accept(Bench.HUGE, Bench.HUGE);
      guest.write(Bench.HUGE, 1, false);
      if (subject().has(CONVERT)) {
        succeeds(guest.convert(Bench.HUGE, Bench.PAGE, false), "to shared");
        succeeds(guest.convert(Bench.HUGE, Bench.PAGE, true), "to private");
      }
      guest.close();
      bench.check(); // the witness has seen whatever was called too early or too late
    });
  }
}
