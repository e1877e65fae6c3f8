package dev.cocovisor.host;

import dev.cocovisor.host.pack.PluginPackage;
import dev.cocovisor.host.pack.UserCache;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/** Compiles small backends and packs them, well and badly, as vendors do. */
final class PluginWorkshop {
  private final Path folder;
  private final List<Path> work = new ArrayList<>();
  private final Map<String, byte[]> entries = new LinkedHashMap<>();

  PluginWorkshop(Path folder) {
    this.folder = folder;
  }

  /** Adds an entry as it is. */
  PluginWorkshop entry(String name, String text) {
    entries.put(name, text.getBytes(StandardCharsets.UTF_8));
    return this;
  }

  /** Adds an entry of bytes. */
  PluginWorkshop bytes(String name, byte[] content) {
    entries.put(name, content);
    return this;
  }

  /** Removes what compiling left beside the package. */
  void cleanUp() {
    for (Path p : work) {
      try {
        UserCache.delete(p);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  PluginWorkshop descriptor(String id, String... more) {
    return entry(
        "plugin.properties",
        "plugin.id=" + id + "\nplugin.version=1.0.0\n" + String.join("\n", more) + "\n");
  }

  PluginWorkshop service(String className) {
    return entry("classes/" + PluginPackage.SERVICE, className + "\n");
  }

  /** Adds a backend's source under {@code classes/}. */
  PluginWorkshop backend(String className, String id, String constructorBody) {
    String simple = className.substring(className.lastIndexOf('.') + 1);
    return source(
        className,
        """
        package %s;
        import dev.cocovisor.api.*;
        import dev.cocovisor.api.ops.VmOps;
        import java.util.*;
        public final class %s implements Backend {
          public %s() { %s }
          public BackendInfo info() {
            return BackendInfo.builder("%s", Architecture.X86_64).version("1.0.0").description("test").vmTypes(new VmType("TEST_VM", %d, Architecture.X86_64)).build();
          }
          public Platform createPlatform(HostMachine host) {
            return new Platform() {
              public VmOps createVm(VmContext vm, VmType type) { return new VmOps() {}; }
            };
          }
        }
        """
            .formatted(
                className.substring(0, className.lastIndexOf('.')),
                simple,
                simple,
                constructorBody,
                id,
                100 + (id.hashCode() & 0xffff)));
  }

  PluginWorkshop source(String className, String source) {
    try {
      Path here = Files.createTempDirectory(folder, "work");
      work.add(here);
      Path file = here.resolve("src").resolve(className.replace('.', '/') + ".java");
      Files.createDirectories(file.getParent());
      Files.writeString(file, source);
      Path classes = Files.createDirectory(here.resolve("classes"));
      JavaCompiler javac = ToolProvider.getSystemJavaCompiler();
      List<String> arguments =
          new ArrayList<>(
              List.of(
                  "-proc:none",
                  "-d",
                  classes.toString(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  file.toString()));
      ByteArrayOutputStream errors = new ByteArrayOutputStream();
      if (javac.run(null, errors, errors, arguments.toArray(String[]::new)) != 0) {
        throw new IllegalStateException(errors.toString(StandardCharsets.UTF_8));
      }
      try (Stream<Path> all = Files.walk(classes)) {
        for (Path p : all.filter(Files::isRegularFile).toList()) {
          entries.put(
              "classes/" + classes.relativize(p).toString().replace('\\', '/'),
              Files.readAllBytes(p));
        }
      }
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes the package into the folder. */
  Path zip(String name) {
    Path file = folder.resolve(name);
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      for (Map.Entry<String, byte[]> e : entries.entrySet()) {
        zip.putNextEntry(new ZipEntry(e.getKey()));
        zip.write(e.getValue());
        zip.closeEntry();
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return file;
  }

  /** Packs a whole, honest plugin. */
  static Path honest(Path folder, String pluginId, String backendId) {
    return new PluginWorkshop(folder)
        .descriptor(pluginId, "plugin.requires=*")
        .backend("com.acme." + pluginId + ".Acme", backendId, "")
        .service("com.acme." + pluginId + ".Acme")
        .zip(pluginId + "-1.0.0.zip");
  }
}
