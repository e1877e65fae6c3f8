package dev.cocovisor.api.measure;

import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.function.Supplier;
import org.apiguardian.api.API;

/**
 * Collects the results of what a vector file holds beside its cases. An entry that is malformed or
 * refused is a failure that says why; the others go on.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public final class VectorTables {
  private final List<VectorResult> results = new ArrayList<>();

  /**
   * How one entry of a table is checked.
   *
   * @since 0.1
   */
  @API(status = API.Status.MAINTAINED, since = "0.1")
  @FunctionalInterface
  public interface Check {
    /** Checks {@code entry}, which reports call {@code name}. */
    VectorResult run(String name, VectorFields entry);
  }

  /** Starts with no results. */
  public VectorTables() {}

  /** Returns what was collected so far. */
  public List<VectorResult> results() {
    return List.copyOf(results);
  }

  /** Checks one thing. */
  public void check(String name, Supplier<VectorResult> check) {
    try {
      results.add(check.get());
    } catch (MalformedVector | MeasureException e) {
      results.add(new VectorResult(name, false, String.valueOf(e.getMessage())));
    }
  }

  /** Checks each object of the list {@code table}, if the document has it. */
  public void each(VectorFields document, String table, Check check) {
    if (!document.has(table)) {
      return;
    }
    int i = 0;
    for (VectorFields entry : document.objects(table)) {
      String name = table + " " + (entry.has("name") ? entry.text("name") : "#" + i);
      check(name, () -> check.run(name, entry));
      i++;
    }
  }

  /**
   * Checks each file of the object {@code folder}, if the document has it: its SHA-256, and its
   * layout where {@code layoutField} is there.
   *
   * @param layout checks a file's entry by the file's name
   */
  public void files(
      VectorFields document, String folder, Path directory, String layoutField, Check layout) {
    if (!document.has(folder)) {
      return;
    }
    VectorFields files = document.object(folder);
    for (String file : files.keys()) {
      VectorFields entry = files.object(file);
      String name = file + " sha256";
      check(
          name,
          () ->
              VectorResult.equal(
                  name,
                  entry.text("sha256"),
                  hash("SHA-256", VectorFields.read(file, directory.resolve(folder)))));
      if (entry.has(layoutField)) {
        check(file + " " + layoutField, () -> layout.run(file, entry));
      }
    }
  }

  /** Returns a hash in hex; every JDK has SHA-256, SHA-384 and SHA-512. */
  public static String hash(String algorithm, byte[] data) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance(algorithm).digest(data));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalArgumentException(algorithm, e);
    }
  }
}
