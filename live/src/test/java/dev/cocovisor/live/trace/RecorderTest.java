package dev.cocovisor.live.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Where ptrace is allowed; nothing here needs /dev/kvm to work, only a name to open. */
class RecorderTest {
  private static final String TRACED = "(?s).*\\nTracerPid:\\s+[1-9].*";

  private static String recorded(boolean filter, String script) throws IOException {
    assumeTrue(RecordingHost.refusal() == null, "nothing can be recorded here");
    try (var recorder = new Recorder()) {
      assumeTrue(
          recorder.run(List.of("sh", "-c", script), filter, false), "ptrace is not allowed here");
      var out = new StringBuilder();
      var _ = recorder.traces().write(out, List.of());
      return out + "exit " + recorder.exitStatus();
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aProgramWithoutKvmLeavesNoProgram(boolean filter) throws IOException {
    assertThat(recorded(filter, "true; (exit 3)")).isEqualTo("exit 3");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoOpensKvmIsRecordedWithWhatBecameOfIt(boolean filter) throws IOException {
    boolean kvm = Files.isReadable(Path.of("/dev/kvm"));
    String log = recorded(filter, "exec 7</dev/kvm || exit 1; exec 7<&-");
    if (kvm) {
      assertThat(log.lines()).first().isEqualTo("# program 0");
      assertThat(log)
          .containsPattern("openat\\(AT_FDCWD, \"/dev/kvm\", O_RDONLY\\) = \\d+\n")
          .contains("dup(")
          .contains("close(7) = 0\n")
          .endsWith("exit 0");
    } else {
      assertThat(log).contains("openat(AT_FDCWD, \"/dev/kvm\", O_RDONLY) = -1 E");
    }
  }

  @Test
  void childrenAreProgramsOfTheirOwn() throws IOException {
    assumeTrue(Files.isReadable(Path.of("/dev/kvm")), "no /dev/kvm here");
    assertThat(recorded(true, "cat </dev/kvm 2>/dev/null; true; (exec 5</dev/kvm); true"))
        .contains("# program 0", "# program 1")
        .doesNotContain("# program 3");
  }

  /** A program that can hand descriptors over, where there is one. */
  private static String python(boolean filter, String program) throws IOException {
    assumeTrue(Files.isReadable(Path.of("/dev/kvm")), "no /dev/kvm here");
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/python3")), "no python3 here");
    return recorded(filter, "exec /usr/bin/python3 -c '" + program + "'");
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void descriptorsInMessagesAreFollowed(boolean filter) throws IOException {
    String log =
        python(
            filter,
            """
            import os, socket, fcntl, mmap, struct
            a, b = socket.socketpair()
            if os.fork() == 0:
                data, fds, flags, addr = socket.recv_fds(b, 16, 4)
                vm = fcntl.ioctl(fds[0], 0xae01, 0)
                m = mmap.mmap(fds[1], 8192)
                os._exit(0)
            ram = os.memfd_create("ram")
            os.ftruncate(ram, 8192)
            socket.send_fds(a, [b"two"], [os.open("/dev/kvm", os.O_RDWR), ram])
            os.wait()
            """);
    assertThat(log.substring(log.indexOf("# program 1")))
        .containsPattern(
            "openat\\(AT_FDCWD, \"/dev/kvm\", O_RDWR\\) = (\\d+)  # of another process")
        .containsPattern("ioctl\\(\\d+, KVM_CREATE_VM, 0\\) = \\d+");
  }

  @Test
  void aPipeHoldsPagesOfASlotUntilItIsClosed() throws IOException {
    assertThat(
            python(
                true,
                """
                import os, fcntl, mmap, ctypes, struct
                libc = ctypes.CDLL(None)
                vm = fcntl.ioctl(os.open("/dev/kvm", os.O_RDWR), 0xae01, 0)
                m = mmap.mmap(-1, 8192)
                at = ctypes.addressof(ctypes.c_char.from_buffer(m))
                fcntl.ioctl(vm, 0x4020ae46, struct.pack("IIQQQ", 0, 0, 0, 8192, at))
                r, w = os.pipe()
                v = ctypes.create_string_buffer(struct.pack("QQ", at, 4096))
                libc.vmsplice(w, v, 1, 0)
                os.close(r)
                os.close(w)
                """))
        .containsPattern(
            "vmsplice\\(pipe, \\{0x[0-9a-f]+, 0x1000\\}, 1, 0\\) = 4096\nclose\\(pipe\\) = 0\n");
  }

  @Test
  void theNextProgramHasWhatIsNotClosedForIt() throws IOException {
    assumeTrue(Files.isReadable(Path.of("/dev/kvm")), "no /dev/kvm here");
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/python3")), "no python3 here");
    assertThat(
            recorded(
                true,
                "exec 7</dev/kvm; exec /usr/bin/python3 -c 'import fcntl; fcntl.ioctl(7, 0xae01,"
                    + " 0)'"))
        .contains(
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 7  # of the program before\n"
                + "ioctl(7, KVM_CREATE_VM, 0)");
  }

  /** Waits until a process that loops has a tracer and has gone round some times since. */
  private static void awaitTraced(long pid, Path rounds) {
    try {
      while (!Files.readString(Path.of("/proc/" + pid + "/status")).matches(TRACED)) {
        Thread.sleep(5);
      }
      long before = Files.size(rounds);
      while (Files.size(rounds) < before + 3) {
        Thread.sleep(5);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void aProcessThatRunsIsWatchedAndLetGo(@TempDir Path dir) throws Exception {
    assumeTrue(RecordingHost.refusal() == null, "nothing can be recorded here");
    assumeTrue(Files.isReadable(Path.of("/dev/kvm")), "no /dev/kvm here");
    Path rounds = Files.createFile(dir.resolve("rounds"));
    // A grandchild: of its own children Java takes the stops.
    String loop = "exec 7</dev/kvm; while :; do exec 8<&7; printf x; exec 8<&-; done";
    Process shell =
        new ProcessBuilder("sh", "-c", "sh -c \"$1\" >> " + rounds + " & echo $!", "x", loop)
            .start();
    long pid;
    try (var out = shell.inputReader()) {
      pid = Long.parseLong(out.readLine());
    }
    ProcessHandle p = ProcessHandle.of(pid).orElseThrow();
    try (var recorder = new Recorder()) {
      while (Files.size(rounds) == 0) {
        Thread.sleep(5);
      }
      var stopper =
          new Thread(() -> {
            awaitTraced(pid, rounds);
            recorder.stop();
          });
      stopper.start();
      assumeTrue(recorder.attach((int) pid, false), "ptrace is not allowed here");
      stopper.join();
      var log = new StringBuilder();
      var _ = recorder.traces().write(log, List.of());
      assertThat(log).contains("# program 0");
      assertThat(log.toString().lines().filter(l -> l.startsWith("dup(7)"))).isNotEmpty();
      long left = Files.size(rounds);
      while (Files.size(rounds) <= left) {
        assertThat(p.isAlive()).isTrue();
        Thread.sleep(5);
      }
    } finally {
      var _ = p.destroyForcibly();
    }
  }

  @Test
  void stoppingARecordingEndsTheCommandAndKeepsWhatWasSeen(@TempDir Path dir) throws Exception {
    assumeTrue(RecordingHost.refusal() == null, "nothing can be recorded here");
    assumeTrue(Files.isReadable(Path.of("/dev/kvm")), "no /dev/kvm here");
    Path rounds = Files.createFile(dir.resolve("rounds"));
    try (var recorder = new Recorder()) {
      var stopper =
          new Thread(() -> {
            try {
              while (Files.size(rounds) < 3) {
                Thread.sleep(5);
              }
            } catch (IOException | InterruptedException e) {
              throw new IllegalStateException(e);
            }
            recorder.stop();
          });
      stopper.start();
      String loop = "exec 7</dev/kvm; while :; do printf x >> " + rounds + "; done";
      assumeTrue(recorder.run(List.of("sh", "-c", loop), true, false), "ptrace is not allowed");
      stopper.join();
      var log = new StringBuilder();
      var _ = recorder.traces().write(log, List.of());
      assertThat(log).contains("openat(AT_FDCWD, \"/dev/kvm\", O_RDONLY)");
      assertThat(recorder.exitStatus()).isEqualTo(128 + 15);
    }
  }

  @Test
  void aCommandThatIsNotThereEndsAsInAShell() throws IOException {
    assertThat(recorded(true, "exec /no/such/command")).isEqualTo("exit 127");
  }
}
