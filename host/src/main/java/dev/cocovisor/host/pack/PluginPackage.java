package dev.cocovisor.host.pack;

import dev.cocovisor.host.finding.Finding;
import dev.cocovisor.host.finding.FindingCode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Properties;
import java.util.TreeSet;
import java.util.jar.Manifest;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;
import org.jspecify.annotations.Nullable;

/**
 * A zip or jar in a plugin folder, read without running any of its code.
 *
 * <p>A <b>zip</b> has {@code plugin.properties}, classes under {@code classes/} and jars under
 * {@code lib/}. A <b>jar</b> has the same facts in its manifest ({@code Plugin-Id}, …).
 *
 * @param file where it lies
 * @param description what it says about itself; null if that could not be read
 * @param findings what is wrong with it, worst kinds first as they were found
 */
public record PluginPackage(
    Path file, @Nullable PluginDescription description, List<Finding> findings) {
  /** Names a backend's service file. */
  public static final String SERVICE = "META-INF/services/dev.cocovisor.api.Backend";

  private static final String API = "dev/cocovisor/api/";
  private static final int MAX_ENTRIES = 100_000;

  /** Keeps an immutable copy. */
  public PluginPackage {
    findings = List.copyOf(findings);
  }

  /** Tells whether nothing keeps it from being loaded. */
  public boolean sound() {
    return findings.stream().noneMatch(f -> f.code().error());
  }

  /** Tells by its name whether a file is a package. */
  public static boolean isPackage(Path file) {
    String name = nameOf(file);
    return name.endsWith(".zip") || name.endsWith(".jar");
  }

  /** Returns a file's own name. */
  public static String nameOf(Path file) {
    Path name = file.getFileName();
    return name == null ? file.toString() : name.toString();
  }

  /** Tells whether it is unpacked before it is loaded. */
  public boolean isZip() {
    return nameOf(file).endsWith(".zip");
  }

  /** Reads a package. Never throws for what is wrong inside. */
  public static PluginPackage read(Path file) {
    return new Reader(file).read();
  }

  /** One reading. */
  private static final class Reader {
    private final Path file;
    private final String name;
    private final List<Finding> findings = new ArrayList<>();
    private final TreeSet<String> bundled = new TreeSet<>();
    private @Nullable PluginDescription description;
    private boolean provider;

    Reader(Path file) {
      this.file = file;
      this.name = nameOf(file);
    }

    PluginPackage read() {
      try (ZipFile zip = new ZipFile(file.toFile())) {
        entries(zip);
        if (findings.isEmpty()) {
          describe(zip);
        }
      } catch (IOException e) {
        broken(e);
      } catch (IllegalArgumentException e) {
        broken(e); // ZipFile: names that are no UTF-8
      }
      if (findings.isEmpty()) {
        judge();
      }
      return new PluginPackage(file, description, findings);
    }

    private void broken(Exception e) {
      String why = e.getMessage();
      add(
          FindingCode.BROKEN_ZIP,
          "the package cannot be read",
          "it is no zip archive or a damaged one: "
              + (why == null ? e.getClass().getName() : why.replace(file.toString(), name)),
          "copy or build it again; `unzip -t " + name + "` shows where it breaks");
    }

    private void entries(ZipFile zip) throws IOException {
      int count = 0;
      Enumeration<? extends ZipEntry> entries = zip.entries();
      while (entries.hasMoreElements()) {
        ZipEntry entry = entries.nextElement();
        if (++count > MAX_ENTRIES) {
          throw new IOException("more than " + MAX_ENTRIES + " entries");
        }
        if (Unpacking.escapes(entry.getName())) {
          add(
              FindingCode.ZIP_SLIP,
              "the package writes outside its own folder",
              "entry '" + entry.getName() + "' would be unpacked there",
              "do not load it; build it with entries below its root only");
          return;
        }
        look(entry.getName().startsWith("classes/") ? 8 : 0, entry.getName());
        if (entry.getName().startsWith("lib/") && entry.getName().endsWith(".jar")) {
          try (InputStream in = zip.getInputStream(entry);
              ZipInputStream jar = new ZipInputStream(in)) {
            for (ZipEntry e = jar.getNextEntry(); e != null; e = jar.getNextEntry()) {
              look(0, e.getName());
            }
          }
        }
      }
    }

    private void look(int prefix, String entry) {
      if (entry.startsWith(API, prefix) && entry.endsWith(".class")) {
        bundled.add(entry.substring(prefix, entry.lastIndexOf('/')).replace('/', '.'));
      }
      provider |= entry.startsWith(SERVICE, prefix) && entry.length() == prefix + SERVICE.length();
    }

    private void describe(ZipFile zip) throws IOException {
      ZipEntry properties = zip.getEntry("plugin.properties");
      ZipEntry manifest = zip.getEntry("META-INF/MANIFEST.MF");
      if (properties != null) {
        Properties p = new Properties();
        try (InputStream in = zip.getInputStream(properties)) {
          p.load(in);
        }
        description = PluginDescription.of(p);
      } else if (manifest != null) {
        try (InputStream in = zip.getInputStream(manifest)) {
          description = PluginDescription.of(new Manifest(in).getMainAttributes());
        }
      }
    }

    private void judge() {
      PluginDescription d = description;
      String lacks =
          d == null
              ? "plugin.properties"
              : d.id().isEmpty() ? "a plugin id" : d.version().isEmpty() ? "a version" : "";
      if (d == null || !lacks.isEmpty()) {
        description = null;
        add(
            FindingCode.BAD_DESCRIPTOR,
            "the package does not say what it is",
            "it has no " + lacks.replaceFirst("^a ", "") + " in plugin.properties or its manifest",
            "write plugin.id, plugin.version and plugin.requires into plugin.properties"
                + " (in a jar: Plugin-Id, Plugin-Version, Plugin-Requires in the manifest)");
        return;
      }
      checkApi(d);
      if (!provider) {
        add(
            FindingCode.NO_PROVIDER,
            "the package has no backend",
            "there is no " + SERVICE + " in it",
            "name the class that implements dev.cocovisor.api.Backend in that file");
      }
      if (!bundled.isEmpty()) {
        add(
            FindingCode.BUNDLED_API,
            "the package carries its own copy of the api, which is not used",
            "it has classes of " + String.join(", ", bundled),
            "depend on cocovisor-api with scope 'provided' so that the build leaves it out");
      }
    }

    private void checkApi(PluginDescription d) {
      Boolean fits = Versions.fits(ApiVersion.release(), d.requires());
      if (fits == null) {
        add(
            FindingCode.WRONG_API,
            "the required api version cannot be read",
            "plugin.requires is '" + d.requires() + "', which is no version range",
            "write a range such as '>=" + ApiVersion.release() + "' or '*'");
      } else if (!fits) {
        add(
            FindingCode.WRONG_API,
            "the package is made for another version of the api",
            "it requires '" + d.requires() + "' and this is " + ApiVersion.release(),
            "get a build of " + d.id() + " for api " + ApiVersion.release() + ", or rebuild it");
      }
    }

    private void add(FindingCode code, String what, String why, String mend) {
      findings.add(new Finding(code, name, what, why, mend, List.of()));
    }
  }
}
