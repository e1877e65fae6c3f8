package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;

import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Claims;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.bench.Turns;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.vmm.Outcome;
import java.util.List;

/**
 * X: hooks that run side by side under the shared mmu lock. Who goes when is decided step by step
 * and not by the machine, so that a rule finds the same each time.
 */
public interface ConcurrencyRules extends Kit {
  /** vCPUs in the test. */
  int VCPUS = 4;

  /** Steps in a turn: after each step, and so that turns end at other places each time. */
  List<Integer> QUANTA = List.of(1, 3, 17);

  /** Pages that each touches. */
  int PAGES = 32;

  private TestedGuest launchMany(Bench bench) {
    return bench.create().configure(VCPUS).plug(MEMORY).ready().finish();
  }

  /** Disjoint faults. */
  @Rule(id = "X01", source = "tdp_mmu.c, kvm_tdp_mmu_map: under mmu_lock shared")
  default void required_X01_vcpusFaultDisjointMemorySideBySide() {
    for (int quantum : QUANTA) {
      onBench(bench -> {
        TestedGuest guest = launchMany(bench);
        guest.accept(0, MEMORY);
        Turns.run(
            VCPUS,
            quantum,
            v -> {
              for (int i = 0; i < PAGES; i++) {
                writes(guest, v, v * Bench.HUGE + i * Bench.PAGE);
              }
            });
        bench.check();
        for (int v = 0; v < VCPUS; v++) {
          for (int i = 0; i < PAGES; i++) {
            same(v + 1, guest.read(v * Bench.HUGE + i * Bench.PAGE, false), "vCPU " + v);
          }
        }
      });
    }
  }

  private static void writes(TestedGuest guest, int vcpu, long at) {
    Outcome.Told run = guest.tryWrite(vcpu, at, vcpu + 1, false);
    claim(run.done(), "vCPU " + vcpu + "'s write at 0x" + Long.toHexString(at), "done", run);
  }

  /** One page, many vCPUs. */
  @Rule(id = "X02", source = "tdp_mmu.c: a lost race is RET_PF_SPURIOUS or a retry, never an error")
  default void required_X02_vcpusFaultTheSamePagesSideBySide() {
    for (int quantum : QUANTA) {
      onBench(bench -> {
        TestedGuest guest = launchMany(bench);
        guest.accept(0, Bench.HUGE);
        Turns.run(
            VCPUS,
            quantum,
            v -> {
              for (int i = 0; i < PAGES; i++) {
                writes(guest, v, i * Bench.PAGE + v);
              }
            });
        bench.check();
        for (int v = 0; v < VCPUS; v++) {
          for (int i = 0; i < PAGES; i++) {
            same(v + 1, guest.read(i * Bench.PAGE + v, false), "the byte of vCPU " + v);
          }
        }
      });
    }
  }

  /** VMs side by side. */
  @Rule(id = "X03", source = "api, Platform: shared by all its VMs")
  default void required_X03_vmsRunSideBySide() {
    for (int quantum : QUANTA) {
      onBench(bench -> {
        TestedGuest[] guests = new TestedGuest[VCPUS];
        for (int v = 0; v < VCPUS; v++) {
          guests[v] = bench.launch(MEMORY);
          guests[v].accept(0, Bench.HUGE);
        }
        Turns.run(
            VCPUS,
            quantum,
            v -> {
              for (int i = 0; i < PAGES; i++) {
                guests[v].write(i * Bench.PAGE, v + 1, false);
              }
            });
        bench.check();
        for (int v = 0; v < VCPUS; v++) {
          same(v + 1, guests[v].read((PAGES - 1) * Bench.PAGE, false), "memory of VM " + v);
        }
      });
    }
  }

  /** Conversions beside faults: of neighbours in the same 2 MiB, and of memory elsewhere. */
  @Rule(id = "X04", source = "mmu.c, mmu_invalidate_retry_gfn: a fault beside a zap is tried again")
  default void required_X04_aConversionLeavesTheOtherVcpusAlone() {
    for (int quantum : QUANTA) {
      onHugeBench(bench -> {
        TestedGuest guest = launchMany(bench);
        guest.accept(0, MEMORY);
        guest.write(0, 1, false);
        Turns.run(
            VCPUS,
            quantum,
            v -> {
              for (int i = 1; i <= PAGES; i++) {
                if (v == 0 && subject().has(Behaviour.CONVERT)) {
                  Claims.succeeds(guest.convert(0, Bench.PAGE, i % 2 == 0), "conversion " + i);
                } else {
                  writes(guest, v, beside(v, i));
                }
              }
            });
        bench.check();
        for (int v = 1; v < VCPUS; v++) {
          for (int i = 1; i <= PAGES; i++) {
            same(v + 1, guest.read(beside(v, i), false), "vCPU " + v + ", page " + i);
          }
        }
      });
    }
  }

  /** Where a vCPU touches its page: the last one elsewhere, the others beside what is converted. */
  private static long beside(int vcpu, int page) {
    return (vcpu == VCPUS - 1 ? Bench.HUGE : (long) vcpu * PAGES * Bench.PAGE) + page * Bench.PAGE;
  }
}
