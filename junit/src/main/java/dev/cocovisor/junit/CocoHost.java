package dev.cocovisor.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Describes the host that a test's guests live on; what a method says comes before what its class
 * says. A test that implements {@link HostComposer} says the rest in Java.
 */
@Documented
@Inherited
@Target({ElementType.METHOD, ElementType.TYPE})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(CocovisorExtension.class)
public @interface CocoHost {
  /** Backends the host has besides those of the test's guests. */
  String[] backends() default {};

  /** Settings, as {@code name=value}: {@code core.gmem-order=9}. */
  String[] settings() default {};
}
