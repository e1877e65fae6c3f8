import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.LocalDateTime;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/**
 * Gives class files of Java 6 and older in a jar the form of Java 11, stack maps included, nothing
 * else changed: {@code java Upgrade.java JAR...}. The JVM keeps no old ones loaded ahead of time
 * and checks them the slow way at each start; a jar without old classes, or with a signature, stays
 * as it is.
 */
class Upgrade {
  private static final int OLDEST_KEPT = 51; // Java 7, the first that must have stack maps

  public static void main(String[] args) throws IOException {
    for (String jar : args) {
      upgrade(Path.of(jar));
    }
  }

  private static void upgrade(Path jar) throws IOException {
    Map<String, byte[]> entries =
        new TreeMap<>(
            Comparator.comparing((String n) -> !n.startsWith("META-INF/"))
                .thenComparing(Comparator.naturalOrder()));
    boolean old = false;
    try (JarFile in = new JarFile(jar.toFile())) {
      for (JarEntry e : (Iterable<JarEntry>) in.stream()::iterator) {
        try (InputStream bytes = in.getInputStream(e)) {
          entries.put(e.getName(), bytes.readAllBytes());
        }
        if (e.getName().startsWith("META-INF/") && e.getName().endsWith(".SF")) {
          return;
        }
      }
    }
    ClassHierarchyResolver own =
        ClassHierarchyResolver.ofResourceParsing(d -> {
          byte[] b =
              entries.get(
                  d.descriptorString().substring(1, d.descriptorString().length() - 1) + ".class");
          return b == null ? null : new java.io.ByteArrayInputStream(b);
        });
    ClassFile files =
        ClassFile.of(
            ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
            ClassFile.ClassHierarchyResolverOption.of(
                own.orElse(ClassHierarchyResolver.defaultResolver())));
    for (Map.Entry<String, byte[]> e : entries.entrySet()) {
      byte[] b = e.getValue();
      if (e.getKey().endsWith(".class")
          && !e.getKey().startsWith("META-INF/")
          && b.length > 8
          && (b[7] & 0xFF) < OLDEST_KEPT) {
        old = true;
        // Every body is built anew, which makes its stack maps.
        e.setValue(
            files.transformClass(
                files.parse(b),
                ClassTransform.transformingMethodBodies((body, element) -> body.with(element))
                    .andThen(
                        ClassTransform.endHandler(
                            c -> c.withVersion(ClassFile.JAVA_11_VERSION, 0)))));
      }
    }
    if (!old) {
      return;
    }
    Path next = jar.resolveSibling(jar.getFileName() + ".next");
    try (OutputStream file = Files.newOutputStream(next);
        JarOutputStream out = new JarOutputStream(file)) {
      for (Map.Entry<String, byte[]> e : entries.entrySet()) {
        JarEntry entry = new JarEntry(e.getKey());
        entry.setTimeLocal(LocalDateTime.of(2026, 1, 1, 0, 0));
        out.putNextEntry(entry);
        out.write(e.getValue());
        out.closeEntry();
      }
    }
    Files.move(next, jar, StandardCopyOption.REPLACE_EXISTING);
    System.err.println(
        "distribution: class files of " + List.of(jar.getFileName()) + " have Java 11's form");
  }
}
