package dev.cocovisor.tck.rules;

import static dev.cocovisor.tck.bench.Claims.claim;
import static dev.cocovisor.tck.bench.Claims.same;

import dev.cocovisor.tck.bench.Bench;
import dev.cocovisor.tck.bench.Claims;
import dev.cocovisor.tck.bench.Kit;
import dev.cocovisor.tck.bench.TestedGuest;
import dev.cocovisor.tck.subject.Behaviour;
import dev.cocovisor.vmm.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** X: hooks that run side by side under the shared mmu lock. */
public interface ConcurrencyRules extends Kit {
  /** vCPUs in the test. */
  int VCPUS = 4;

  /** What one vCPU does. */
  @FunctionalInterface
  interface VcpuWork {
    /** Runs one vCPU, numbered from 0. */
    void run(int vcpu);
  }

  private static void sideBySide(VcpuWork work) {
    CyclicBarrier start = new CyclicBarrier(VCPUS);
    try (ExecutorService pool = Executors.newFixedThreadPool(VCPUS)) {
      List<Future<?>> all = new ArrayList<>();
      for (int v = 0; v < VCPUS; v++) {
        int vcpu = v;
        all.add(
            pool.submit(() -> {
              start.await(30, TimeUnit.SECONDS);
              work.run(vcpu);
              return null;
            }));
      }
      for (Future<?> f : all) {
        f.get(60, TimeUnit.SECONDS);
      }
    } catch (ExecutionException e) {
      throw new AssertionError("a vCPU failed: " + e.getCause(), e.getCause());
    } catch (InterruptedException | TimeoutException e) {
      throw new AssertionError("vCPUs did not come to an end", e);
    }
  }

  private TestedGuest launchMany(Bench bench) {
    return bench.create().configure(VCPUS).plug(MEMORY).ready().finish();
  }

  /** Disjoint faults. */
  @Rule(id = "X01", source = "tdp_mmu.c, kvm_tdp_mmu_map: under mmu_lock shared")
  default void required_X01_vcpusFaultDisjointMemorySideBySide() {
    onBench(bench -> {
      TestedGuest guest = launchMany(bench);
      guest.accept(0, MEMORY);
      sideBySide(v -> {
        for (int i = 0; i < 128; i++) {
          long at = v * Bench.HUGE + i * Bench.PAGE;
          Outcome.Told run = guest.tryWrite(v, at, v + 1, false);
          claim(run.done(), "vCPU " + v + " at " + at + ": " + run);
        }
      });
      bench.check();
      for (int v = 0; v < VCPUS; v++) {
        same(v + 1, guest.read(v * Bench.HUGE + 127 * Bench.PAGE, false), "vCPU " + v);
      }
    });
  }

  /** One page, many vCPUs. */
  @Rule(id = "X02", source = "tdp_mmu.c: a lost race is RET_PF_SPURIOUS or a retry, never an error")
  default void required_X02_vcpusFaultTheSamePagesSideBySide() {
    onBench(bench -> {
      TestedGuest guest = launchMany(bench);
      guest.accept(0, Bench.HUGE);
      sideBySide(v -> {
        for (int i = 0; i < 128; i++) {
          Outcome.Told run = guest.tryWrite(v, i * Bench.PAGE + v, v + 1, false);
          claim(run.done(), "vCPU " + v + ", page " + i + ": " + run);
        }
      });
      bench.check();
      for (int v = 0; v < VCPUS; v++) {
        same(v + 1, guest.read(5 * Bench.PAGE + v, false), "the byte of vCPU " + v);
      }
    });
  }

  /** VMs side by side. */
  @Rule(id = "X03", source = "api, Platform: shared by all its VMs")
  default void required_X03_vmsRunSideBySide() {
    onBench(bench -> {
      TestedGuest[] guests = new TestedGuest[VCPUS];
      for (int v = 0; v < VCPUS; v++) {
        guests[v] = bench.launch(MEMORY);
        guests[v].accept(0, Bench.HUGE);
      }
      sideBySide(v -> {
        for (int i = 0; i < 128; i++) {
          guests[v].write(i * Bench.PAGE, v + 1, false);
        }
      });
      bench.check();
      for (int v = 0; v < VCPUS; v++) {
        same(v + 1, guests[v].read(127 * Bench.PAGE, false), "memory of VM " + v);
      }
    });
  }

  /** Conversions beside faults. */
  @Rule(id = "X04", source = "mmu.c, mmu_invalidate_retry_gfn: a fault beside a zap is tried again")
  default void required_X04_aConversionLeavesTheOtherVcpusAlone() {
    onBench(bench -> {
      TestedGuest guest = launchMany(bench);
      guest.accept(0, MEMORY);
      guest.write(0, 1, false);
      sideBySide(v -> {
        for (int i = 0; i < 64; i++) {
          if (v == 0 && subject().has(Behaviour.CONVERT)) {
            Claims.succeeds(guest.convert(0, Bench.PAGE, i % 2 == 1), "conversion " + i);
          } else {
            long at = v * Bench.HUGE + i * Bench.PAGE;
            Outcome.Told run = guest.tryWrite(v, at, v + 1, false);
            claim(run.done(), "vCPU " + v + " at " + at + ": " + run);
          }
        }
      });
      bench.check();
      for (int v = 1; v < VCPUS; v++) {
        same(v + 1, guest.read(v * Bench.HUGE + 63 * Bench.PAGE, false), "vCPU " + v);
      }
    });
  }
}
