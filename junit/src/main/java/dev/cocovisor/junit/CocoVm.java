package dev.cocovisor.junit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Describes a guest that a test gets.
 *
 * <p>On a parameter of type {@link dev.cocovisor.vmm.checked.GuestVm} it describes that guest;
 * every such parameter is a guest of its own, all of them on one host. On a method or class it
 * describes the guests of parameters that say nothing themselves; the nearest description counts.
 */
@Documented
@Inherited
@Target({ElementType.PARAMETER, ElementType.METHOD, ElementType.TYPE})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(CocovisorExtension.class)
public @interface CocoVm {
  /**
   * The technology: a backend's id, {@code sw-protected}, or {@code default} for a plain x86 VM.
   */
  String backend() default "sw-protected";

  /** The size of RAM: bytes, or a number with K, M, G or T behind it. */
  String memory() default "64M";

  /** The number of vCPUs. */
  int vcpus() default 1;

  /**
   * Whether the launch is finished; if not, the test populates the guest's memory and calls {@link
   * dev.cocovisor.vmm.checked.GuestVm#finish}.
   */
  boolean boot() default true;
}
