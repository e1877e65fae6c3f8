package dev.cocovisor.bench;

import dev.cocovisor.core.vm.Vcpu;
import java.lang.ref.Reference;
import java.util.List;

/**
 * Heap a mapped private 4 KiB page costs: everything the model keeps (guest_memfd, tables, for TDX
 * mirror, Secure EPT and PAMT) over the number of pages. Run as {@code benchmarks/run heap [GIB]}.
 */
public final class HeapPerPage {
  private HeapPerPage() {}

  /** Measures each technology and prints a line each. */
  public static void main(String[] args) {
    long gib = args.length > 0 ? Long.parseLong(args[0]) : 4;
    for (String backend : List.of(BenchVm.SW_PROTECTED, "sev-snp", "tdx")) {
      measure(backend, gib << 30);
    }
  }

  private static void measure(String backend, long size) {
    long before = used();
    BenchVm machine = new BenchVm(backend, 1, size, false);
    long launched = used();
    Vcpu vcpu = machine.vcpu(0);
    long mapped;
    try {
      machine.map(vcpu, 0, size, new long[2]);
      mapped = used();
    } finally {
      Reference.reachabilityFence(machine);
    }
    double pages = size / 4096.0;
    System.out.printf(
        "%-14s pages=%.0f heap-per-page=%.1f bytes (launched, nothing mapped: %.1f MiB; 1 TiB: %.1f"
            + " GiB)%n",
        backend,
        pages,
        (mapped - before) / pages,
        (launched - before) / 1048576.0,
        (mapped - before) / pages * (1L << 28) / (1L << 30));
  }

  private static long used() {
    Runtime runtime = Runtime.getRuntime();
    for (int i = 0; i < 4; i++) {
      System.gc();
    }
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
