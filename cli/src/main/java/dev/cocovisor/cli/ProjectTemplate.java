package dev.cocovisor.cli;

import dev.cocovisor.host.ApiVersion;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;

/**
 * The project of a new backend: files of {@code plugins/template} with their names filled in, and a
 * small repository with the artifacts it is compiled and tested against, so that it builds
 * anywhere.
 */
final class ProjectTemplate {
  private static final List<String> ARTIFACTS =
      List.of("cocovisor-api", "cocovisor-kvm-core", "cocovisor-tck");

  private final String name;
  private final Map<String, String> values = new LinkedHashMap<>();

  ProjectTemplate(String name) throws IOException {
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
    values.put("CONSTANT", name.replace('-', '_').toUpperCase(Locale.ROOT));
    values.put("VM_TYPE", Long.toString(4096 + (crc.getValue() & 4095)));
    values.put("API_VERSION", ApiVersion.release());
    Properties versions = new Properties();
    try (InputStream in = open("template-versions.properties")) {
      versions.load(in);
    }
    versions.forEach((key, value) -> values.put((String) key, (String) value));
  }

  /** Writes the project into a folder that is empty or not there; returns the folder. */
  Path write(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> inside = Files.list(folder)) {
        if (inside.findAny().isPresent()) {
          throw new UsageException(folder + " is not empty");
        }
      }
    }
    for (String line : text("template/template.files").lines().toList()) {
      if (!line.isBlank()) {
        Path to = folder.resolve(fill(line.trim()));
        Files.createDirectories(parent(to));
        Files.writeString(to, fill(text("template/" + line.trim())));
      }
    }
    for (String artifact : ARTIFACTS) {
      addArtifact(folder.resolve("repository"), artifact);
    }
    return folder;
  }

  private String fill(String text) {
    String filled = text;
    for (Map.Entry<String, String> e : values.entrySet()) {
      filled = filled.replace("__" + e.getKey() + "__", e.getValue());
    }
    return filled;
  }

  private void addArtifact(Path repository, String artifact) throws IOException {
    String version = value("COCOVISOR_VERSION");
    Path to =
        Files.createDirectories(
            repository.resolve("dev/cocovisor").resolve(artifact).resolve(version));
    Path jar = to.resolve(artifact + "-" + version + ".jar");
    Path found = onClassPath(artifact);
    if (Files.isDirectory(found)) {
      pack(found, jar);
    } else {
      Files.copy(found, jar);
    }
    Files.writeString(
        to.resolve(artifact + "-" + version + ".pom"),
        fill(text("template/repository/" + artifact + ".pom")));
  }

  /** Finds an artifact's jar, or its folder of classes where the program runs from its build. */
  private static Path onClassPath(String artifact) {
    String module = artifact.substring("cocovisor-".length());
    for (String entry :
        System.getProperty("java.class.path").split(java.io.File.pathSeparator, -1)) {
      Path path = Path.of(entry);
      if (path.toString().endsWith(module + "/target/classes")
          || fileName(path).matches(artifact + "-[0-9].*\\.jar")) {
        return path;
      }
    }
    throw new UsageException(artifact + " is not on the class path, so no project can use it");
  }

  private static void pack(Path classes, Path jar) throws IOException {
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file);
        Stream<Path> all = Files.walk(classes)) {
      for (Path p : all.filter(Files::isRegularFile).sorted().toList()) {
        out.putNextEntry(new JarEntry(classes.relativize(p).toString().replace('\\', '/')));
        Files.copy(p, out);
        out.closeEntry();
      }
    }
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
    InputStream in = ProjectTemplate.class.getResourceAsStream(resource);
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
