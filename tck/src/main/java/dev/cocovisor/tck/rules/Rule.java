package dev.cocovisor.tck.rules;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.Test;

/** Marks a rule of the kit: a JUnit test with a stable id and the place the rule comes from. */
@Documented
@Test
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Rule {
  /** The stable id, a letter for the group and two digits. */
  String id();

  /** Where the rule comes from: a kernel function, a firmware document, a contract of api. */
  String source();
}
