package dev.cocovisor.bugs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.Backend;
import dev.cocovisor.bugs.entry.Bug;
import dev.cocovisor.bugs.hunt.Found;
import dev.cocovisor.bugs.hunt.Hunt;
import dev.cocovisor.explore.Limits;
import dev.cocovisor.vmm.Technologies;
import java.util.HashSet;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Each bug is found where it is, and nothing is found where it is not. */
class BugsTest {
  private static final Technologies ALL = Technologies.of(ServiceLoader.load(Backend.class));
  private static final Hunt HUNT = new Hunt(ALL, Limits.DEFAULT);

  static List<Bug> bugs() {
    return Bugs.list().stream().filter(b -> ALL.find(b.technology()) != null).toList();
  }

  @ParameterizedTest
  @MethodSource("bugs")
  void isFoundWhereItIs(Bug bug) {
    Found there = HUNT.with(bug);
    assertThat(there.broke()).as("after %d schedules", there.schedules()).isTrue();
  }

  @Tag("slow")
  @ParameterizedTest
  @MethodSource("bugs")
  void nothingIsFoundWhereItIsNot(Bug bug) {
    Found absent = HUNT.without(bug);
    assertThat(absent.what()).isEmpty();
    assertThat(absent.whole()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"M1", "M3", "M8", "M9", "M12", "M40", "M45"})
  void aFewAreCleanWithoutIt(String id) {
    Found absent = HUNT.without(Bugs.of(id));
    assertThat(absent.what()).isEmpty();
    assertThat(absent.whole()).isTrue();
  }

  @Test
  void everyIdStandsOnce() {
    Set<String> seen = new HashSet<>();
    Bugs.list().forEach(b -> assertThat(seen.add(b.id())).as(b.id()).isTrue());
    LeftOut.ALL.forEach(l -> assertThat(seen.add(l.id())).as(l.id()).isTrue());
  }

  @Test
  void theIdThatWasMeantIsNamed() {
    assertThat(Bugs.of("m3").id()).isEqualTo("M3");
    assertThatThrownBy(() -> Bugs.of("no-retri")).hasMessageContaining("no-retry");
  }
}
