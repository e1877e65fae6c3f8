package dev.cocovisor.core;

import static org.assertj.core.api.Assertions.assertThat;
import static org.mockito.Mockito.mock;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.ops.LifecycleOps.SlotChange;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.trace.TraceEvent;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.uapi.MemoryMapping;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every hook is told once, by its kernel name, and reaches the vendor half. */
class TracedOpsTest {
  private static final class Told implements TraceSink {
    final List<TraceEvent> events = new ArrayList<>();
    int open;

    @Override
    public boolean enabled() {
      return true;
    }

    @Override
    public void emit(TraceEvent event) {
      events.add(event);
    }

    @Override
    public void begin() {
      open++;
    }

    @Override
    public void end(TraceEvent event) {
      open--;
      events.add(event);
    }
  }

  static Stream<Method> hooks() {
    return Arrays.stream(TracedOps.class.getDeclaredMethods())
        .filter(m -> Modifier.isPublic(m.getModifiers()) && !m.isBridge() && !m.isSynthetic());
  }

  private static Object argument(Class<?> type) {
    if (type == long.class) {
      return 8L;
    } else if (type == int.class) {
      return 0;
    } else if (type == boolean.class) {
      return true;
    } else if (type == PageLevel.class) {
      return PageLevel.PG_4K;
    } else if (type == Access.class) {
      return Access.READ;
    } else if (type == SlotChange.class) {
      return SlotChange.CREATE;
    } else if (type == MemoryMapping.class) {
      return new MemoryMapping(0, 4096, 0);
    } else if (type == VendorCommand.class) {
      return new VendorCommand("KVM_SEV_INIT2", new Fields());
    } else if (type == long[].class) {
      return new long[1];
    }
    return mock(type);
  }

  /** A vendor half that implements every hook and is always busy. */
  private static VmOps vendor(List<String> called) {
    return (VmOps)
        Proxy.newProxyInstance(
            VmOps.class.getClassLoader(),
            new Class<?>[] {VmOps.class},
            (_, method, _) -> {
              called.add(method.getName());
              Class<?> type = method.getReturnType();
              return type == Errno.class
                  ? Errno.EBUSY
                  : type == long.class ? 0L : type == boolean.class ? false : null;
            });
  }

  @ParameterizedTest
  @MethodSource("hooks")
  void aHookIsToldOnceByItsKernelNameAndReachesTheVendor(Method hook) throws Exception {
    List<String> called = new ArrayList<>();
    VmOps vendor = vendor(called);
    Told told = new Told();
    Object[] arguments =
        Arrays.stream(hook.getParameterTypes()).map(TracedOpsTest::argument).toArray();
    Object answer = hook.invoke(new TracedOps(vendor, told), arguments);
    assertThat(told.open).isZero();
    assertThat(told.events).hasSize(1);
    TraceEvent event = told.events.getFirst();
    assertThat(event.kind()).isEqualTo(TraceEvent.Kind.HOOK);
    assertThat(event.name()).matches("[a-z0-9_]+");
    assertThat(called).containsExactly(hook.getName());
    if (hook.getReturnType() == Errno.class) {
      assertThat(answer).isEqualTo(Errno.EBUSY);
      assertThat(event.result()).isEqualTo("EBUSY");
    }
  }

  @ParameterizedTest
  @MethodSource("hooks")
  void aHookTheVendorLeavesToItsDefaultIsNotTold(Method hook) throws Exception {
    Told told = new Told();
    VmOps nothing = new VmOps() {};
    Object[] arguments =
        Arrays.stream(hook.getParameterTypes()).map(TracedOpsTest::argument).toArray();
    hook.invoke(new TracedOps(nothing, told), arguments);
    assertThat(told.events).isEmpty();
  }
}
