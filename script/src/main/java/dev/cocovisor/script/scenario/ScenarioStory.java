package dev.cocovisor.script.scenario;

import dev.cocovisor.api.vmm.VmmTopic;
import dev.cocovisor.script.call.CallArgs;
import dev.cocovisor.script.text.LogCall;
import dev.cocovisor.script.text.LogResult;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
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
  private static final long PAGE = 4096;

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

  private static final Set<VmmTopic> CONVERSIONS =
      Set.of(VmmTopic.TO_SHARED, VmmTopic.TO_PRIVATE, VmmTopic.HOST_CONVERTS);

  private final String file;
  private final Map<Long, Machine> vms = new HashMap<>();

  /** Ranges that conversions made shared, or private again, by VM; the last one counts. */
  private final Map<Long, List<Map.Entry<Event, Boolean>>> conversions = new HashMap<>();

  private boolean faultPlanned;
  private boolean memoryTaken;

  /** Begins the story of a scenario of this name. */
  public ScenarioStory(String file) {
    this.file = file;
  }

  /** Says what a line is about, given what came before it. */
  public VmmTopic topicOf(LogCall call) {
    return switch (call.name()) {
      case "host_take_memory", "host_give_memory" -> VmmTopic.OUT_OF_MEMORY;
      case "firmware_fail" -> VmmTopic.TRUSTED_FAULT;
      case "vm_launch" ->
          new CallArgs(file, call).field(0, "from", 0) != 0
              ? VmmTopic.FOREIGN_MEMORY
              : VmmTopic.LAUNCH;
      default -> call.name().matches("(vm|host)_.*") ? ofStep(call) : VmmTopic.TRUSTED_CALLS;
    };
  }

  private VmmTopic ofStep(LogCall call) {
    var a = new CallArgs(file, call);
    Machine m = vms.computeIfAbsent(a.number(0), _ -> new Machine());
    boolean access = call.name().equals("vm_read") || call.name().equals("vm_write");
    if (!access && faultPlanned) {
      return VmmTopic.TRUSTED_FAULT;
    }
    if (!access && memoryTaken) {
      return VmmTopic.OUT_OF_MEMORY;
    }
    return switch (call.name()) {
      case "vm_populate" ->
          m.isFinal
              ? VmmTopic.POPULATE_LATE
              : last(m, at(a)) == VmmTopic.POPULATE ? VmmTopic.POPULATE_TWICE : VmmTopic.POPULATE;
      case "vm_finalize" -> VmmTopic.FINALIZE;
      case "vm_accept" ->
          a.fields(1).has("level") || last(m, at(a)) == VmmTopic.PREFAULT
              ? VmmTopic.ACCEPT_LEVEL
              : VmmTopic.ACCEPT;
      case "vm_convert" -> conversion(a);
      case "vm_stats" -> VmmTopic.TABLES;
      case "vm_punch" -> VmmTopic.PUNCH;
      case "vm_prefault" -> m.isFinal ? VmmTopic.PREFAULT : VmmTopic.PREFAULT_EARLY;
      case "vm_plug", "vm_unplug" -> VmmTopic.HOT_PLUG;
      case "vm_move" -> VmmTopic.MOVE;
      case "vm_reboot" -> VmmTopic.REBOOT;
      case "vm_teardown", "vm_close_memory" -> VmmTopic.TEARDOWN;
      case "host_poke" -> VmmTopic.HOST_USER;
      case "host_peek" ->
          switch (a.textField(1, "via", "user")) {
            case "kernel" -> VmmTopic.HOST_KERNEL;
            case "direct-map" -> VmmTopic.DIRECT_MAP;
            default -> VmmTopic.HOST_USER;
          };
      default -> touch(m, a);
    };
  }

  private VmmTopic touch(Machine m, CallArgs a) {
    long at = at(a);
    if (!m.isFinal) {
      return VmmTopic.RUN_EARLY;
    }
    VmmTopic past = last(m, at);
    if (m.ram.stream().noneMatch(r -> r.covers(at))) {
      return past == VmmTopic.HOT_PLUG || past == VmmTopic.MOVE ? past : VmmTopic.MMIO;
    }
    boolean alias = a.field(1, "shared", 0) != 0;
    if (past != VmmTopic.HOST_CONVERTS && alias != isShared(a.number(0), at)) {
      return VmmTopic.WRONG_ALIAS;
    }
    return past;
  }

  private static VmmTopic conversion(CallArgs a) {
    if (a.textField(1, "by", "guest").equals("host")) {
      return VmmTopic.HOST_CONVERTS;
    }
    return toShared(a) ? VmmTopic.TO_SHARED : VmmTopic.TO_PRIVATE;
  }

  private static boolean toShared(CallArgs a) {
    return a.textField(1, "to", "private").equals("shared");
  }

  private static long at(CallArgs a) {
    return a.field(1, "at", 0);
  }

  private static VmmTopic last(Machine m, long at) {
    for (Event e : m.past.reversed()) {
      if (e.covers(at)) {
        return e.topic();
      }
    }
    return m.rebooted ? VmmTopic.REBOOT : VmmTopic.FIRST_TOUCH;
  }

  private boolean isShared(long vm, long at) {
    for (Map.Entry<Event, Boolean> e : conversions.getOrDefault(vm, List.of()).reversed()) {
      if (e.getKey().covers(at)) {
        return e.getValue();
      }
    }
    return false;
  }

  /** Takes note of a line that was carried out. */
  public void done(ScenarioStep step) {
    LogCall call = step.call();
    LogResult result = step.answered().result();
    boolean failed = result == null || result.isError();
    var a = new CallArgs(file, call);
    switch (call.name()) {
      case "firmware_fail" -> faultPlanned = !failed;
      case "host_take_memory" -> memoryTaken = true;
      case "host_give_memory" -> memoryTaken = false;
      case "vm_launch" -> {
        if (!failed) {
          launched(vms.size() + 1L, a);
        }
      }
      default -> {
        Machine m = call.name().startsWith("vm_") ? vms.get(a.number(0)) : null;
        if (m != null) {
          inVm(call, a, m, failed, completed(result));
        }
      }
    }
  }

  private void launched(long number, CallArgs a) {
    var m = new Machine();
    m.ram.add(new Event(0, a.field(0, "memory", 0), VmmTopic.LAUNCH));
    vms.put(number, m);
  }

  private static boolean completed(@Nullable LogResult r) {
    LogResult.Exit exit = r == null ? null : r.exit();
    return exit != null && exit.reason().equals("OK");
  }

  private void inVm(LogCall call, CallArgs a, Machine m, boolean failed, boolean completed) {
    long at = a.last() > 0 ? at(a) : 0;
    long size = a.last() > 0 ? a.field(1, "size", PAGE) : 0;
    VmmTopic topic = ofStep(call);
    switch (call.name()) {
      case "vm_finalize" -> m.isFinal |= !failed;
      case "vm_read" -> {}
      case "vm_write" -> {
        if (completed) {
          boolean shared = a.field(1, "shared", 0) != 0;
          m.written.put(at, new Written((int) a.field(1, "value") & 0xff, shared));
        }
      }
      case "vm_reboot" -> {
        m.isFinal = false;
        m.rebooted = true;
        m.past.clear();
        conversions.remove(a.number(0));
      }
      case "vm_plug" -> {
        m.ram.add(new Event(at, at + size, topic));
        m.past.add(new Event(at, at + size, VmmTopic.FIRST_TOUCH));
      }
      case "vm_unplug", "vm_move" -> moved(m, a, at, topic);
      default -> {
        if (!failed && size > 0) {
          m.past.add(new Event(at, at + size, topic));
        }
        if (!failed && call.name().equals("vm_populate") && a.field(1, "value", 0) != 0) {
          m.written.put(at, new Written((int) a.field(1, "value") & 0xff, false));
        }
        if (!failed && CONVERSIONS.contains(topic)) {
          conversions
              .computeIfAbsent(a.number(0), _ -> new ArrayList<>())
              .add(Map.entry(new Event(at, at + size, topic), toShared(a)));
        }
      }
    }
    if (!call.name().equals("vm_read") && !call.name().equals("vm_write")) {
      faultPlanned = false;
    }
  }

  private static void moved(Machine m, CallArgs a, long at, VmmTopic topic) {
    for (Event r : List.copyOf(m.ram)) {
      if (r.covers(at)) {
        m.ram.remove(r);
        m.past.add(new Event(r.at(), r.end(), topic));
        if (topic == VmmTopic.MOVE) {
          long to = a.field(1, "to");
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
            m.written.forEach((at, w) ->
                pages.add(new Page(vm.intValue(), at, w.value(), isShared(vm, at), w.shared()))));
    return pages;
  }
}
