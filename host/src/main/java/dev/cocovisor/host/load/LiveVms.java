package dev.cocovisor.host.load;

import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The VMs of one plugin that are alive, and whether new ones may still be born.
 *
 * <p>Closing and giving birth exclude each other, so that a plugin is either refused its unloading
 * or never gets another VM. Thread-safe.
 */
final class LiveVms {
  private final ReentrantLock lock = new ReentrantLock();
  private final TreeMap<String, Integer> alive = new TreeMap<>();
  private boolean closed;

  /** Notes a VM; false if the plugin is gone. */
  boolean born(String vm) {
    lock.lock();
    try {
      if (!closed) {
        alive.merge(vm, 1, Integer::sum);
      }
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  void died(String vm) {
    lock.lock();
    try {
      alive.computeIfPresent(vm, (_, n) -> n == 1 ? null : n - 1);
    } finally {
      lock.unlock();
    }
  }

  /**
   * Closes if no VM is alive.
   *
   * @return the VMs that are alive, empty if it is closed now
   */
  List<String> close() {
    lock.lock();
    try {
      if (alive.isEmpty()) {
        closed = true;
      }
      return List.copyOf(alive.keySet());
    } finally {
      lock.unlock();
    }
  }

  /** Returns the names of the VMs that are alive. */
  List<String> alive() {
    lock.lock();
    try {
      return List.copyOf(alive.keySet());
    } finally {
      lock.unlock();
    }
  }
}
