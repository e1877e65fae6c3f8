package dev.cocovisor.cli.find;

import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.core.VendorFailure;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.finding.PluginFinding;
import dev.cocovisor.host.load.PluginFailures;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The options by which a command finds backends. */
public final class PluginOptions {
  /** The plugin folder's environment variable. */
  public static final String FOLDER_VARIABLE = "COCOVISOR_PLUGINS";

  @Option(
      names = "--plugins",
      paramLabel = "FOLDER",
      description =
          "Folders with plugins instead of $" + FOLDER_VARIABLE + " or the program's own plugins/.")
  private List<Path> folders = new ArrayList<>();

  @Option(
      names = "--plugin",
      paramLabel = "PACKAGE",
      description = "A package (zip or jar) to use that is in no folder; may be repeated.")
  private List<Path> packages = new ArrayList<>();

  @Option(
      names = "--prefer",
      paramLabel = "ID=PLUGIN",
      description =
          "Where several offer backend ID, take PLUGIN's ('class-path' for the built-in).")
  private Map<String, String> preferred = new LinkedHashMap<>();

  /** Returns the options as a command line has them, whatever else it says. */
  public static PluginOptions of(String... args) {
    var options = new PluginOptions();
    if (Stream.of(args).noneMatch(a -> a.startsWith("--p") || a.startsWith("@"))) {
      return options; // none of them is there, nor a file that may hold some
    }
    var line =
        new CommandLine(
            CommandSpec.create().addMixin("plugins", CommandSpec.forAnnotatedObject(options)));
    try {
      var _ = line.setUnmatchedArgumentsAllowed(true).parseArgs(args);
    } catch (CommandLine.ParameterException e) {
      // The command itself says what is wrong.
      return new PluginOptions();
    }
    return options;
  }

  /** Who brought each backend when it was opened last: a plugin, or null for the program. */
  private final Map<String, @Nullable String> brought = new HashMap<>();

  /** Returns the folders to look in. */
  public List<Path> folders() {
    if (!folders.isEmpty()) {
      for (Path folder : folders) {
        if (!Files.isDirectory(folder)) {
          throw new UsageException(folder + ": no such folder");
        }
      }
      return folders;
    }
    return List.of(defaultFolder());
  }

  /** Returns the folder that is used where none is named; it need not exist. */
  public static Path defaultFolder() {
    String named = System.getenv(FOLDER_VARIABLE);
    if (named != null && !named.isEmpty()) {
      return Path.of(named);
    }
    return root().resolve("plugins");
  }

  /** Returns the folder the program lives in. */
  public static Path root() {
    return Path.of(System.getProperty("cocovisor.root", "."));
  }

  /** Finds backends on the class path and in the folders. */
  public BackendRegistry open() {
    BackendRegistry.Builder builder =
        (mayHavePackages() ? registry() : BackendRegistry.builder()).classPath();
    folders().forEach(builder::pluginFolder);
    preferred.forEach(builder::prefer);
    BackendRegistry registry = builder.open();
    try {
      packages.forEach(registry::load);
    } catch (RuntimeException e) {
      registry.close();
      throw e;
    }
    registry.all().forEach(b -> brought.put(b.id(), b.provenance().pluginId()));
    return registry;
  }

  /** Tells whether there is anything that PF4J could be asked to load. */
  private boolean mayHavePackages() {
    boolean some = !packages.isEmpty();
    for (Path folder : folders()) {
      String[] names = folder.toFile().list();
      some |= names != null && names.length > 0;
    }
    return some;
  }

  /** Returns what to tell of a backend that threw: with its plugin's name if it came by one. */
  public PluginFinding blame(VendorFailure failure) {
    return PluginFailures.finding(failure, brought.get(failure.backend()));
  }

  /** Returns the words of a command line that finds the same, for `reproduce` lines. */
  List<String> words() {
    var words = new ArrayList<String>();
    folders.forEach(f -> words.addAll(List.of("--plugins", f.toString())));
    packages.forEach(p -> words.addAll(List.of("--plugin", p.toString())));
    preferred.forEach((id, from) -> words.addAll(List.of("--prefer", id + "=" + from)));
    return words;
  }

  /** Returns the description of an empty registry, with PF4J silenced. */
  public static BackendRegistry.Builder registry() {
    Quiet.PF4J.setLevel(Level.OFF);
    return BackendRegistry.builder();
  }

  /** PF4J logs what the findings say better. A logger that nobody holds forgets its level. */
  private static final class Quiet {
    static final Logger PF4J = Logger.getLogger("org.pf4j");
  }
}
