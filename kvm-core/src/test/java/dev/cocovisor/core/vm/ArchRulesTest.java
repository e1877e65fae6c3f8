package dev.cocovisor.core.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.ops.VmTraits;
import dev.cocovisor.core.slot.MemSlot;
import org.junit.jupiter.api.Test;

/** What KVM's architectures differ in before a vendor is asked. */
class ArchRulesTest {
  private static MemSlot slot(int flags) {
    return new MemSlot(0, 0, 0, 1, flags, 0, null, 0);
  }

  // mmu.c, kvm_mmu_max_mapping_level (x86); arch/arm64/kvm/mmu.c, memslot_is_logging (7.3).
  @Test
  void aReadOnlySlotIsMappedPageByPageOnX86WhenItIsLogged() {
    int log = MemSlot.LOG_DIRTY;
    int both = log | MemSlot.READONLY;
    for (ArchRules r : new ArchRules[] {ArchRules.X86_64, ArchRules.ARM64}) {
      assertThat(r.logsPages(slot(0))).isFalse();
      assertThat(r.logsPages(slot(MemSlot.READONLY))).isFalse();
      assertThat(r.logsPages(slot(log))).isTrue();
      assertThat(r.logsPages(slot(both))).isEqualTo(r == ArchRules.X86_64);
    }
  }

  // virt/kvm/Kconfig (7.3): KVM_GENERIC_MEMORY_ATTRIBUTES is x86's; a VM with private memory needs
  // them wherever it is.
  @Test
  void attributesAreThereForEveryVmOnX86AndForThoseWithPrivateMemoryElsewhere() {
    assertThat(ArchRules.X86_64.hasMemoryAttributes(VmTraits.DEFAULT)).isTrue();
    assertThat(ArchRules.ARM64.hasMemoryAttributes(VmTraits.DEFAULT)).isFalse();
    assertThat(ArchRules.ARM64.hasMemoryAttributes(VmTraits.SW_PROTECTED)).isTrue();
  }

  @Test
  void eachArchitectureHasItsOwn() {
    assertThat(ArchRules.of(Architecture.X86_64)).isSameAs(ArchRules.X86_64);
    assertThat(ArchRules.of(Architecture.ARM64)).isSameAs(ArchRules.ARM64);
    ArchRules other = ArchRules.of(new Architecture("riscv64"));
    assertThat(other.userSlots()).isEqualTo(Short.MAX_VALUE);
    assertThat(other.vcpuIds()).isEqualTo(Integer.MAX_VALUE);
  }
}
