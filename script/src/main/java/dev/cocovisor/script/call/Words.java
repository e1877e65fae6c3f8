package dev.cocovisor.script.call;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.log.LogWords;
import dev.cocovisor.script.text.Value;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The words that lines may use on hosts of certain technologies: the kernel's own symbols, and what
 * each technology adds to them (names of VM types, the names its instructions' answers go by).
 */
public final class Words {
  /** The kernel's words alone. */
  public static final Words KERNEL = of(List.of());

  private final Map<String, Long> numbers = new HashMap<>();
  private final Map<String, String> answers = new HashMap<>(LogWords.KERNEL.answers());

  private Words() {}

  /** Returns the kernel's words and those of the technologies. */
  public static Words of(Collection<? extends Backend> technologies) {
    var words = new Words();
    for (Backend b : technologies) {
      for (VmType t : b.info().vmTypes()) {
        words.numbers.put(t.name(), t.number());
      }
      words.answers.putAll(b.logWords().answers());
    }
    return words;
  }

  /** Returns a value's number, or null if it has none or holds a symbol nobody knows. */
  public @Nullable Long number(Value v) {
    Long number = Symbols.number(v);
    return number == null && v instanceof Value.Sym s ? numbers.get(s.name()) : number;
  }

  /** Returns every symbol that has a number. */
  Set<String> symbols() {
    var all = new TreeSet<>(Symbols.names());
    all.addAll(numbers.keySet());
    return all;
  }

  /** Returns by what name logs print what a guest action answers; null where nobody says. */
  @Nullable String answerOf(String action) {
    return answers.get(action);
  }
}
