package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.slot.MemSlot;
import dev.cocovisor.core.slot.MemSlots;
import dev.cocovisor.core.vm.Vm;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.scenario.LogHabits;
import dev.cocovisor.script.scenario.Scenario;
import dev.cocovisor.script.scenario.ScenarioLine;
import dev.cocovisor.script.scenario.Session;
import dev.cocovisor.script.scenario.SessionWatch;
import dev.cocovisor.script.scenario.StepWords;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * What steps tell of frames that change hands is what somebody finds who looks at every page of
 * every slot after every step.
 */
@Tag("slow")
class OwnershipTest {
  private static final Technologies ALL = Technologies.of(ServiceLoader.load(Backend.class));

  @TestFactory
  Stream<DynamicTest> everyChangeIsToldInEveryExample() throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.list(Path.of(System.getProperty("cocovisor.root"), "examples"))) {
      files = all.filter(f -> f.toString().endsWith(".kvmlog")).sorted().toList();
    }
    return files.stream().flatMap(OwnershipTest::tests);
  }

  private static Stream<DynamicTest> tests(Path file) {
    try {
      Scenario scenario = Scenario.read(LogSource.file(file), StepWords.of(ALL));
      return scenario.finding() != null
          ? Stream.empty()
          : scenario.backends().stream()
              .filter(t -> ALL.backends().stream().anyMatch(b -> b.info().id().equals(t)))
              .map(t ->
                  DynamicTest.dynamicTest(
                      file.getFileName() + " on " + t,
                      () -> program(scenario.name(), scenario.lines(), t)));
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static void program(String name, List<ScenarioLine> program, String technology) {
    Map<Long, String> told = new HashMap<>();
    var watch =
        new SessionWatch(
            trace -> new Session(name, program, ALL, technology, Map.of(), new LogHabits(), trace));
    try (Session session = watch.session()) {
      for (int i = 0; i < program.size(); i++) {
        Reply reply = session.step(i);
        if (reply != null) {
          watch.done(0, program.get(i), reply).ownership().forEach(line -> tell(line, told));
          if (!session.launched().isEmpty()) {
            look(session.process().kvm(), told, name + ":" + program.get(i).call().line());
          }
        }
      }
    }
  }

  /** Takes a line {@code pfn=0x10..0x12: host -> guest}. */
  private static void tell(String line, Map<Long, String> told) {
    int colon = line.indexOf(": ");
    String[] frames = line.substring(4, colon).split("\\.\\.", -1);
    String owner = line.substring(line.indexOf(" -> ") + 4);
    long first = Long.decode(frames[0]);
    long end = frames.length == 1 ? first + 1 : Long.decode(frames[1]);
    for (long pfn = first; pfn < end; pfn++) {
      if (owner.equals("host")) {
        told.remove(pfn);
      } else {
        told.put(pfn, owner);
      }
    }
  }

  private static void look(Kvm kvm, Map<Long, String> told, String where) {
    for (Vm vm : kvm.vms()) {
      MemSlots slots = vm.slotsOf(0);
      for (int i = 0; i < slots.size(); i++) {
        MemSlot slot = slots.at(i);
        for (long gfn = slot.baseGfn(); gfn < slot.endGfn(); gfn++) {
          long pfn =
              slot.hasGuestMemfd()
                  ? vm.context().gmemPfn(gfn, false)
                  : vm.context().mappedPfn(gfn, true);
          if (pfn >= 0) {
            assertThat(told.getOrDefault(pfn, "host"))
                .as("%s: frame 0x%x", where, pfn)
                .isEqualTo(owner(kvm, pfn));
          }
        }
      }
    }
    told.forEach((pfn, owner) ->
        assertThat(owner).as("%s: frame 0x%x", where, pfn).isEqualTo(owner(kvm, pfn)));
  }

  private static String owner(Kvm kvm, long pfn) {
    for (Platform p : kvm.platforms()) {
      String owner = p.ownerOf(pfn);
      if (owner != null) {
        return owner;
      }
    }
    return "host";
  }
}
