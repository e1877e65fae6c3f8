package dev.cocovisor.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.mockingDetails;

import dev.cocovisor.api.Errno;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.mockito.invocation.Invocation;

/**
 * Checks one that wraps another: every question is handed on as it was asked, and answered as the
 * other answered.
 */
public final class HandsOn {
  private final Map<Class<?>, Object> made = new HashMap<>();
  private final boolean yes;

  private HandsOn(boolean yes) {
    this.yes = yes;
  }

  /**
   * Calls every method of {@code type}.
   *
   * @param wrap makes the one that wraps
   * @param operands operands that cannot be mocked, by their type
   */
  public static <T> void check(
      Class<T> type, Function<T, ? extends T> wrap, Map<Class<?>, Object> operands)
      throws ReflectiveOperationException {
    for (boolean yes : new boolean[] {true, false}) {
      HandsOn h = new HandsOn(yes);
      h.made.putAll(operands);
      for (Method m : type.getMethods()) {
        if (!Modifier.isStatic(m.getModifiers())) {
          h.call(type, wrap, m);
        }
      }
    }
  }

  private <T> void call(Class<T> type, Function<T, ? extends T> wrap, Method m)
      throws ReflectiveOperationException {
    boolean answers = m.getReturnType() != void.class;
    T other = mock(type, call -> answers ? value(m.getReturnType(), 0) : null);
    Object[] operands = new Object[m.getParameterCount()];
    for (int i = 0; i < operands.length; i++) {
      operands[i] = value(m.getParameterTypes()[i], 1 + i);
    }
    Object got = m.invoke(wrap.apply(other), operands);
    assertThat(mockingDetails(other).getInvocations()).as(m.getName()).hasSize(1);
    Invocation made = mockingDetails(other).getInvocations().iterator().next();
    assertThat(made.getMethod().getName()).isEqualTo(m.getName());
    assertThat(made.getArguments()).as(m.getName()).containsExactly(operands);
    if (answers) {
      assertThat(Objects.requireNonNull(got))
          .as(m.getName())
          .isEqualTo(value(m.getReturnType(), 0));
    }
  }

  private Object value(Class<?> type, int place) {
    Object given = made.get(type);
    if (given != null) {
      return given;
    }
    return switch (type.getSimpleName()) {
      case "int" -> 100 + place;
      case "long" -> 200L + place;
      case "boolean" -> yes;
      case "Errno" -> Errno.EIO;
      default ->
          type.isEnum()
              ? Objects.requireNonNull(type.getEnumConstants())[0]
              : made.computeIfAbsent(type, t -> mock(t));
    };
  }
}
