package dev.cocovisor.tdx.kvm;

import static dev.cocovisor.tdx.kvm.TdxHost.M2;
import static dev.cocovisor.tdx.kvm.TdxHost.ok;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.trusted.TrustedFault;
import dev.cocovisor.api.trusted.TrustedFault.How;
import dev.cocovisor.api.trusted.TrustedOperation;
import dev.cocovisor.tdx.module.SeamFailures;
import dev.cocovisor.tdx.module.SeamReasons;
import dev.cocovisor.tdx.module.abi.SeamStatus;
import dev.cocovisor.tdx.module.call.SeamCall;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A refusal says why, in the trace. */
class ReasonsTest {
  private static void region(TdxHost h, long source, long gpa, long pages, String why) {
    Fields in =
        new Fields()
            .put("flags", 1)
            .put("source_addr", source)
            .put("gpa", gpa)
            .put("nr_pages", pages);
    h.refusals.clear();
    assertThat(h.command(h.vcpus.getFirst(), "KVM_TDX_INIT_MEM_REGION", in)).isNegative();
    assertThat(h.refusals).anyMatch(r -> r.contains(why));
  }

  @Test
  void aRegionThatIsRefusedSaysWhatIsWrongWithIt() {
    TdxHost h = TdxHost.building("upstream");
    region(h, 0, 0, 1, "EINVAL: source_addr is 0 or not aligned to a page");
    region(h, TdxHost.USER, 1, 1, "EINVAL: gpa is not aligned to a page");
    region(h, TdxHost.USER, 0, 0, "EINVAL: nr_pages is 0");
    region(h, TdxHost.USER, TdxHost.SHARED, 1, "EINVAL: the region has the shared bit");
    region(h, TdxHost.USER, 1L << 40, 1, "EINVAL: the page at gfn 0x10000000 was not added");
    region(h, 0x1000, 0, 1, "EFAULT: ");
    ok(h.command(h.vmFd, "KVM_TDX_FINALIZE_VM", new Fields()));
    region(h, TdxHost.USER, 0, 1, "EINVAL: the TD is finalized");
  }

  @Test
  void hkidsThatAreUsedUpSaySo() {
    TdxHost h = TdxHost.withHkids(1);
    int fd = (int) ok(h.process.createVm(h.dev, h.driver.vmType()));
    Fields leaf = new Fields().put("function", 0x80000008L).put("eax", 48 << 16);
    Fields in = new Fields().putAny("cpuid", java.util.List.of(leaf));
    assertThat(h.command(fd, "KVM_TDX_INIT_VM", in)).isNegative();
    assertThat(h.refusals).last().isEqualTo("ENOSPC: HKIDs are used up");
  }

  @Test
  void aStatusTellsItsNumberItsNameAndItsReason() {
    TdxHost h = TdxHost.running("upstream");
    TrustedFault busy = TrustedFault.at(TrustedOperation.MAP, How.BUSY, 1);
    ok(-h.platform.plan(busy).number());
    assertThat(h.accept(M2, PageLevel.PG_4K)).isZero();
    assertThat(h.results).contains("TDH.MEM.PAGE.AUG 0x8000020000000001 OPERAND_BUSY|1");
    assertThat(h.refusals)
        .contains(
            "OPERAND_BUSY|1: TDH.MEM.PAGE.AUG: RCX is locked by another call or a vCPU",
            "EBUSY: TDH.MEM.PAGE.AUG is busy: the fault is tried again");
  }

  @Test
  void aRunThatEndsWithAnErrorSaysWhy() {
    TdxHost h = TdxHost.building("upstream");
    h.run(new GuestAction.Read(0));
    assertThat(h.refusals).last().isEqualTo("EINVAL: the TD is not finalized");
    TdxHost running = TdxHost.running("upstream");
    running.run(new GuestAction.Read(M2));
    assertThat(running.refusals)
        .anyMatch(r -> r.startsWith("EIO: guest access before accepting 0x200000 on vCPU 0"));
  }

  @ParameterizedTest
  @EnumSource(How.class)
  void everyPlannedStatusHasAReasonOfItsOwn(How how) {
    for (SeamCall call : SeamCall.values()) {
      long status = SeamFailures.answer(call, how);
      if (status != 0) {
        String name = SeamStatus.describe(status);
        assertThat(SeamReasons.of(call, status))
            .startsWith(call.callName() + ": ")
            .doesNotContain(name)
            .doesNotContain(name.replaceAll("\\|.*", ""));
      }
    }
  }
}
