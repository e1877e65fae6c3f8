import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Makes one class list of several that the JVM wrote (-XX:DumpLoadedClassList), in an order that
 * does not depend on chance: {@code java ClassList.java OUT IN...}. Classes keep the order of their
 * first appearance, since a class follows the ones it needs; what is said about lambdas and
 * constant pools is sorted.
 */
class ClassList {
  public static void main(String[] args) throws IOException {
    Set<String> classes = new LinkedHashSet<>();
    Set<String> notes = new TreeSet<>();
    TreeMap<String, Set<Integer>> pools = new TreeMap<>();
    for (int i = 1; i < args.length; i++) {
      for (String line : Files.readAllLines(Path.of(args[i]))) {
        if (line.startsWith("@cp ")) {
          String[] words = line.split(" ");
          Set<Integer> pool = pools.computeIfAbsent(words[1], _ -> new TreeSet<>());
          for (int w = 2; w < words.length; w++) {
            pool.add(Integer.valueOf(words[w]));
          }
        } else if (line.startsWith("@")) {
          notes.add(line);
        } else if (!line.isEmpty() && !line.startsWith("#") && !line.contains("source:")) {
          classes.add(line.split(" ")[0]);
        }
      }
    }
    try (PrintStream out = new PrintStream(args[0], StandardCharsets.UTF_8)) {
      classes.forEach(c -> out.print(c + "\n"));
      notes.forEach(n -> out.print(n + "\n"));
      pools.forEach((name, pool) -> {
        StringBuilder numbers = new StringBuilder();
        pool.forEach(n -> numbers.append(' ').append(n));
        out.print("@cp " + name + numbers + "\n");
      });
    }
  }
}
