package dev.cocovisor.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * A test in which several act at the same time, in every order.
 *
 * <p>The method gets {@link Actors} besides what {@link CocovisorExtension} gives. It launches and
 * prepares, names the actors and says what they do, and returns; then they act. It is called once
 * for each order, each time with a fresh host and fresh guests, so what it does may depend on
 * nothing else: no fields that were written before, no clock, no random source.
 *
 * <p>The test fails at the first order in which an invariant breaks, nobody can go on, an actor
 * throws an error, or the actors' answers together are those of no order of whole calls. The
 * failure tells what broke, the interleaving as lanes, and the {@link #schedule} that shows it.
 */
@Documented
@Test
@Target({ElementType.METHOD, ElementType.ANNOTATION_TYPE})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith({CocovisorExtension.class, ExploreExtension.class})
public @interface Explore {
  /** Ways to search. */
  enum How {
    /** Every order within {@link Explore#bound} interruptions. */
    BOUND,
    /** One order of each kind, without a bound: a proof when it ends. */
    DPOR,
    /** Orders drawn at random by priorities of actors; {@link Explore#schedules} of them. */
    PCT,
    /** Orders drawn at random by priorities of steps; {@link Explore#schedules} of them. */
    POS
  }

  /** How to search. */
  How how() default How.BOUND;

  /** The most interruptions of actors that could have gone on, from 0. */
  int bound() default 2;

  /** The most orders; a search that comes to no end within them fails, unless it is at random. */
  int schedules() default 100_000;

  /** Where what is drawn at random begins. */
  long seed() default 1;

  /** Whether answers that no order of whole calls gives fail the test. */
  boolean judgesAnswers() default true;

  /** The one order to follow, as a failure prints it; empty to search. */
  String schedule() default "";
}
