package dev.cocovisor.cli.plugin;

import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.host.pack.ApiVersion;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * The project of a new backend: files of {@code plugins/template} with their names filled in, and a
 * small repository with the artifacts it is compiled and tested against, so that it builds
 * anywhere.
 */
public final class ProjectTemplate {
  private static final List<String> ARTIFACTS =
      List.of("cocovisor-api", "cocovisor-kvm-core", "cocovisor-vmm", "cocovisor-tck");

  private static final String SOURCES = "-sources.jar";
  private static final List<String> TO_READ = List.of(SOURCES, "-javadoc.jar");

  private final String name;
  private final Map<String, String> values = new LinkedHashMap<>();

  public ProjectTemplate(String name) throws IOException {
    if (!name.matches("[a-z][a-z0-9]*(-[a-z0-9]+)*")) {
      throw new UsageException(
          "'" + name + "': a backend's id has lower-case letters, digits and single '-'");
    }
    this.name = name;
    StringBuilder camel = new StringBuilder();
    for (String part : name.split("-", -1)) {
      camel.append(part.substring(0, 1).toUpperCase(Locale.ROOT)).append(part.substring(1));
    }
    CRC32 crc = new CRC32();
    crc.update(name.getBytes(StandardCharsets.UTF_8));
    values.put("NAME", name);
    values.put("CLASS", camel.toString());
    values.put("PACKAGE", "com.example." + name.replace("-", ""));
    values.put("DIRECTORY", "com/example/" + name.replace("-", ""));
    values.put("SNAKE", name.replace('-', '_'));
    values.put("CONSTANT", name.replace('-', '_').toUpperCase(Locale.ROOT));
    values.put("VM_TYPE", Long.toString(4096 + (crc.getValue() & 4095)));
    values.put("API_VERSION", ApiVersion.release());
    Properties versions = new Properties();
    try (InputStream in = open("template-versions.properties")) {
      versions.load(in);
    }
    versions.forEach((key, value) -> values.put((String) key, (String) value));
  }

