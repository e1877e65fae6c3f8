package dev.cocovisor.live.trace;

import dev.cocovisor.live.sys.Libc;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What guests touched, from the kernel's tracepoints: {@code kvm_page_fault} says that a guest
 * faulted and how, {@code kvm_mmu_spte_requested} which page it got. With nested paging the first
 * names the page itself; a shadow MMU's faults are at addresses of the guest's own, so there the
 * second is needed. Sources: {@code arch/x86/kvm/trace.h}, {@code mmu/mmutrace.h}; on arm64 {@code
 * kvm_guest_fault}, {@code arch/arm64/kvm/trace_arm.h}.
 */
final class TouchTrace implements AutoCloseable {
  private static final int O_NONBLOCK = 0x800;
  private static final List<Path> TRACEFS =
      List.of(Path.of("/sys/kernel/tracing"), Path.of("/sys/kernel/debug/tracing"));

  private final Path instance;
  private final Libc libc;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment buffer = arena.allocate(1 << 16);
  private final int pipe;
  private final TouchLines lines;
  private final StringBuilder partial = new StringBuilder();

  private TouchTrace(Path instance, Libc libc, int pipe, boolean shadow) {
    this.instance = instance;
    this.libc = libc;
    this.pipe = pipe;
    this.lines = new TouchLines(shadow);
  }

  /**
   * Begins to trace all threads of a process and its children.
   *
   * @return null where tracepoints cannot be read, which needs root and a mounted tracefs
   */
  @SuppressWarnings("EmptyCatch")
  static @Nullable TouchTrace open(int pid) {
    for (Path root : TRACEFS) {
      Path instance = root.resolve("instances").resolve("cocovisor-" + pid);
      try {
        Files.createDirectory(instance);
      } catch (IOException _) {
        continue;
      }
      try {
        Files.writeString(instance.resolve("options/event-fork"), "1");
        Files.writeString(instance.resolve("set_event_pid"), Integer.toString(pid));
        boolean shadow = enable(instance, "kvmmmu/kvm_mmu_spte_requested") && !nested();
        boolean any = enable(instance, "kvm/kvm_page_fault");
        any |= enable(instance, "kvm/kvm_guest_fault");
        var libc = new Libc();
        int pipe =
            libc.open(instance.resolve("trace_pipe").toString(), O_NONBLOCK | Libc.O_CLOEXEC);
        if (any && pipe >= 0) {
          return new TouchTrace(instance, libc, pipe, shadow);
        }
        libc.close();
      } catch (IOException _) {
        // As if there were none.
      }
      remove(instance);
      return null;
    }
    return null;
  }

  private static boolean enable(Path instance, String event) throws IOException {
    Path file = instance.resolve("events").resolve(event).resolve("enable");
    if (!Files.exists(file)) {
      return false;
    }
    Files.writeString(file, "1");
    return true;
  }

  /**
   * Tells whether guests run with nested paging, so that faults are at guest-physical addresses.
   */
  static boolean nested() {
    if (System.getProperty("os.arch", "").equals("aarch64")) {
      return true;
    }
    return isOn("kvm_intel/parameters/ept") || isOn("kvm_amd/parameters/npt");
  }

  private static boolean isOn(String parameter) {
    try {
      String v = Files.readString(Path.of("/sys/module", parameter)).strip();
      return v.equals("Y") || v.equals("1");
    } catch (IOException _) {
      return false;
    }
  }

  /** Hands over what was touched since the last time. */
  void drain(TouchLines.Taker to) {
    while (true) {
      long n = libc.read(pipe, buffer);
      if (n <= 0) {
        return;
      }
      partial.append(
          new String(
              buffer.asSlice(0, n).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII));
      int from = 0;
      for (int end = partial.indexOf("\n"); end >= 0; end = partial.indexOf("\n", from)) {
        lines.read(partial.substring(from, end), to);
        from = end + 1;
      }
      partial.delete(0, from);
    }
  }

  @Override
  public void close() {
    var _ = libc.close(pipe);
    libc.close();
    arena.close();
    remove(instance);
  }

  @SuppressWarnings("EmptyCatch")
  private static void remove(Path instance) {
    try {
      Files.deleteIfExists(instance);
    } catch (IOException _) {
      // It stays until the machine is booted anew, with nothing enabled by us in it.
    }
  }
}
