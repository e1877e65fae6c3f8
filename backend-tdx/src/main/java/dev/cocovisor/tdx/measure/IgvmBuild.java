package dev.cocovisor.tdx.measure;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorTables;
import dev.cocovisor.api.measure.igvm.IgvmFile;
import dev.cocovisor.api.measure.igvm.IgvmPages;
import dev.cocovisor.tdx.module.td.Mrtd;
import java.util.HexFormat;

/**
 * The build of a TD from an IGVM file: each page is added and, unless the file says not to measure
 * it, extended at once. vCPUs start as the architecture says; their contexts are not measured.
 */
// microsoft/igvm, igvm/src/measurement/tdx.rs.
final class IgvmBuild implements IgvmPages.Visitor {
  /** The format's number of the platform. */
  static final int PLATFORM = 3;

  private static final byte[] ZEROS = new byte[IgvmPages.PAGE];

  private final IgvmFile file;
  private final int mask;
  private final StepSink steps;
  private final Mrtd mrtd = new Mrtd();

  IgvmBuild(IgvmFile file, StepSink steps) {
    this.file = file;
    this.mask = file.mask(PLATFORM);
    this.steps = steps;
    if (mask == 0) {
      throw new MeasureException(file.name() + ": the file is not made for TDX (platform 3)");
    }
  }

  /** Builds and returns the MRTD. */
  byte[] run() {
    new IgvmPages(file, mask).walk(this);
    return mrtd.value();
  }

  @Override
  public void page(IgvmPages.Page page) {
    mrtd.pageAdd(page.gpa());
    tell("MEM.PAGE.ADD", page, "");
    if (!page.unmeasured()) {
      byte[] from = page.offset() < 0 ? ZEROS : file.bytes();
      int start = Math.max(0, page.offset());
      for (int chunk = 0; chunk < IgvmPages.PAGE; chunk += Mrtd.CHUNK) {
        mrtd.extend(page.gpa() + chunk, from, start + chunk);
      }
      if (steps.wanted()) {
        byte[] content = page.offset() < 0 ? ZEROS : file.bytes(start, IgvmPages.PAGE);
        tell("MR.EXTEND", page, VectorTables.hash("SHA-384", content));
      }
    }
  }

  @Override
  public void context(int directive, int index, long gpa, int field) {}

  private void tell(String type, IgvmPages.Page page, String content) {
    if (steps.wanted()) {
      steps.step(
          MeasureStep.at(type, page.gpa())
              .withOrigin(page.origin(file))
              .withContentHash(content)
              .withRunning(HexFormat.of().formatHex(mrtd.value())));
    }
  }
}
