package dev.cocovisor.api.measure;

import java.util.List;
import java.util.Map;

/**
 * Computes the launch measurement of one kind of guest from the files it boots from.
 *
 * <p>Found through ServiceLoader. Stateless and thread-safe.
 */
public interface LaunchMeasurer {
  /** Returns the modes it measures, as the command line names them: {@code snp}, {@code sev}, …. */
  List<String> modes();

  /** Returns the options it understands, by name without dashes, with a line of help each. */
  Map<String, String> options();

  /**
   * Measures.
   *
   * @param mode one of {@link #modes}
   * @param options option values by name; files are paths
   * @param steps told of every page or block that enters the digest, in order
   * @return the digest
   * @throws MeasureException if an input is refused
   */
  byte[] measure(String mode, Map<String, String> options, StepSink steps);

  /**
   * Checks a vector file of this measurer's kind.
   *
   * @param vectors the file, in the format of {@code FORMAT.md}; images and files lie beside it
   * @return one result a case
   */
  List<VectorResult> check(java.nio.file.Path vectors);

  /** Tells whether a vector file of {@code kind} (its {@code kind} field) is this measurer's. */
  boolean understands(String kind);

  /**
   * The result of one vector.
   *
   * @param name the case's name
   * @param passed whether the model gave the expected answer
   * @param detail expected and got, where they differ; empty otherwise
   */
  record VectorResult(String name, boolean passed, String detail) {}
}
