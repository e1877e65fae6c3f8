package dev.cocovisor.campaign.file;

import dev.cocovisor.api.Nearest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.api.lowlevel.Compose;
import org.snakeyaml.engine.v2.exceptions.Mark;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;

/**
 * A mapping of a YAML file, read key by key. What is not there, not of its kind or not known is
 * refused with file, line and column.
 */
final class YamlMap {
  private final String file;
  private final Node node;
  private final Map<String, Node> entries = new LinkedHashMap<>();
  private final Map<String, Node> keys = new LinkedHashMap<>();
  private final List<String> asked = new ArrayList<>();

  private YamlMap(String file, Node node) {
    this.file = file;
    this.node = node;
    if (!(node instanceof MappingNode map)) {
      throw wrong(node, "entries as 'key: value' expected");
    }
    for (NodeTuple t : map.getValue()) {
      String key = scalar(t.getKeyNode());
      if (entries.put(key, t.getValueNode()) != null) {
        throw wrong(t.getKeyNode(), "'" + key + "' is there twice");
      }
      keys.put(key, t.getKeyNode());
    }
  }

  /** Reads a file's text. */
  static YamlMap of(String file, String text) {
    LoadSettings settings =
        LoadSettings.builder()
            .setLabel(file)
            .setMaxAliasesForCollections(20)
            .setCodePointLimit(1 << 20)
            .build();
    try {
      Node root = new Compose(settings).composeString(text).orElse(null);
      if (root == null) {
        throw new CampaignException(file + ": is empty; a campaign begins with 'campaign: NAME'");
      }
      return new YamlMap(file, root);
    } catch (MarkedYamlEngineException e) {
      String at = e.getProblemMark().map(m -> place(file, m)).orElse(file);
      throw new CampaignException(at + ": " + e.getProblem(), e);
    } catch (YamlEngineException e) {
      throw new CampaignException(file + ": " + e.getMessage(), e);
    }
  }

  private static String place(String file, Mark m) {
    return file + ":" + (m.getLine() + 1) + ":" + (m.getColumn() + 1);
  }

  private CampaignException wrong(Node at, String what) {
    return new CampaignException(
        at.getStartMark().map(m -> place(file, m)).orElse(file) + ": " + what);
  }

  /** Returns what is wrong with a key's value. */
  CampaignException wrong(String key, String what) {
    return wrong(entries.getOrDefault(key, node), key + ": " + what);
  }

  /** Returns what is wrong with all of it. */
  CampaignException wrong(String what) {
    return wrong(node, what);
  }

  private String scalar(Node n) {
    if (n instanceof ScalarNode s) {
      return s.getValue();
    }
    throw wrong(n, "one word expected");
  }

  private @Nullable Node get(String key) {
    asked.add(key);
    return entries.get(key);
  }

  boolean has(String key) {
    return entries.containsKey(key);
  }

  /** Returns a text, or what it is where it is not there. */
  String text(String key, String without) {
    Node n = get(key);
    return n == null ? without : scalar(n);
  }

  /** Returns a text that has to be there. */
  String text(String key) {
    Node n = get(key);
    if (n == null) {
      throw wrong("'" + key + "' is missing");
    }
    return scalar(n);
  }

  /** Returns a whole number from {@code least}, or what it is where it is not there. */
  long number(String key, long least, long without) {
    Node n = get(key);
    if (n == null) {
      return without;
    }
    try {
      long value = Long.parseLong(scalar(n).replace("_", ""));
      if (value >= least) {
        return value;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw wrong(n, key + ": a number from " + least + " expected");
  }

  /** Returns a range of numbers as {@code 1..100} or {@code 7}: the first and the last. */
  long[] range(String key, long[] without) {
    Node n = get(key);
    if (n == null) {
      return without;
    }
    String[] ends = scalar(n).split("\\.\\.", -1);
    try {
      long first = Long.parseLong(ends[0].strip());
      long last = ends.length == 1 ? first : Long.parseLong(ends[1].strip());
      if (ends.length <= 2 && first <= last) {
        return new long[] {first, last};
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw wrong(n, key + ": a range as 1..100 expected");
  }

  /** Returns the words of a list; a single word is a list of one. */
  List<String> words(String key, List<String> without) {
    Node n = get(key);
    if (n == null) {
      return without;
    }
    if (n instanceof SequenceNode s) {
      return s.getValue().stream().map(this::scalar).toList();
    }
    return List.of(scalar(n));
  }

  /** Returns mappings of a list; a single mapping is a list of one. */
  List<YamlMap> maps(String key) {
    Node n = get(key);
    if (n == null) {
      return List.of();
    }
    if (n instanceof SequenceNode s) {
      return s.getValue().stream().map(m -> new YamlMap(file, m)).toList();
    }
    return List.of(new YamlMap(file, n));
  }

  /** Returns all entries as text. */
  Map<String, String> all() {
    var all = new LinkedHashMap<String, String>();
    entries.forEach((key, value) -> {
      asked.add(key);
      all.put(key, scalar(value));
    });
    return all;
  }

  /** Refuses keys that nobody asked for. */
  void nothingElse() {
    keys.forEach((key, at) -> {
      if (!asked.contains(key)) {
        throw wrong(at, Nearest.refusal("key", key, asked));
      }
    });
  }
}
