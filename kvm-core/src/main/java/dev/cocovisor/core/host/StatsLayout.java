package dev.cocovisor.core.host;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;

/**
 * Which statistics KVM has of a VM or a vCPU, and the bytes in which they are read: header, name,
 * descriptors, data. Sources (7.3): {@code virt/kvm/binary_stats.c}, kvm_stats_read; {@code
 * include/linux/kvm_host.h}, KVM_GENERIC_VM_STATS and KVM_GENERIC_VCPU_STATS; {@code
 * arch/x86/kvm/x86.c} and {@code arch/arm64/kvm/guest.c}, kvm_vm_stats_desc, kvm_vcpu_stats_desc.
 */
final class StatsLayout {
  private static final int NAME = 48;
  private static final int HEADER = 24;
  private static final int DESCRIPTOR = 16 + NAME;
  private static final int HISTOGRAM = 32;

  private static final int CUMULATIVE = 0;
  private static final int INSTANT = 1;
  private static final int PEAK = 2;
  private static final int LOG_HISTOGRAM = 4;
  private static final int SECONDS = 2 << 4;
  private static final int BOOLEAN = 4 << 4;
  private static final short NANO = -9;

  static final StatsLayout X86_VM =
      new StatsLayout()
          .genericVm()
          .add(
              CUMULATIVE,
              "mmu_shadow_zapped",
              "mmu_pte_write",
              "mmu_pde_zapped",
              "mmu_flooded",
              "mmu_recycled",
              "mmu_cache_miss")
          .add(
              INSTANT,
              "mmu_unsync",
              "mmu_shadow_pages",
              "pages_4k",
              "pages_2m",
              "pages_1g",
              "nx_lpage_splits")
          // Described in another order than they are kept in.
          .add(PEAK, "max_mmu_page_hash_collisions", "max_mmu_rmap_size")
          .describeLastFirst();

  static final StatsLayout X86_VCPU =
      new StatsLayout()
          .genericVcpu()
          .add(
              CUMULATIVE,
              "pf_taken",
              "pf_fixed",
              "pf_emulate",
              "pf_spurious",
              "pf_fast",
              "pf_mmio_spte_created",
              "pf_guest",
              "tlb_flush",
              "invlpg",
              "exits",
              "io_exits",
              "mmio_exits",
              "signal_exits",
              "irq_window_exits",
              "nmi_window_exits",
              "l1d_flush",
              "halt_exits",
              "request_irq_exits",
              "irq_exits",
              "host_state_reload",
              "fpu_reload",
              "insn_emulation",
              "insn_emulation_fail",
              "hypercalls",
              "irq_injections",
              "nmi_injections",
              "req_event",
              "nested_run",
              "directed_yield_attempted",
              "directed_yield_successful",
              "preemption_reported",
              "preemption_other")
          .add(INSTANT | BOOLEAN, "guest_mode")
          .add(CUMULATIVE, "notify_window_exits");

  static final StatsLayout ARM64_VM = new StatsLayout().genericVm();

  static final StatsLayout ARM64_VCPU =
      new StatsLayout()
          .genericVcpu()
          .add(
              CUMULATIVE,
              "hvc_exit_stat",
              "wfe_exit_stat",
              "wfi_exit_stat",
              "mmio_exit_user",
              "mmio_exit_kernel",
              "signal_exits",
              "exits");

  private record Statistic(String name, int flags, short exponent, int items, int offset) {}

  private final List<Statistic> described = new ArrayList<>();
  private final Map<String, Statistic> byName = new HashMap<>();
  private int data;

  private StatsLayout() {}

  private StatsLayout genericVm() {
    return add(CUMULATIVE, "remote_tlb_flush", "remote_tlb_flush_requests");
  }

  private StatsLayout genericVcpu() {
    add(
        CUMULATIVE,
        "halt_successful_poll",
        "halt_attempted_poll",
        "halt_poll_invalid",
        "halt_wakeup");
    times(CUMULATIVE, 1, "halt_poll_success_ns", "halt_poll_fail_ns", "halt_wait_ns");
    times(
        LOG_HISTOGRAM,
        HISTOGRAM,
        "halt_poll_success_hist",
        "halt_poll_fail_hist",
        "halt_wait_hist");
    return add(INSTANT | BOOLEAN, "blocking");
  }

  private StatsLayout add(int flags, String... names) {
    for (String name : names) {
      one(name, flags, (short) 0, 1);
    }
    return this;
  }

  private void times(int type, int items, String... names) {
    for (String name : names) {
      one(name, type | SECONDS, NANO, items);
    }
  }

  private void one(String name, int flags, short exponent, int items) {
    var s = new Statistic(name, flags, exponent, items, data);
    described.add(s);
    byName.put(name, s);
    data += items * Long.BYTES;
  }

  private StatsLayout describeLastFirst() {
    Statistic last = described.removeLast();
    described.add(described.size() - 1, last);
    return this;
  }

  /**
   * Writes everything.
   *
   * @param id the name of whose they are, at most 47 characters
   * @param values what is counted; 0 for what is not
   */
  byte[] bytes(String id, ToLongFunction<String> values) {
    int descriptors = HEADER + NAME;
    int values0 = descriptors + described.size() * DESCRIPTOR;
    ByteBuffer out = ByteBuffer.allocate(values0 + data).order(ByteOrder.LITTLE_ENDIAN);
    out.putInt(0).putInt(NAME).putInt(described.size());
    out.putInt(HEADER).putInt(descriptors).putInt(values0);
    out.put(HEADER, id.getBytes(StandardCharsets.US_ASCII));
    for (int i = 0; i < described.size(); i++) {
      Statistic s = described.get(i);
      out.position(descriptors + i * DESCRIPTOR);
      out.putInt(s.flags).putShort(s.exponent).putShort((short) s.items);
      out.putInt(s.offset).putInt(0);
      out.put(s.name.getBytes(StandardCharsets.US_ASCII));
    }
    for (Statistic s : byName.values()) {
      out.putLong(values0 + s.offset, values.applyAsLong(s.name));
    }
    return out.array();
  }
}
