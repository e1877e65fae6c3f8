package dev.cocovisor.api.measure;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apiguardian.api.API;

/**
 * Computes the launch measurement of one kind of guest from the files it boots from.
 *
 * <p>Given by {@link dev.cocovisor.api.Backend#measurers}. Stateless and thread-safe.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public interface LaunchMeasurer {
  /** Returns the modes it measures, as the command line names them: {@code snp}, {@code sev}, …. */
  List<String> modes();

  /**
   * Returns the options {@code mode} understands, by name without dashes, with a line of help each.
   *
   * @param mode one of {@link #modes}
   */
  Map<String, String> options(String mode);

  /**
   * Returns the option that names the main input of {@code mode}: what {@code --diff} puts a file
   * in place of.
   */
  String mainInput(String mode);

  /**
   * Tells whether a main input is for {@code mode}, where inputs are for several: a family of modes
   * {@code name:…} asked for as {@code name} measures with those it is for.
   *
   * @param mode one of {@link #modes}
   * @throws MeasureException if the input is refused whatever the mode
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  default boolean appliesTo(String mode, Path input) {
    return true;
  }

  /**
   * Returns what can be made of a measurement on request: files to write, lines to print, faults
   * found in what was given beside it.
   *
   * @param mode one of {@link #modes}
   * @param options as for {@link #measure}
   * @param measurement what it returned
   * @throws MeasureException if an input is refused
   * @since 0.2
   */
  @API(status = API.Status.EXPERIMENTAL, since = "0.2")
  default MeasureExtras extras(String mode, Map<String, String> options, byte[] measurement) {
    return MeasureExtras.NONE;
  }

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

  /** Tells whether a vector file of {@code kind} (its {@code kind} field) is this measurer's. */
  boolean understands(String kind);

  /**
   * Checks one element of the {@code cases} of a vector file. Numbers, strings, lists and maps are
   * as a JSON reader gives them; {@link VectorFields} reads them strictly.
   *
   * @param vectorCase the case
   * @param directory where the file lies; its images and files lie in {@code images/} and {@code
   *     files/} below it
   */
  VectorResult check(Map<String, ?> vectorCase, Path directory);

  /**
   * Checks what else a vector file holds beside its cases: layouts of images, single updates,
   * traces.
   *
   * @param document the whole file
   * @return one result an entry; empty if there is nothing
   */
  default List<VectorResult> checkTables(Map<String, ?> document, Path directory) {
    return List.of();
  }
}
