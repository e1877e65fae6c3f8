package dev.cocovisor.core.race;

import org.junit.jupiter.api.Tag;

/** The same races with two preemptions. */
@Tag("slow")
class CoreRacesDeepTest extends CoreRacesTest {
  @Override
  int bound() {
    return 2;
  }
}
