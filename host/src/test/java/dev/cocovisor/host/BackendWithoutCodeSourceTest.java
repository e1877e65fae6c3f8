package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.load.Provenance;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The JVM gives no code source to classes that were loaded ahead of time; their jar is told. */
class BackendWithoutCodeSourceTest {
  @TempDir Path dir;

  /** Defines classes as the JVM does from an archive of preloaded ones. */
  private static final class Preloaded extends URLClassLoader {
    Preloaded(Path jar) throws IOException {
      super(new URL[] {jar.toUri().toURL()}, Preloaded.class.getClassLoader());
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
      try (var in = getResourceAsStream(name.replace('.', '/') + ".class")) {
        if (in == null) {
          throw new ClassNotFoundException(name);
        }
        byte[] bytes = in.readAllBytes();
        return defineClass(name, bytes, 0, bytes.length);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Packs a backend as a library is: without a folder for its classes. */
  private Path library(String name) throws IOException {
    Path jar = dir.resolve(name);
    Path plugin = PluginWorkshop.honest(dir, "plain", "plain");
    try (var from = new ZipFile(plugin.toFile());
        var to = new ZipOutputStream(Files.newOutputStream(jar))) {
      for (ZipEntry e : from.stream().filter(x -> x.getName().startsWith("classes/")).toList()) {
        to.putNextEntry(new ZipEntry(e.getName().substring("classes/".length())));
        to.write(from.getInputStream(e).readAllBytes());
        to.closeEntry();
      }
    }
    return jar;
  }

  @Test
  void itsJarIsTold() throws IOException {
    Path jar = library("a library.jar");
    try (var loader = new Preloaded(jar);
        BackendRegistry registry = BackendRegistry.builder().classPath(loader).open()) {
      assertThat(registry.require("plain").backend().getClass().getProtectionDomain())
          .matches(d -> d.getCodeSource() == null || d.getCodeSource().getLocation() == null);
      Provenance from = registry.require("plain").provenance();
      assertThat(from.location()).isEqualTo(jar);
      assertThat(from.fileName()).isEqualTo("a library.jar");
      assertThat(from.sha256()).hasSize(64);
    }
  }
}
