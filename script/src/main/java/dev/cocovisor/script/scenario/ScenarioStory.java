package dev.cocovisor.script.scenario;

import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.script.text.LogResult;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a scenario has done to its guests' memory so far on one technology: enough to say what a
 * line is about, and which pages hold something worth looking for.
 *
 * <p>Fed with the steps in order. It knows the lines and their answers, never a technology: what a
 * page really holds is found out by looking.
 */
public final class ScenarioStory {
  /**
   * A page that was given contents.
   *
   * @param vm the VM's number
   * @param at offset from where its RAM begins
   * @param value the byte that was written last
   * @param shared whether it is shared now, as far as the scenario's conversions say
   * @param writtenShared whether it was shared when it was written
   */
  public record Page(int vm, long at, int value, boolean shared, boolean writtenShared) {}

  /** Something that happened to a range of a VM's memory. */
  private record Event(long at, long end, VmmTopic topic) {
    boolean covers(long place) {
      return place >= at && place < end;
    }
  }

  private record Written(int value, boolean shared) {}

  private static final class Machine {
    boolean isFinal;
    boolean rebooted;
    final List<Event> ram = new ArrayList<>();
    final List<Event> past = new ArrayList<>();
    final Map<Long, Written> written = new LinkedHashMap<>();
  }

  private final Map<Integer, Machine> vms = new HashMap<>();

  /** Ranges that conversions made shared, or private again, by VM; the last one counts. */
  private final Map<Integer, List<Map.Entry<Event, Boolean>>> conversions = new HashMap<>();

  private boolean faultPlanned;
  private boolean memoryTaken;

  /** Says what a step is about, given what came before it. */
  public VmmTopic topicOf(Step step) {
    return switch (step) {
      case Step.TakeMemory _, Step.GiveMemory _ -> VmmTopic.OUT_OF_MEMORY;
      case Step.FirmwareFail _ -> VmmTopic.TRUSTED_FAULT;
      case Step.Launch s -> s.from() != 0 ? VmmTopic.FOREIGN_MEMORY : VmmTopic.LAUNCH;
      case Step.OfVm s -> ofVm(s);
      case Step.Call _, Step.Steering _ -> VmmTopic.TRUSTED_CALLS;
    };
  }

  private VmmTopic ofVm(Step.OfVm step) {
    Machine m = vms.computeIfAbsent(step.vm(), _ -> new Machine());
    boolean access = step instanceof Step.Read || step instanceof Step.Write;
    if (!access && faultPlanned) {
      return VmmTopic.TRUSTED_FAULT;
    }
    if (!access && memoryTaken) {
      return VmmTopic.OUT_OF_MEMORY;
    }
    return switch (step) {
      case Step.Populate s ->
          m.isFinal
              ? VmmTopic.POPULATE_LATE
              : last(m, s.at()) == VmmTopic.POPULATE ? VmmTopic.POPULATE_TWICE : VmmTopic.POPULATE;
      case Step.FinalizeLaunch _ -> VmmTopic.FINALIZE;
      case Step.Accept s ->
          s.level() != null || last(m, s.at()) == VmmTopic.PREFAULT
              ? VmmTopic.ACCEPT_LEVEL
              : VmmTopic.ACCEPT;
      case Step.Convert s ->
          s.byHost()
              ? VmmTopic.HOST_CONVERTS
              : s.toPrivate() ? VmmTopic.TO_PRIVATE : VmmTopic.TO_SHARED;
      case Step.Stats _ -> VmmTopic.TABLES;
      case Step.Punch _ -> VmmTopic.PUNCH;
      case Step.Prefault _ -> m.isFinal ? VmmTopic.PREFAULT : VmmTopic.PREFAULT_EARLY;
      case Step.Plug _, Step.Unplug _ -> VmmTopic.HOT_PLUG;
      case Step.Move _ -> VmmTopic.MOVE;
      case Step.Reboot _ -> VmmTopic.REBOOT;
      case Step.Teardown _, Step.CloseMemory _ -> VmmTopic.TEARDOWN;
      case Step.GuestMode _ -> VmmTopic.TRUSTED_CALLS;
      case Step.Poke _, Step.Pin _, Step.Unpin _ -> VmmTopic.HOST_USER;
      case Step.Peek s ->
          switch (s.via()) {
            case KERNEL -> VmmTopic.HOST_KERNEL;
            case DIRECT_MAP -> VmmTopic.DIRECT_MAP;
            case USER -> VmmTopic.HOST_USER;
          };
      case Step.Read s -> touch(m, s.vm(), s.at(), s.shared());
      case Step.Write s -> touch(m, s.vm(), s.at(), s.shared());
    };
  }

