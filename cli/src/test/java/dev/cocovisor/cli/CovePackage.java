package dev.cocovisor.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/** The sample of a third party, RISC-V CoVE, compiled and packed into a plugin folder. */
public final class CovePackage {
  /** The id of its backend. */
  public static final String ID = "riscv-cove";

  private CovePackage() {}

  /** Builds the package and returns the folder it lies in. */
  public static Path into(Path folder) throws IOException {
    Path module = Path.of(System.getProperty("cocovisor.root"), "plugins", ID);
    Path classes = Files.createDirectories(folder.resolve("classes"));
    List<String> args = new ArrayList<>();
    args.addAll(List.of("-proc:none", "-nowarn", "-d", classes.toString()));
    args.addAll(List.of("-cp", System.getProperty("java.class.path")));
    files(module.resolve("src/main/java")).forEach(f -> args.add(f.toString()));
    int code =
        ToolProvider.getSystemJavaCompiler().run(null, null, null, args.toArray(String[]::new));
    if (code != 0) {
      throw new IllegalStateException("the sample does not compile");
    }
    var manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    manifest.getMainAttributes().putValue("Plugin-Id", ID);
    manifest.getMainAttributes().putValue("Plugin-Version", "1.0.0");
    Path plugins = Files.createDirectories(folder.resolve("plugins"));
    try (OutputStream out = Files.newOutputStream(plugins.resolve(ID + "-1.0.0.jar"));
        var jar = new JarOutputStream(out, manifest)) {
      add(jar, classes);
      add(jar, module.resolve("src/main/resources"));
    }
    return plugins;
  }

  private static List<Path> files(Path under) throws IOException {
    try (Stream<Path> all = Files.walk(under)) {
      return all.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private static void add(JarOutputStream jar, Path root) throws IOException {
    files(root)
        .forEach(f -> {
          try {
            jar.putNextEntry(new JarEntry(root.relativize(f).toString()));
            jar.write(Files.readAllBytes(f));
            jar.closeEntry();
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }
}
