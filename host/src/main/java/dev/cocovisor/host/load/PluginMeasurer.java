package dev.cocovisor.host.load;

import dev.cocovisor.api.measure.LaunchMeasurer;
import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureExtras;
import dev.cocovisor.api.measure.StepSink;
import dev.cocovisor.api.measure.VectorResult;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** A plugin's measurer; what it throws besides refusals says whose it is. */
record PluginMeasurer(LaunchMeasurer measurer, PluginFailures failures) implements LaunchMeasurer {
  @Override
  public List<String> modes() {
    return failures.answer("modes", measurer::modes);
  }

  @Override
  public Map<String, String> options(String mode) {
    return failures.answer("options", () -> measurer.options(mode));
  }

  @Override
  public String mainInput(String mode) {
    return failures.answer("mainInput", () -> measurer.mainInput(mode));
  }

  @Override
  public boolean appliesTo(String mode, Path input) {
    try {
      return measurer.appliesTo(mode, input);
    } catch (MeasureException refused) {
      throw refused;
    } catch (Throwable t) {
      throw failures.in("appliesTo", t);
    }
  }

  @Override
  public MeasureExtras extras(String mode, Map<String, String> options, byte[] measurement) {
    try {
      return measurer.extras(mode, options, measurement);
    } catch (MeasureException refused) {
      throw refused;
    } catch (Throwable t) {
      throw failures.in("extras", t);
    }
  }

  @Override
  public byte[] measure(String mode, Map<String, String> options, StepSink steps) {
    try {
      return measurer.measure(mode, options, steps);
    } catch (MeasureException refused) {
      throw refused;
    } catch (Throwable t) {
      throw failures.in("measure", t);
    }
  }

  @Override
  public boolean understands(String kind) {
    return failures.call("understands", () -> measurer.understands(kind));
  }

  @Override
  public VectorResult check(Map<String, ?> vectorCase, Path directory) {
    return failures.answer("check", () -> measurer.check(vectorCase, directory));
  }

  @Override
  public List<VectorResult> checkTables(Map<String, ?> document, Path directory) {
    return failures.answer("checkTables", () -> measurer.checkTables(document, directory));
  }
}
