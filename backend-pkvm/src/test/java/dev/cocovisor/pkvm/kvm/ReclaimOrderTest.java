package dev.cocovisor.pkvm.kvm;

import static dev.cocovisor.pkvm.kvm.Host.GPA;
import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Backend;
import dev.cocovisor.api.BackendInfo;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.HostMachine;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.Platform;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.VmType;
import dev.cocovisor.api.mem.PhysicalGuard;
import dev.cocovisor.api.ops.ForwardingVmOps;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.pkvm.guest.Hvc;
import dev.cocovisor.pkvm.hyp.PageState;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/**
 * Reclaim comes before anything of the VM is unbound or freed: the order asked for on the
 * guest_memfd v13 thread. Each wrong order is caught.
 */
class ReclaimOrderTest {
  @Test
  void theRightOrderBreaksNothing() {
    assertThat(violations(Order.RIGHT)).isEmpty();
  }

  @Test
  void unbindBeforeFlushIsCaught() {
    assertThat(violations(Order.UNBIND_BEFORE_FLUSH)).anyMatch(v -> v.contains("freed while"));
  }

  @Test
  void reclaimThatSkipsSharedPagesIsCaught() {
    assertThat(violations(Order.SKIP_SHARED))
        .anyMatch(v -> v.contains("not reclaimed when its memory is unbound"))
        .anyMatch(v -> v.contains("0 owners"));
  }

  @Test
  void finalizeBeforeReclaimIsCaught() {
    assertThat(violations(Order.FINALIZE_FIRST)).anyMatch(v -> v.contains("frames are lost"));
  }

  private enum Order {
    RIGHT,
    UNBIND_BEFORE_FLUSH,
    SKIP_SHARED,
    FINALIZE_FIRST
  }

  private static List<String> violations(Order order) {
    Mutant mutant = new Mutant(order);
    Host h = new Host(mutant);
    Host.Guest g = h.guest(true);
    g.write(GPA, 1);
    g.write(GPA + 0x1000, 2);
    g.hvc(Hvc.MEM_SHARE, GPA + 0x1000);
    assertThat(h.violations()).isEmpty();
    g.close();
    List<String> found = new ArrayList<>(h.violations());
    found.addAll(mutant.freedTooEarly);
    if (h.kvm.leakedFrames() != 0) {
      found.add(h.kvm.leakedFrames() + " frames are lost, and nothing was planned to fail");
    }
    return found;
  }

  /** The backend with one rule broken. */
  private static final class Mutant implements Backend {
    final PkvmBackend real = new PkvmBackend();
    final List<String> freedTooEarly = new ArrayList<>();
    final Order order;

    Mutant(Order order) {
      this.order = order;
    }

    @Override
    public BackendInfo info() {
      return real.info();
    }

    @Override
    public Platform createPlatform(HostMachine host) {
      PkvmPlatform p = (PkvmPlatform) real.createPlatform(host);
      return new Platform() {
        @Override
        public VmOps createVm(VmContext vm, VmType type) {
          VmContext watched = watch(p, vm);
          return new MutantOps(p.createVm(watched, type), watched, p);
        }

        @Override
        public PhysicalGuard guard() {
          return p.guard();
        }

        @Override
        public void checkInvariants(Consumer<String> violation) {
          p.checkInvariants(violation);
        }
      };
    }

    /** Sees every page that goes back to the host's allocator; a second time is ignored. */
    private VmContext watch(PkvmPlatform p, VmContext vm) {
      List<Object> gone = new ArrayList<>();
      return (VmContext)
          Proxy.newProxyInstance(
              VmContext.class.getClassLoader(),
              new Class<?>[] {VmContext.class},
              (proxy, method, args) -> {
                if (method.getName().equals("unpinUserPage")) {
                  if (gone.contains(args[0])) {
                    return null;
                  }
                  gone.add(args[0]);
                  if (p.hyp().hostState((long) args[0]) != PageState.OWNED) {
                    freedTooEarly.add("frame " + args[0] + " freed while it is not the host's");
                  }
                }
                try {
                  return method.invoke(vm, args);
                } catch (InvocationTargetException e) {
                  throw e.getCause();
                }
              });
    }

    private final class MutantOps extends ForwardingVmOps {
      private final VmContext vm;
      private final PkvmPlatform platform;

      MutantOps(VmOps real, VmContext vm, PkvmPlatform platform) {
        super(real);
        this.vm = vm;
        this.platform = platform;
      }

      @Override
      public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
        if (order == Order.UNBIND_BEFORE_FLUSH) {
          vm.unpinUserPage(pfn);
        }
        if (order == Order.SKIP_SHARED
            && platform.hyp().guestState(Host.FIRST_HANDLE, gfn) == PageState.SHARED_OWNED) {
          return Errno.OK;
        }
        return super.unmapDelegated(gfn, pfn, level, isPrivate);
      }

      @Override
      public void vmPreDestroy() {
        super.vmPreDestroy();
        if (order == Order.FINALIZE_FIRST) {
          super.vmDestroy();
        }
      }

      @Override
      public void vmDestroy() {
        if (order != Order.FINALIZE_FIRST) {
          super.vmDestroy();
        }
      }
    }
  }
}
