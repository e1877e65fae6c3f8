package dev.cocovisor.script.random;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.script.scenario.Step;
import dev.cocovisor.script.text.LogResult;
import dev.cocovisor.script.text.Value;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Knows what guests wrote to their private memory, and says when a guest that nobody took it from
 * reads something else. Whatever might change or remove contents makes it forget the pages; it
 * never has to know what a technology does to them.
 */
final class ContentWatch {
  private record Place(int vm, long at) {}

  private final Map<Place, Integer> written = new HashMap<>();
  private final Set<Integer> ended = new HashSet<>();
  private boolean shared;

  /**
   * Looks at a step and its answer.
   *
   * @return what is wrong, or null
   */
  @Nullable String look(Step step, LogResult result) {
    switch (step) {
      case Step.Launch s -> shared |= s.from() != 0;
      case Step.Write s when !s.shared() && ok(result) ->
          written.put(new Place(s.vm(), s.at()), s.value() & 0xff);
      case Step.Write s -> forget(s.vm(), s.at(), s.size());
      case Step.Read s when !s.shared() && ok(result) -> {
        return read(s, result);
      }
      case Step.Read _, Step.Peek _, Step.GuestMode _, Step.Pin _, Step.Unpin _ -> {}
      case Step.Prefault _, Step.Stats _ -> {}
      case Step.OfPlace s
          when s instanceof Step.Accept
              || s instanceof Step.Populate
              || s instanceof Step.Convert
              || s instanceof Step.Punch
              || s instanceof Step.Poke ->
          forget(s.vm(), s.at(), s.size());
      // The slots of a VM that lives on name addresses where the next VM's memory may come to lie.
      case Step.CloseMemory s when !ended.contains(s.vm()) -> shared = true;
      case Step.Teardown s -> {
        ended.add(s.vm());
        forget(s.vm());
      }
      case Step.OfVm s -> forget(s.vm());
      default -> {}
    }
    return null;
  }

  private @Nullable String read(Step.Read s, LogResult result) {
    Integer mine = written.get(new Place(s.vm(), s.at()));
    LogResult.Exit exit = result.exit();
    if (shared
        || mine == null
        || exit == null
        || !(exit.get("value") instanceof Value.Num(long got, Value.Num.Form _))) {
      return null;
    }
    return got == mine
        ? null
        : "VM %d wrote %d at 0x%x and reads %d".formatted(s.vm(), mine, s.at(), got);
  }

  private static boolean ok(LogResult result) {
    LogResult.Exit exit = result.exit();
    return !result.isError() && exit != null && exit.reason().equals("OK");
  }

  private void forget(int vm) {
    written.keySet().removeIf(p -> p.vm() == vm);
  }

  /** Forgets the whole pages that a range touches; one of 2^63 bytes and more touches the rest. */
  private void forget(int vm, long at, long size) {
    long first = at & -PageLevel.PAGE_SIZE;
    boolean all = size < 0 || size > Long.MAX_VALUE - PageLevel.PAGE_SIZE;
    long reach = all ? Long.MAX_VALUE : size + PageLevel.PAGE_SIZE;
    written.keySet().removeIf(p -> p.vm() == vm && p.at() >= first && p.at() - first < reach);
  }
}