  /**
   * Writes the project into a folder that is empty or not there; returns the folder.
   *
   * <p>Maven keeps what it has once found by name and version. So the artifacts of a snapshot get a
   * version of their own, told by their contents: no project meets the artifacts of another build.
   */
  public Path write(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> inside = Files.list(folder)) {
        if (inside.findAny().isPresent()) {
          throw new UsageException(folder + " is not empty");
        }
      }
    }
    Map<String, byte[]> jars = new LinkedHashMap<>();
    for (String artifact : ARTIFACTS) {
      jars.put(artifact, jar(onClassPath(artifact)));
    }
    String version = value("COCOVISOR_VERSION");
    if (version.endsWith("-SNAPSHOT")) {
      values.put("COCOVISOR_VERSION", version.replace("SNAPSHOT", digest(jars.values())));
    }
    writeFiles(folder);
    for (Map.Entry<String, byte[]> jar : jars.entrySet()) {
      addArtifact(folder.resolve("repository"), jar.getKey(), jar.getValue());
      for (String ending : TO_READ) {
        byte[] more = toRead(jar.getKey(), ending);
        if (more != null) {
          Files.write(place(folder.resolve("repository"), jar.getKey(), ending), more);
        }
      }
    }
    return folder;
  }

  /** Writes the project's own files alone, without the repository that they are built against. */
  public void writeFiles(Path folder) throws IOException {
    for (String line : text("template/template.files").lines().toList()) {
      if (!line.isBlank()) {
        Path to = folder.resolve(fill(line.trim()));
        Files.createDirectories(parent(to));
        Files.writeString(to, fill(text("template/" + line.trim())));
      }
    }
  }

  private String fill(String text) {
    String filled = text;
    for (Map.Entry<String, String> e : values.entrySet()) {
      filled = filled.replace("__" + e.getKey() + "__", e.getValue());
    }
    return filled;
  }

  private void addArtifact(Path repository, String artifact, byte[] jar) throws IOException {
    Files.write(place(repository, artifact, ".jar"), jar);
    Files.writeString(
        place(repository, artifact, ".pom"),
        fill(text("template/repository/" + artifact + ".pom")));
  }

  /** Returns where a file of an artifact lies in a Maven repository. */
  private Path place(Path repository, String artifact, String ending) throws IOException {
    String version = value("COCOVISOR_VERSION");
    Path to =
        Files.createDirectories(
            repository.resolve("dev/cocovisor").resolve(artifact).resolve(version));
    return to.resolve(artifact + "-" + version + ending);
  }

  /**
   * Returns the sources or the Javadoc of an artifact as a jar: what came with the program, in a
   * checkout what is made of its sources; null where there is neither.
   */
  private static byte @Nullable [] toRead(String artifact, String ending) throws IOException {
    Path shipped = shipped(onClassPath(artifact), ending);
    if (shipped != null) {
      return Files.readAllBytes(shipped);
    }
    String root = System.getProperty("cocovisor.root");
    if (root == null) {
      return null;
    }
    String module = artifact.substring("cocovisor-".length());
    Path java = Path.of(root, module, "src", "main", "java");
    if (!Files.isDirectory(java)) {
      return null;
    }
    return ending.equals(SOURCES) ? jar(java) : PluginJavadoc.of(artifact, java);
  }

  /** Archives bring what is read beside lib, in a folder of its own. */
  private static @Nullable Path shipped(Path jar, String ending) {
    Path lib = jar.toAbsolutePath().getParent();
    Path home = lib == null ? null : lib.getParent();
    if (home == null || !jar.toString().endsWith(".jar")) {
      return null;
    }
    Path found = home.resolve("sources").resolve(fileName(jar).replace(".jar", ending));
    return Files.isRegularFile(found) ? found : null;
  }

  private static String digest(Iterable<byte[]> contents) {
    CRC32 crc = new CRC32();
    contents.forEach(crc::update);
    return "%08x".formatted(crc.getValue());
  }

  /** Finds an artifact's jar, or its folder of classes where the program runs from its build. */
  private static Path onClassPath(String artifact) {
    String module = artifact.substring("cocovisor-".length());
    for (String entry :
        System.getProperty("java.class.path").split(java.io.File.pathSeparator, -1)) {
      Path path = Path.of(entry);
      if (path.toString().endsWith(module + "/target/classes")
          || (fileName(path).matches(artifact + "-[0-9].*\\.jar")
              && !fileName(path).endsWith("-sources.jar"))) {
        return path;
      }
    }
    throw new UsageException(artifact + " is not on the class path, so no project can use it");
  }

  /** Returns a jar as it is, or a folder of classes as a jar. */
  static byte[] jar(Path found) throws IOException {
    if (!Files.isDirectory(found)) {
      return Files.readAllBytes(found);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JarOutputStream out = new JarOutputStream(bytes);
        Stream<Path> all = Files.walk(found)) {
      for (Path p : all.filter(Files::isRegularFile).sorted().toList()) {
        JarEntry entry = new JarEntry(found.relativize(p).toString().replace('\\', '/'));
        entry.setTimeLocal(LocalDateTime.of(2026, 1, 1, 0, 0)); // the same classes, the same jar
        out.putNextEntry(entry);
        Files.copy(p, out);
        out.closeEntry();
      }
    }
    return bytes.toByteArray();
  }

  private static String fileName(Path path) {
    Path last = path.getFileName();
    return last == null ? "" : last.toString();
  }

  private static Path parent(Path file) {
    Path parent = file.getParent();
    return parent == null ? Path.of(".") : parent;
  }

  private String value(String key) {
    String v = values.get(key);
    if (v == null) {
      throw new IllegalStateException(key);
    }
    return v;
  }

  private static String text(String resource) throws IOException {
    try (InputStream in = open(resource)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static InputStream open(String resource) {
    InputStream in = ProjectTemplate.class.getResourceAsStream("/dev/cocovisor/cli/" + resource);
    if (in == null) {
      throw new IllegalStateException("the template lacks " + resource);
    }
    return in;
  }

  @Override
  public String toString() {
    return name;
  }
}
