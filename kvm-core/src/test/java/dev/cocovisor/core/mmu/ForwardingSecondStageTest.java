package dev.cocovisor.core.mmu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

import dev.cocovisor.core.HandsOn;
import dev.cocovisor.core.slot.MemSlot;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Every question is handed on as it was asked, and answered as the other answered. */
class ForwardingSecondStageTest {
  private static final class Plain extends ForwardingSecondStage {
    Plain(SecondStage delegate) {
      super(delegate);
    }
  }

  @Test
  void everyQuestionIsHandedOnAndAnsweredAlike() throws ReflectiveOperationException {
    HandsOn.check(
        SecondStage.class,
        Plain::new,
        Map.of(
            PageFault.class,
            new PageFault(),
            PageCounters.class,
            new PageCounters(),
            MemSlot.class,
            new MemSlot(0, 0, 0, 1, 0, 0, null, 0)));
  }

  @Test
  void whoeverExtendsItHasWhatIsWrapped() {
    SecondStage wrapped = new Plain(mock(SecondStage.class));
    assertThat(new Plain(wrapped).delegate()).isSameAs(wrapped);
  }
}
