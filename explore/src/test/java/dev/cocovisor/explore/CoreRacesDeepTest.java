package dev.cocovisor.explore;

import org.junit.jupiter.api.Tag;

/** The same races with three preemptions. */
@Tag("slow")
class CoreRacesDeepTest extends CoreRacesTest {
  @Override
  int bound() {
    return 3;
  }
}
