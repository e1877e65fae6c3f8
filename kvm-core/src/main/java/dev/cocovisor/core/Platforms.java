package dev.cocovisor.core;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.core.mem.PhysicalHost;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongPredicate;

/**
 * The platforms of a host, each created with the first VM of its backend, and their say in accesses
 * to memory for as long as they live.
 */
final class Platforms {
  private final HostMachine host;
  private final PhysicalHost memory;
  private final Map<String, Booted> booted = new LinkedHashMap<>();

  /** A platform with its guard, which is asked for once, and its way to export a page. */
  private record Booted(
      Platform platform, PhysicalGuard guard, LongPredicate exporter, LongPredicate taker) {}

  Platforms(HostMachine host, PhysicalHost memory) {
    this.host = host;
    this.memory = memory;
  }

  /** Returns the platform of a backend, created if there is none yet. */
  Platform of(Backend backend) {
    String id = backend.info().id();
    Booted b = booted.get(id);
    if (b == null) {
      b = boot(backend, id);
      booted.put(id, b);
      memory.addGuard(b.guard);
      memory.addExporter(b.exporter);
      memory.addTaker(b.taker);
    }
    return b.platform;
  }

  private Booted boot(Backend backend, String id) {
    try {
      Platform p = backend.createPlatform(host);
      return new Booted(p, p.guard(), pfn -> accessible(id, p, pfn), pfn -> taken(id, p, pfn));
    } catch (RuntimeException | Error e) {
      throw VendorFailure.of(id, "createPlatform", e);
    }
  }

  private static boolean accessible(String backend, Platform platform, long pfn) {
    try {
      return platform.makeAccessible(pfn);
    } catch (RuntimeException | Error e) {
      throw VendorFailure.of(backend, "makeAccessible", e);
    }
  }

  private static boolean taken(String backend, Platform platform, long pfn) {
    try {
      return platform.takeBack(pfn);
    } catch (RuntimeException | Error e) {
      throw VendorFailure.of(backend, "takeBack", e);
    }
  }

  /** Returns those created so far, in that order. */
  List<Platform> all() {
    var all = new ArrayList<Platform>(booted.size());
    booted.values().forEach(b -> all.add(b.platform));
    return all;
  }

  /** Ends them, the last first, each with its say in accesses to memory. */
  void close() {
    for (Booted b : List.copyOf(booted.values()).reversed()) {
      memory.removeGuard(b.guard);
      memory.removeExporter(b.exporter);
      memory.removeTaker(b.taker);
      b.platform.close();
    }
    booted.clear();
  }
}
