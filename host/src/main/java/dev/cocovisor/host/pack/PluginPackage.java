package dev.cocovisor.host.pack;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.HashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
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
    Path file, @Nullable PluginDescription description, List<PluginFinding> findings) {
  /** Names a backend's service file. */
  public static final String SERVICE = "META-INF/services/dev.cocovisor.api.Backend";

  private static final String API = "dev/cocovisor/api/";

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
    private final List<PluginFinding> findings = new ArrayList<>();
    private final TreeSet<String> bundled = new TreeSet<>();
    private @Nullable PluginDescription description;
    private boolean provider;
    private long left;
    private int count;

    Reader(Path file) {
      this.file = file;
      this.name = nameOf(file);
    }

    PluginPackage read() {
      try {
        long size = Files.size(file);
        if (size > PackageLimits.PACKAGE_BYTES) {
          tooLarge(size + " bytes, where " + PackageLimits.PACKAGE_BYTES + " are the most");
        } else {
          left = PackageLimits.unpacked(size);
          try (ZipFile zip = new ZipFile(file.toFile())) {
            entries(zip);
            if (findings.isEmpty()) {
              describe(zip);
            }
          }
        }
      } catch (IOException e) {
        broken(e);
      } catch (IllegalArgumentException e) {
        broken(e); // ZipFile: names that are no UTF-8; Properties: a broken escape
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

    private void tooLarge(String what) {
      add(
          FindingCode.ARCHIVE_TOO_LARGE,
          "the package is larger than a package may be",
          what,
          "do not load it if you do not know why; else pack less into it: the limits are in"
              + " docs/plugins.md");
    }

    private void entries(ZipFile zip) throws IOException {
      Set<String> names = new HashSet<>();
      Enumeration<? extends ZipEntry> entries = zip.entries();
      while (entries.hasMoreElements() && findings.isEmpty()) {
        ZipEntry entry = entries.nextElement();
        String entryName = entry.getName();
        count(entryName, Math.max(entry.getSize(), 0));
        if (Unpacking.escapes(entryName)) {
          add(
              FindingCode.ZIP_SLIP,
              "the package writes outside its own folder",
              "entry '" + entryName + "' would be unpacked there",
              "do not load it; build it with entries below its root only");
        } else if (!names.add(entryName)) {
          throw new IOException("entry '" + entryName + "' is there twice");
        } else {
          look(entryName.startsWith("classes/") ? 8 : 0, entryName);
          if (entryName.startsWith("lib/") && entryName.endsWith(".jar")) {
            innerJar(zip, entry);
          }
        }
      }
    }

    private void innerJar(ZipFile zip, ZipEntry entry) throws IOException {
      byte[] buffer = new byte[1 << 14];
      try (InputStream in = zip.getInputStream(entry);
          ZipInputStream jar = new ZipInputStream(in)) {
        ZipEntry e = jar.getNextEntry();
        while (e != null && findings.isEmpty()) {
          look(0, e.getName());
          count(e.getName(), 0);
          // What it says of its size may be a lie: what comes out counts.
          for (int n = jar.read(buffer); n >= 0 && findings.isEmpty(); n = jar.read(buffer)) {
            count(null, n);
          }
          if (findings.isEmpty()) {
            e = jar.getNextEntry(); // reads what is left of the one before
          }
        }
      }
    }

    /** Counts an entry, or more bytes of one. */
    private void count(@Nullable String entryName, long bytes) {
      left -= bytes;
      if (entryName != null && ++count > PackageLimits.ENTRIES) {
        tooLarge("more than " + PackageLimits.ENTRIES + " entries");
      } else if (entryName != null && entryName.length() > PackageLimits.NAME_LENGTH) {
        tooLarge("an entry's name of " + entryName.length() + " characters");
      } else if (left < 0) {
        tooLarge(
            "it unpacks to more than "
                + PackageLimits.UNPACKED_BYTES
                + " bytes, or to more than "
                + PackageLimits.RATIO
                + " times its size");
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
        p.load(new ByteArrayInputStream(descriptor(zip, properties)));
        description = PluginDescription.of(p);
      } else if (manifest != null) {
        description =
            PluginDescription.of(
                new Manifest(new ByteArrayInputStream(descriptor(zip, manifest)))
                    .getMainAttributes());
      }
    }

    private static byte[] descriptor(ZipFile zip, ZipEntry entry) throws IOException {
      try (InputStream in = zip.getInputStream(entry)) {
        byte[] bytes = in.readNBytes(PackageLimits.DESCRIPTOR_BYTES + 1);
        if (bytes.length > PackageLimits.DESCRIPTOR_BYTES) {
          throw new IOException(
              entry.getName() + " has more than " + PackageLimits.DESCRIPTOR_BYTES + " bytes");
        }
        return bytes;
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
      String wrong = Grammar.wrong(d);
      if (wrong != null) {
        description = null;
        add(
            FindingCode.BAD_DESCRIPTOR,
            "the package says who it is in words that cannot be",
            wrong,
            "write it as told into plugin.properties or the manifest");
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
      findings.add(new PluginFinding(code, name, what, why, mend, List.of()));
    }
  }
}
