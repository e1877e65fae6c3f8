package dev.cocovisor.live.trace;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The table of structures, {@code structures.txt}, which says itself how to read it. */
final class Structures {
  private static final Pattern MEMBER = Pattern.compile("([\\w\\[\\]]+):([us])(8|16|32|64)@(\\d+)");
  private static final Structures TABLE = load();

  private final Map<Long, String> names = new HashMap<>();
  private final Map<Long, Structure> byRequest = new HashMap<>();
  private final Map<Long, String> families = new HashMap<>();
  private final Map<String, Map<Long, Structure>> commands = new HashMap<>();

  private Structures() {}

  /** Returns the table. */
  static Structures table() {
    return TABLE;
  }

  /** Returns the name of an ioctl, or null. */
  @Nullable String name(long request) {
    return names.get(request);
  }

  /** Returns what an ioctl takes; null if it takes no structure that matters. */
  @Nullable Structure of(long request) {
    return byRequest.get(request);
  }

  /** Returns what a command takes that VMs of a type have of their own; null if nobody knows it. */
  @Nullable Structure command(long vmType, long id) {
    return commands.getOrDefault(families.getOrDefault(vmType, ""), Map.of()).get(id);
  }

  private static Structures load() {
    var table = new Structures();
    try (InputStream in = Structures.class.getResourceAsStream("structures.txt")) {
      if (in == null) {
        throw new IllegalStateException("structures.txt is missing from the jar");
      }
      var reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        if (!line.isBlank() && !line.startsWith("#")) {
          table.add(line.strip().split("\\s+"));
        }
      }
      return table;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void add(String[] words) {
    var members = new ArrayList<Structure.Member>();
    var back = new ArrayList<Structure.Member>();
    List<Structure.Member> to = members;
    for (int i = 2; i < words.length; i++) {
      if (words[i].equals("=>")) {
        to = back;
      } else {
        to.add(member(words[i]));
      }
    }
    var structure = new Structure(words[1], List.copyOf(members), List.copyOf(back));
    int dot = words[0].indexOf('.');
    if (words[0].startsWith("vmtype.")) {
      families.put(Long.parseLong(words[0].substring(dot + 1)), words[1]);
      return;
    }
    if (dot > 0) {
      commands
          .computeIfAbsent(words[0].substring(0, dot), _ -> new HashMap<>())
          .put(Long.parseLong(words[0].substring(dot + 1)), structure);
      return;
    }
    long request = Long.decode(words[0]);
    names.put(request, words[1]);
    if (words.length > 2) {
      byRequest.put(request, structure);
    }
  }

  private static Structure.Member member(String word) {
    Matcher m = MEMBER.matcher(word);
    if (!m.matches()) {
      throw new IllegalStateException("structures.txt: " + word);
    }
    return new Structure.Member(
        m.group(1),
        Integer.parseInt(m.group(4)),
        Integer.parseInt(m.group(3)) / 8,
        m.group(2).equals("s"));
  }
}
