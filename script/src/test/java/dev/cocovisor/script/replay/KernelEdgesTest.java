package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.api.log.ReplaySummary;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * The smallest program for each rule that shows at an edge, with a real 7.3.4 kernel's answers;
 * each is named after the function of the kernel that has the rule.
 */
class KernelEdgesTest {
  private static final Path LOG =
      Path.of(System.getProperty("cocovisor.root"), "conformance", "x86", "kernel-edges.kvmlog");

  private static void same(int program) throws IOException {
    List<String> wrong = new ArrayList<>();
    ReplaySummary s =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(
                LogSource.file(LOG),
                new ReplayOptions(program, 0),
                m -> wrong.add(m.call() + " " + m.expected() + " " + m.got()));
    assertThat(wrong).isEmpty();
    assertThat(s.programs()).isEqualTo(1);
  }

  @Test
  void __split_huge_pmd_isToldOfTheWholeBlockThatDontneedCuts() throws IOException {
    same(0);
  }

  @Test
  void split_huge_pmd_if_needed_isToldOfTheBlockAroundACutOfSharedMemory() throws IOException {
    same(1);
  }

  @Test
  void kvm_mmu_max_gfn_boundsASlot() throws IOException {
    same(2);
  }

  @Test
  void kvm_vm_ioctl_set_nr_mmu_pages_takes64Bits() throws IOException {
    same(3);
  }

  @Test
  void do_mmap_letsAnonymousMemoryBeyond47BitsAndTakesAnyOffset() throws IOException {
    same(4);
  }

  @Test
  void do_vmi_munmap_goesToTheTopOf57Bits() throws IOException {
    same(5);
  }

  @Test
  void kvm_vm_ioctl_create_vcpu_boundsIds() throws IOException {
    same(6);
  }

  @Test
  void do_mmap_ofOnePageAtTheEndOfTheLowWindow() throws IOException {
    same(7);
  }

  @Test
  void hugetlb_get_unmapped_area_wantsAlignedPlaces() throws IOException {
    same(8);
  }

  @Test
  void file_mmap_ok_boundsOffsets() throws IOException {
    same(9);
  }

  @Test
  void kvm_set_memory_region_deletesWhateverTheAddressSays() throws IOException {
    same(10);
  }

  @Test
  void do_mmap_wantsATypeOfMapping() throws IOException {
    same(11);
  }

  @Test
  void kvm_vm_ioctl_check_extension_knowsTheFirstNumber() throws IOException {
    same(12);
  }

  @Test
  void kvm_mmu_hugepage_adjust_mapsAFaultedBlockHuge() throws IOException {
    same(13);
  }

  @Test
  void do_huge_pmd_anonymous_page_readsTheHugePageOfZeros() throws IOException {
    same(14);
  }

  @Test
  void kvm_alloc_memslot_metadata_leavesTheEndOfASlotSmall() throws IOException {
    same(15);
  }

  @Test
  void do_huge_zero_wp_pmd_dropsTheBlockOfALoggedSlot() throws IOException {
    same(16);
  }

  @Test
  void kvm_mmu_max_mapping_level_keepsLoggedSlotsSmall() throws IOException {
    same(17);
  }

  @Test
  void kvm_mmu_recover_huge_pages_whenLoggingEnds() throws IOException {
    same(18);
  }
}