  private VmmTopic touch(Machine m, int vm, long at, boolean alias) {
    if (!m.isFinal) {
      return VmmTopic.RUN_EARLY;
    }
    VmmTopic past = last(m, at);
    if (m.ram.stream().noneMatch(r -> r.covers(at))) {
      return past == VmmTopic.HOT_PLUG || past == VmmTopic.MOVE ? past : VmmTopic.MMIO;
    }
    if (past != VmmTopic.HOST_CONVERTS && alias != isShared(vm, at)) {
      return VmmTopic.WRONG_ALIAS;
    }
    return past;
  }

  private static VmmTopic last(Machine m, long at) {
    for (Event e : m.past.reversed()) {
      if (e.covers(at)) {
        return e.topic();
      }
    }
    return m.rebooted ? VmmTopic.REBOOT : VmmTopic.FIRST_TOUCH;
  }

  private boolean isShared(int vm, long at) {
    for (Map.Entry<Event, Boolean> e : conversions.getOrDefault(vm, List.of()).reversed()) {
      if (e.getKey().covers(at)) {
        return e.getValue();
      }
    }
    return false;
  }

  /** Takes note of a step that was carried out. */
  public void done(ScenarioStep done) {
    LogResult result = done.answered().result();
    boolean failed = result == null || result.isError();
    switch (done.step()) {
      case Step.FirmwareFail _ -> faultPlanned = !failed;
      case Step.TakeMemory _ -> memoryTaken = true;
      case Step.GiveMemory _ -> memoryTaken = false;
      case Step.Launch s -> {
        if (!failed) {
          launched(vms.size() + 1, s.memory());
        }
      }
      case Step.Peek _, Step.Poke _ -> {}
      case Step.OfVm s -> {
        Machine m = vms.get(s.vm());
        if (m != null) {
          inVm(s, m, failed, completed(result));
        }
      }
      case Step.Call _, Step.Steering _ -> {}
    }
  }

  private void launched(int number, long memory) {
    var m = new Machine();
    m.ram.add(new Event(0, memory, VmmTopic.LAUNCH));
    vms.put(number, m);
  }

  private static boolean completed(@Nullable LogResult r) {
    LogResult.Exit exit = r == null ? null : r.exit();
    return exit != null && exit.reason().equals("OK");
  }

  private void inVm(Step.OfVm step, Machine m, boolean failed, boolean completed) {
    VmmTopic topic = ofVm(step);
    switch (step) {
      case Step.FinalizeLaunch _ -> m.isFinal |= !failed;
      case Step.Write s -> {
        if (completed) {
          m.written.put(s.at(), new Written(s.value(), s.shared()));
        }
      }
      case Step.Reboot s -> {
        m.isFinal = false;
        m.rebooted = true;
        m.past.clear();
        conversions.remove(s.vm());
      }
      case Step.Plug s -> {
        m.ram.add(new Event(s.at(), s.at() + s.size(), topic));
        m.past.add(new Event(s.at(), s.at() + s.size(), VmmTopic.FIRST_TOUCH));
      }
      case Step.Unplug s -> moved(m, s.at(), -1, topic);
      case Step.Move s -> moved(m, s.at(), s.to(), topic);
      case Step.Populate s -> {
        past(m, s, failed, topic);
        if (!failed && s.value() != 0) {
          m.written.put(s.at(), new Written(s.value(), false));
        }
      }
      case Step.Convert s -> {
        past(m, s, failed, topic);
        if (!failed) {
          conversions
              .computeIfAbsent(s.vm(), _ -> new ArrayList<>())
              .add(Map.entry(new Event(s.at(), s.at() + s.size(), topic), !s.toPrivate()));
        }
      }
      case Step.Accept s -> past(m, s, failed, topic);
      case Step.Punch s -> past(m, s, failed, topic);
      case Step.Prefault s -> past(m, s, failed, topic);
      default -> {}
    }
    if (!(step instanceof Step.Read) && !(step instanceof Step.Write)) {
      faultPlanned = false;
    }
  }

  private static void past(Machine m, Step.OfPlace s, boolean failed, VmmTopic topic) {
    if (!failed) {
      m.past.add(new Event(s.at(), s.at() + s.size(), topic));
    }
  }

  private static void moved(Machine m, long at, long to, VmmTopic topic) {
    for (Event r : List.copyOf(m.ram)) {
      if (r.covers(at)) {
        m.ram.remove(r);
        m.past.add(new Event(r.at(), r.end(), topic));
        if (to >= 0) {
          m.ram.add(new Event(to, to + r.end() - r.at(), topic));
          m.past.add(new Event(to, to + r.end() - r.at(), topic));
        }
      }
    }
  }

  /** Returns the pages that were given contents, in the order they were first given any. */
  public List<Page> pages() {
    var pages = new ArrayList<Page>();
    new TreeMap<>(vms)
        .forEach((vm, m) ->
            m.written.forEach(
                (at, w) -> pages.add(new Page(vm, at, w.value(), isShared(vm, at), w.shared()))));
    return pages;
  }
}
