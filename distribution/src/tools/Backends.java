import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;

/**
 * Prints the backends that jars bring, a class and the jar's name a line: {@code java Backends.java
 * JAR...}. Commands that start often take them from such a list instead of opening every jar.
 */
class Backends {
  private static final String SERVICE = "META-INF/services/dev.cocovisor.api.Backend";

  public static void main(String[] args) throws IOException {
    for (String file : args) {
      try (JarFile jar = new JarFile(file)) {
        ZipEntry entry = jar.getEntry(SERVICE);
        if (entry == null) {
          continue;
        }
        try (InputStream bytes = jar.getInputStream(entry)) {
          for (String line :
              new String(bytes.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
            String name = line.replaceFirst("#.*", "").strip();
            if (!name.isEmpty()) {
              System.out.print(name + " " + Path.of(file).getFileName() + "\n");
            }
          }
        }
      }
    }
  }
}
