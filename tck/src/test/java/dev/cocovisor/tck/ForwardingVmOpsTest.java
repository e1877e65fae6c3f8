package dev.cocovisor.tck;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import org.junit.jupiter.api.Test;

class ForwardingVmOpsTest {
  @Test
  void everyHookIsHandedOn() throws NoSuchMethodException {
    for (Method hook : VmOps.class.getMethods()) {
      if (!Modifier.isStatic(hook.getModifiers())) {
        assertThat(
                ForwardingVmOps.class
                    .getMethod(hook.getName(), hook.getParameterTypes())
                    .getDeclaringClass())
            .as(hook.getName())
            .isEqualTo(ForwardingVmOps.class);
      }
    }
  }
}
