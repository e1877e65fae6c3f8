import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * Makes one class list of several that the JVM wrote (-XX:DumpLoadedClassList): {@code java
 * ClassList.java OUT IN...}, two files a command, which ran twice: what only one of the runs loaded
 * is left out, as is what is said about the JDK's own constant pools, and all is sorted: all of
 * that depends on chance. What is said of other pools lets lambdas and texts be linked ahead of
 * time, too. A class that another one needs is found whatever the order.
 */
class ClassList {
  /** What the JDK loads for memory outside the heap, when a thread happens to find a buffer so. */
  private static final Pattern BY_CHANCE =
      Pattern.compile("^(java/lang/foreign/|jdk/internal/foreign/(?!abi/)).*");

  private static final Pattern JDK = Pattern.compile("^@cp (java|javax|jdk|sun|com/sun)/");

  public static void main(String[] args) throws IOException {
    Set<String> classes = new TreeSet<>();
    Set<String> notes = new TreeSet<>();
    Map<String, Set<Integer>> pools = new TreeMap<>();
    boolean keep = args[0].equals("--pools");
    int out = keep ? 1 : 0;
    for (int i = out + 1; i + 1 < args.length; i += 2) {
      Set<String> again = new HashSet<>();
      for (String line : Files.readAllLines(Path.of(args[i + 1]))) {
        again.add(subject(line));
      }
      for (String line : Files.readAllLines(Path.of(args[i]))) {
        if (!again.contains(subject(line))) {
          continue;
        }
        if (line.startsWith("@")) {
          if (!line.startsWith("@cp ")) {
            notes.add(line);
          } else if (keep && !JDK.matcher(line).find()) {
            List<String> words = List.of(line.split(" "));
            Set<Integer> entries = pools.computeIfAbsent(words.get(1), _ -> new TreeSet<>());
            words.subList(2, words.size()).forEach(w -> entries.add(Integer.valueOf(w)));
          }
        } else if (!line.isEmpty() && !line.startsWith("#") && !line.contains("source:")) {
          classes.add(subject(line));
        }
      }
    }
    classes.removeIf(c -> BY_CHANCE.matcher(c).matches());
    write(args[out], classes, notes, pools);
  }

  /** Returns what a line is about: its class, the pool it is of, or the whole of a note. */
  private static String subject(String line) {
    if (line.startsWith("@cp ")) {
      return line.substring(0, line.indexOf(' ', 4) < 0 ? line.length() : line.indexOf(' ', 4));
    }
    return line.startsWith("@") ? line : line.split(" ")[0];
  }

  private static void write(
      String file, Set<String> classes, Set<String> notes, Map<String, Set<Integer>> pools)
      throws IOException {
    try (PrintStream to = new PrintStream(file, StandardCharsets.UTF_8)) {
      classes.forEach(c -> to.print(c + "\n"));
      notes.forEach(n -> to.print(n + "\n"));
      // A pool is looked for when its class is known: after all classes.
      pools.forEach((name, entries) -> {
        to.print("@cp " + name);
        entries.forEach(e -> to.print(" " + e));
        to.print("\n");
      });
    }
  }
}
