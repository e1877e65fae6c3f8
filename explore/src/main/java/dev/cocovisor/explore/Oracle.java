package dev.cocovisor.explore;

import java.util.function.Consumer;

/** What an execution is held to: at every moment that another part can see, and at the end. */
interface Oracle {
  /** Holds a trial to what it says itself. */
  Oracle TRIAL =
      new Oracle() {
        @Override
        public void always(Trial trial, Consumer<String> violation) {
          trial.checkAlways(violation);
        }

        @Override
        public void atRest(Trial trial, Consumer<String> violation) {
          trial.checkAlways(violation);
          trial.checkAtRest(violation);
        }
      };

  /** Checks while parts stand at schedule points. */
  void always(Trial trial, Consumer<String> violation);

  /** Checks when every part has ended. */
  void atRest(Trial trial, Consumer<String> violation);
}
