package dev.cocovisor.script.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.LogSyntaxException;
import dev.cocovisor.api.log.Mismatch;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.text.Damage;
import dev.cocovisor.script.text.LogLine;
import dev.cocovisor.script.text.LogReader;
import dev.cocovisor.script.text.LogWriter;
import dev.cocovisor.script.text.Respelling;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a replay makes of logs that are not as they were recorded: a damaged program ends in
 * mismatches or in a syntax error that says where, never in anything else; a program spelled
 * another way, as strace would, replays as before.
 */
class DamagedLogTest {
  private static final String[] LOGS = {"kvm-x86-7.3.kvmlog.gz", "kvm-x86-7.3-shadow.kvmlog.gz"};

  /** Programs as lists of lines. */
  private static List<List<String>> programs() throws IOException {
    var all = new ArrayList<List<String>>();
    for (String log : LOGS) {
      Path path = Path.of(System.getProperty("cocovisor.root"), "conformance", log);
      try (var in = LogSource.file(path).opener().open()) {
        List<String> program = new ArrayList<>();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
          if (line.startsWith("# program")) {
            program = new ArrayList<>();
            all.add(program);
          } else if (!line.isBlank() && !line.startsWith("#")) {
            program.add(line);
          }
        }
      }
    }
    all.removeIf(List::isEmpty);
    return all;
  }

  private static List<Mismatch> replay(List<String> program) throws IOException {
    var found = new ArrayList<Mismatch>();
    var _ =
        new KvmLogReplayer(Technologies.builtIn())
            .replay(
                LogSource.text("log", String.join("\n", program)), ReplayOptions.ALL, found::add);
    return found;
  }

  @Test
  void anAnswerToNoHypercallIsASyntaxErrorThatSaysWhere() throws IOException {
    List<String> program =
        List.of(
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
            "ioctl(3, KVM_CREATE_VM, KVM_X86_DEFAULT_VM) = 5",
            "ioctl(5, KVM_CREATE_VCPU, 0) = 7",
            "guest_resume(7, {ret=0}) = 0 (KVM_EXIT_HLT, rax=0)");
    assertThatThrownBy(() -> replay(program))
        .isInstanceOf(LogSyntaxException.class)
        .hasMessage("log:4:14: guest_resume: no hypercall waits for an answer");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "memory=0xffffffffffffffff",
        "memory=0",
        "tdp_mmu=\"no\"",
        "arch=vax",
        "backend=tdy",
        "core.gmem-order=3",
        "core.cpus=many"
      })
  void aHostThatCannotBeIsASyntaxError(String setting) throws IOException {
    List<String> program =
        List.of(
            "host_config({" + setting + "}) = 0",
            "openat(AT_FDCWD, \"/dev/kvm\", O_RDWR) = 3",
            "ioctl(3, KVM_CREATE_VM, KVM_X86_SW_PROTECTED_VM) = 5",
            "ioctl(5, KVM_CREATE_VCPU, 0) = 7",
            "ioctl(5, KVM_CREATE_GUEST_MEMFD, {size=0x1000, flags=0}) = 8");
    assertThatThrownBy(() -> replay(program))
        .isInstanceOf(LogSyntaxException.class)
        .hasMessageMatching("log:[1-5]:\\d+: .{8,}");
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 12})
  void aDamagedProgramEndsInMismatchesOrInASyntaxError(long seed) throws IOException {
    damage(seed, 150);
  }

  @Test
  @Tag("slow")
  void manyDamagedProgramsEndInMismatchesOrInASyntaxError() throws IOException {
    for (long seed = 100; seed < 120; seed++) {
      damage(seed, 1_500);
    }
  }

  private static void damage(long seed, int times) throws IOException {
    List<List<String>> programs = programs();
    var random = new SplittableRandom(seed);
    int refused = 0;
    int different = 0;
    for (int i = 0; i < times; i++) {
      var program = new ArrayList<>(programs.get(random.nextInt(programs.size())));
      for (int n = random.nextInt(1, 4); n > 0 && program.size() > 1; n--) {
        Damage.one(program, random);
      }
      try {
        if (!replay(program).isEmpty()) {
          different++;
        }
      } catch (LogSyntaxException e) {
        refused++;
        assertThat(e).hasMessageMatching("(?s)log:\\d+:\\d+: .{8,}");
      } catch (RuntimeException | Error e) {
        throw new AssertionError(
            "seed %d, program %d: %s%n%s".formatted(seed, i, e, String.join("\n", program)), e);
      }
    }
    assertThat(refused).as("refused").isGreaterThan(times / 20);
    assertThat(different).as("different").isGreaterThan(times / 4);
  }

  @ParameterizedTest
  @ValueSource(longs = {21, 22})
  void aProgramSpelledAnotherWayReplaysAsBefore(long seed) throws IOException {
    respell(seed, 30);
  }

  @Test
  @Tag("slow")
  void manyProgramsSpelledAnotherWayReplayAsBefore() throws IOException {
    for (long seed = 200; seed < 230; seed++) {
      respell(seed, 200);
    }
  }

  private static void respell(long seed, int times) throws IOException {
    List<List<String>> programs = programs();
    var random = new SplittableRandom(seed);
    for (int i = 0; i < times; i++) {
      List<String> spelled =
          programs.get(random.nextInt(programs.size())).stream()
              .map(line -> Respelling.of(line, random))
              .toList();
      assertThat(parsed(seed, spelled)).hasSameSizeAs(spelled);
      assertThat(replay(spelled))
          .as("seed %d, program %d:%n%s", seed, i, String.join("\n", spelled))
          .isEmpty();
    }
  }

  /** Parses lines, and checks that writing them and reading them again changes nothing. */
  private static List<LogLine> parsed(long seed, List<String> lines) {
    var all = new ArrayList<LogLine>();
    for (String line : lines) {
      try {
        LogLine once = LogReader.parse("log", 1, line);
        assertThat(LogReader.parse("log", 1, LogWriter.line(once))).as(line).isEqualTo(once);
        all.add(once);
      } catch (LogSyntaxException e) {
        throw new AssertionError("seed %d: %s: %s".formatted(seed, line, e.getMessage()), e);
      }
    }
    return all;
  }

  @Test
  void respellingChangesMostLines() throws IOException {
    var random = new SplittableRandom(5);
    List<String> lines = programs().stream().flatMap(List::stream).limit(2_000).toList();
    long same = lines.stream().filter(l -> Respelling.of(l, random).equals(l)).count();
    assertThat(same).isLessThan(lines.size() / 4);
    assertThat(Stream.of(LOGS)).hasSize(2);
  }
}
