package dev.cocovisor.live.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TouchLinesTest {
  private static final String WRITE =
      " qemu-system-x86-23429   [001] ..... 16199.308615: kvm_page_fault: vcpu 0 rip 0x40e30d"
          + " address 0x00000000000f5040 error_code 0x100000006";
  private static final String READ =
      "      CPU 0/KVM-23430   [000] d..1. 16199.308700: kvm_page_fault: vcpu 0 rip 0xfff0 address"
          + " 0x00000000fffffff0 error_code 0x10";
  private static final String GOT =
      " qemu-system-x86-23429   [001] ..... 16199.308616: kvm_mmu_spte_requested: gfn f5 pfn 1a2b"
          + " level 1";

  private final List<String> seen = new ArrayList<>();

  private void read(boolean shadow, String... lines) {
    var reader = new TouchLines(shadow);
    for (String line : lines) {
      reader.read(
          line,
          (tid, gpa, write) ->
              seen.add(tid + " " + (write ? "write " : "read ") + Long.toHexString(gpa)));
    }
  }

  @Test
  void withNestedPagingAFaultIsAtTheGuestsPhysicalAddress() {
    read(false, WRITE, GOT, READ);
    assertThat(seen).containsExactly("23429 write f5040", "23430 read fffffff0");
  }

  @Test
  void withAShadowMmuThePageThatWasGotTells() {
    read(true, WRITE, GOT, READ);
    assertThat(seen).containsExactly("23429 write f5000");
  }

  @Test
  void anArm64GuestsFaultTellsItsIntermediateAddress() {
    read(
        false,
        "            vmm-77      [002] ..... 16199.308615: kvm_guest_fault: ipa 0x80001000, hsr"
            + " 0x92000047, hxfar 0xffff0000, pc 0x80000010");
    assertThat(seen).containsExactly("77 write 80001000");
  }

  @Test
  void otherLinesTellNothing() {
    read(false, "", "CPU:1 [LOST 12 EVENTS]", WRITE.replace("kvm_page_fault", "kvm_entry"), "x");
    assertThat(seen).isEmpty();
  }
}
