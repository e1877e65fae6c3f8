package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorTables;
import dev.cocovisor.tdx.measure.Tdvf.Section;
import dev.cocovisor.tdx.module.td.Mrtd;
import java.util.HexFormat;

/** The build of a TD from its firmware, taken into an MRTD. */
// Order "single": Linux arch/x86/kvm/vmx/tdx.c, tdx_vcpu_init_mem_region and
// tdx_gmem_post_populate, which extends a page right after it is added.
final class TdBuild {
  private static final HexFormat HEX = HexFormat.of();

  private final Tdvf tdvf;
  private final StepSink steps;
  private final Mrtd mrtd = new Mrtd();
  private final byte[] page = new byte[Tdvf.PAGE];
  private long adds;
  private long extendCalls;

  TdBuild(Tdvf tdvf, StepSink steps) {
    this.tdvf = tdvf;
    this.steps = steps;
  }

  /** Builds and returns the MRTD. */
  byte[] run(BuildOrder order) {
    switch (order) {
      case SINGLE -> {
        for (Section s : tdvf.sections()) {
          for (long at = 0; s.added() && at < s.memorySize(); at += Tdvf.PAGE) {
            add(s, at);
            if (s.extended()) {
              extend(s, at);
            }
          }
        }
      }
      case TWO_PASS -> {
        for (Section s : tdvf.sections()) {
          addAll(s);
          extendAll(s);
        }
      }
      case TWO_PASS_GLOBAL -> {
        tdvf.sections().forEach(this::addAll);
        tdvf.sections().forEach(this::extendAll);
      }
    }
    return mrtd.value();
  }

  /** Returns the number of TDH.MEM.PAGE.ADD calls. */
  long adds() {
    return adds;
  }

  /** Returns the number of TDH.MR.EXTEND calls. */
  long extendCalls() {
    return extendCalls;
  }

  private void addAll(Section s) {
    for (long at = 0; s.added() && at < s.memorySize(); at += Tdvf.PAGE) {
      add(s, at);
    }
  }

  private void extendAll(Section s) {
    for (long at = 0; s.added() && s.extended() && at < s.memorySize(); at += Tdvf.PAGE) {
      extend(s, at);
    }
  }

  private void add(Section s, long at) {
    mrtd.pageAdd(s.gpa() + at);
    adds++;
    if (steps.wanted()) {
      step("MEM.PAGE.ADD", s, at, "section %d %s".formatted(s.index(), s.typeName()), "");
    }
  }

  private void extend(Section s, long at) {
    tdvf.page(s, at, page);
    for (int chunk = 0; chunk < Tdvf.PAGE; chunk += Mrtd.CHUNK) {
      mrtd.extend(s.gpa() + at + chunk, page, chunk);
      extendCalls++;
    }
    if (steps.wanted()) {
      String origin =
          at < s.dataSize()
              ? "section %d %s: %s offset 0x%x"
                  .formatted(s.index(), s.typeName(), tdvf.image().name(), s.dataOffset() + at)
              : "section %d %s: zeros after the data".formatted(s.index(), s.typeName());
      step("MR.EXTEND", s, at, origin, VectorTables.hash("SHA-384", page));
    }
  }

  private void step(String type, Section s, long at, String origin, String content) {
    steps.step(
        MeasureStep.at(type, s.gpa() + at)
            .withOrigin(origin)
            .withContentHash(content)
            .withRunning(HEX.formatHex(mrtd.value())));
  }
}
