package dev.cocovisor.core.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;
import static org.mockito.Mockito.mockingDetails;

import dev.cocovisor.api.Errno;
import dev.cocovisor.core.slot.MemSlot;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.mockito.invocation.Invocation;

/** Every question is handed on as it was asked, and answered as the other answered. */
class ForwardingSecondStageTest {
  private static final PageCounters COUNTERS = new PageCounters();

  private static final class Plain extends ForwardingSecondStage {
    Plain(SecondStage delegate) {
      super(delegate);
    }
  }

  private static Object answer(Class<?> type) {
    return switch (type.getSimpleName()) {
      case "int" -> 7;
      case "long" -> 9L;
      case "boolean" -> true;
      case "Errno" -> Errno.EIO;
      case "PageCounters" -> COUNTERS;
      default -> throw new IllegalStateException("an answer of " + type);
    };
  }

  private static Object operand(Class<?> type, int place) {
    return switch (type.getSimpleName()) {
      case "int" -> 100 + place;
      case "long" -> 200L + place;
      case "boolean" -> true;
      case "PageFault" -> new PageFault();
      case "MemSlot" -> new MemSlot(0, 0, 0, 1, 0, 0, null, 0);
      default -> mock(type);
    };
  }

  @Test
  void everyQuestionIsHandedOnAndAnsweredAlike() throws ReflectiveOperationException {
    for (Method m : SecondStage.class.getMethods()) {
      if (Modifier.isStatic(m.getModifiers())) {
        continue;
      }
      boolean answers = m.getReturnType() != void.class;
      SecondStage other =
          mock(SecondStage.class, call -> answers ? answer(m.getReturnType()) : null);
      Object[] operands = new Object[m.getParameterCount()];
      for (int i = 0; i < operands.length; i++) {
        operands[i] = operand(m.getParameterTypes()[i], i);
      }
      Object got = m.invoke(new Plain(other), operands);
      assertThat(mockingDetails(other).getInvocations()).as(m.getName()).hasSize(1);
      Invocation made = mockingDetails(other).getInvocations().iterator().next();
      assertThat(made.getMethod().getName()).isEqualTo(m.getName());
      assertThat(made.getArguments()).as(m.getName()).containsExactly(operands);
      if (answers) {
        assertThat(Objects.requireNonNull(got))
            .as(m.getName())
            .isEqualTo(answer(m.getReturnType()));
      }
    }
  }
}
