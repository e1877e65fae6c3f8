import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;

/**
 * Makes one class list of several that the JVM wrote (-XX:DumpLoadedClassList): {@code java
 * ClassList.java OUT IN...}. All is sorted, and what is said about constant pools is left out: both
 * depend on chance. A class that another one needs is found whatever the order.
 */
class ClassList {
  public static void main(String[] args) throws IOException {
    Set<String> classes = new TreeSet<>();
    Set<String> notes = new TreeSet<>();
    for (int i = 1; i < args.length; i++) {
      for (String line : Files.readAllLines(Path.of(args[i]))) {
        if (line.startsWith("@")) {
          if (!line.startsWith("@cp ")) {
            notes.add(line);
          }
        } else if (!line.isEmpty() && !line.startsWith("#") && !line.contains("source:")) {
          classes.add(line.split(" ")[0]);
        }
      }
    }
    try (PrintStream out = new PrintStream(args[0], StandardCharsets.UTF_8)) {
      classes.forEach(c -> out.print(c + "\n"));
      notes.forEach(n -> out.print(n + "\n"));
    }
  }
}
