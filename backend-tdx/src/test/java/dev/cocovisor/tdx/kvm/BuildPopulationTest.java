package dev.cocovisor.tdx.kvm;

import static dev.cocovisor.tdx.kvm.TdxHost.ok;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.tdx.module.call.SeamCall;
import dev.cocovisor.tdx.module.td.Mrtd;
import org.junit.jupiter.api.Test;

/** What maps the pages of a TD that is being built: the merged way and that of the 2024 series. */
class BuildPopulationTest {
  private static final long GPA = 0x3000;

  private static long map(TdxHost h, long gpa, long size) {
    return h.process.mapMemory(h.vcpus.getFirst(), 0, new long[] {gpa, size});
  }

  private static long preFault(TdxHost h, long gpa, long size) {
    return h.process.preFaultMemory(h.vcpus.getFirst(), 0, new long[] {gpa, size});
  }

  private static VendorCommand region(long gpa, long pages, boolean measure) {
    return new VendorCommand(
        "KVM_TDX_INIT_MEM_REGION",
        new Fields()
            .put("flags", measure ? 1 : 0)
            .put("source_addr", TdxHost.USER)
            .put("gpa", gpa)
            .put("nr_pages", pages));
  }

  private static long add(TdxHost h, VendorCommand c) {
    return h.process.memoryEncryptOp(h.vcpus.getFirst(), c);
  }

  private static long finish(TdxHost h) {
    return h.command(h.vmFd, "KVM_TDX_FINALIZE_VM", new Fields());
  }

  @Test
  void mergedNothingIsMappedBeforeTheTdRuns() {
    TdxHost h = TdxHost.building("upstream");
    assertThat(map(h, GPA, 4096)).isEqualTo(-Errno.EOPNOTSUPP.number());
    assertThat(preFault(h, GPA, 4096)).isEqualTo(-Errno.EOPNOTSUPP.number());
    ok(add(h, region(GPA, 1, false)));
    ok(finish(h));
    ok(map(h, 0x10000, 4096));
    ok(preFault(h, 0x11000, 4096));
    assertThat(h.count(SeamCall.MEM_PAGE_AUG)).isEqualTo(2);
    h.check();
  }

  @Test
  void mergedAPageIsAddedOnceOnly() {
    TdxHost h = TdxHost.building("upstream");
    ok(add(h, region(GPA, 2, true)));
    VendorCommand again = region(GPA + 4096, 2, true);
    assertThat(add(h, again)).isEqualTo(-Errno.EIO.number());
    assertThat(again.out().number("nr_pages")).isEqualTo(2);
    assertThat(h.vm().isDead()).isFalse();
    h.check();
  }

  @Test
  void mappingFirstMakesTablesButAddsNoPage() {
    TdxHost h = TdxHost.mappedFirst();
    ok(map(h, GPA, 0x3000));
    assertThat(h.count(SeamCall.MEM_SEPT_ADD)).isEqualTo(3);
    assertThat(h.count(SeamCall.MEM_PAGE_ADD)).isZero();
    assertThat(h.count(SeamCall.MEM_PAGE_AUG)).isZero();
    assertThat(h.pages4k()).isEqualTo(3);
    h.check();
  }

  @Test
  void aPageThatWasNotMappedFirstIsRefusedAndProgressIsKept() {
    TdxHost h = TdxHost.mappedFirst();
    assertThat(add(h, region(GPA, 1, true))).isEqualTo(-Errno.ENOENT.number());
    ok(map(h, GPA, 0x2000));
    VendorCommand three = region(GPA, 3, true);
    assertThat(add(h, three)).isEqualTo(-Errno.ENOENT.number());
    assertThat(three.out().number("nr_pages")).isEqualTo(1);
    assertThat(three.out().number("gpa")).isEqualTo(GPA + 0x2000);
    assertThat(h.count(SeamCall.MEM_PAGE_ADD)).isEqualTo(2);
    h.check();
  }

  @Test
  void aMappedPageThatIsNeverAddedKeepsTheTdFromBeingFinalized() {
    TdxHost h = TdxHost.mappedFirst();
    ok(map(h, GPA, 0x2000));
    ok(add(h, region(GPA, 1, false)));
    assertThat(finish(h)).isEqualTo(-Errno.EINVAL.number());
    ok(add(h, region(GPA + 4096, 1, false)));
    ok(finish(h));
    assertThat(h.read(GPA)).isZero();
  }

  @Test
  void aMappedPageCanBeTakenAwayBeforeItIsAdded() {
    TdxHost h = TdxHost.mappedFirst();
    ok(map(h, GPA, 0x2000));
    int punchKeepSize = 3;
    ok(h.process.fallocate(h.gmem, punchKeepSize, GPA, 0x2000));
    assertThat(h.pages4k()).isZero();
    assertThat(h.count(SeamCall.MEM_RANGE_BLOCK)).isZero();
    h.check();
    ok(finish(h));
  }

  @Test
  void aPageCannotBeAddedTwiceEvenThoughItStaysMapped() {
    TdxHost h = TdxHost.mappedFirst();
    ok(map(h, GPA, 0x1000));
    ok(add(h, region(GPA, 1, false)));
    VendorCommand again = region(GPA, 1, false);
    assertThat(add(h, again)).isEqualTo(-Errno.EIO.number());
    assertThat(again.out().number("hw_error")).isEqualTo(0xc0000b0d00000001L);
    assertThat(h.vm().isDead()).isFalse();
  }

  @Test
  void bothWaysMeasureTheSame() {
    TdxHost merged = TdxHost.building("upstream");
    ok(add(merged, region(GPA, 2, true)));
    ok(finish(merged));
    TdxHost first = TdxHost.mappedFirst();
    ok(map(first, GPA, 0x2000));
    ok(add(first, region(GPA, 2, true)));
    ok(finish(first));
    assertThat(first.td().mrtd()).isEqualTo(merged.td().mrtd()).isNotEqualTo(new Mrtd().value());
  }

  @Test
  void aTdThatIsNeverFinalizedGivesItsMappedPagesBack() {
    TdxHost h = TdxHost.mappedFirst();
    ok(map(h, GPA, 0x2000));
    ok(add(h, region(GPA, 1, false)));
    h.close();
    // The page the VMM was read from stays the VMM's.
    assertThat(h.kvm.memory().allocatedFrames()).isEqualTo(h.framesBefore + 1);
  }

  @Test
  void anUnknownWayListsWhatThereIs() {
    assertThatThrownBy(() -> TdxSettings.POPULATION.checked("both"))
        .hasMessage("tdx.population=both: init-mem-region or map-memory expected");
  }
}
