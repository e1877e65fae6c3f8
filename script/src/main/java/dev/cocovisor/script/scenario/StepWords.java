package dev.cocovisor.script.scenario;

import dev.cocovisor.script.call.Words;
import dev.cocovisor.vmm.Technologies;
import dev.cocovisor.vmm.Technology;
import java.util.Collection;
import java.util.Set;
import java.util.TreeSet;

/**
 * The words that scenarios may use, given the technologies there are.
 *
 * @param calls those of system calls and guest actions
 * @param ids the technologies' ids
 * @param launchFields what launches may ask of one of them
 */
public record StepWords(Words calls, Set<String> ids, Set<String> launchFields) {
  /** Returns the words on hosts of these technologies. */
  public static StepWords of(Technologies technologies) {
    return of(technologies, technologies.all());
  }

  private static StepWords of(Technologies technologies, Collection<Technology> all) {
    var fields = new TreeSet<String>();
    all.forEach(t -> fields.addAll(t.driver().launchFields()));
    return new StepWords(
        Words.of(technologies.backends()), Set.copyOf(technologies.ids()), Set.copyOf(fields));
  }
}
