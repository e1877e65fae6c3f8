package dev.cocovisor.cli.measure;

import dev.cocovisor.api.measure.MeasureStep;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.cli.print.UsageException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Keeps the save areas that enter a measurement, to be written to files. */
public final class VmsaDump implements StepSink {
  private final StepSink steps;
  private final List<byte[]> pages = new ArrayList<>();

  public VmsaDump(StepSink steps) {
    this.steps = steps;
  }

  @Override
  public void step(MeasureStep step) {
    steps.step(step);
  }

  @Override
  public boolean wanted() {
    return steps.wanted();
  }

  @Override
  public void saveArea(int vcpu, byte[] page) {
    pages.add(page);
  }

  /**
   * Writes {@code vmsaN.bin} for each vCPU.
   *
   * @throws UsageException if the measurement has no save areas
   */
  public List<Path> write(Path folder) throws IOException {
    if (pages.isEmpty()) {
      throw new UsageException("--dump-vmsa: this measurement has no save areas");
    }
    var written = new ArrayList<Path>();
    for (int i = 0; i < pages.size(); i++) {
      written.add(Files.write(folder.resolve("vmsa" + i + ".bin"), pages.get(i)));
    }
    return written;
  }
}
