package dev.cocovisor.tdx.module;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.tdx.module.abi.AccessKind;
import dev.cocovisor.tdx.module.abi.GuestOutcome;
import dev.cocovisor.tdx.module.pamt.PageType;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The trusted half lives a TD's life in a class loader that has nothing but itself and the api. */
class TrustedHalfAloneTest {
  private static final String MODULE = "dev.cocovisor.tdx.module.";

  /** Defines the module's classes anew and hands out the api's and the JDK's; no others exist. */
  private static final class ModuleOnly extends ClassLoader {
    private final Set<String> defined = new HashSet<>();
    private final ClassLoader source = TrustedHalfAloneTest.class.getClassLoader();

    ModuleOnly() {
      super(ClassLoader.getPlatformClassLoader());
    }

    @Override
    protected Class<?> findClass(String name) throws ClassNotFoundException {
      if (name.startsWith("dev.cocovisor.api.") || name.startsWith("org.jspecify.")) {
        return source.loadClass(name);
      }
      if (!name.startsWith(MODULE)) {
        throw new ClassNotFoundException(name);
      }
      try (InputStream in = source.getResourceAsStream(name.replace('.', '/') + ".class")) {
        if (in == null) {
          throw new ClassNotFoundException(name);
        }
        byte[] code = in.readAllBytes();
        defined.add(name);
        return defineClass(name, code, 0, code.length);
      } catch (IOException e) {
        throw new ClassNotFoundException(name, e);
      }
    }
  }

  /** What is run over there: a TD from its creation to the last page reclaimed. */
  static final class Life implements Runnable {
    @Override
    public void run() {
      long gpa = 0x40000000L;
      Bench b = Bench.initialized(true);
      b.tables(gpa, 1);
      b.must(b.host.mrFinalize(Bench.TDR));
      b.must(b.host.memPageAug(Bench.TDR, gpa, 1, b.huge()));
      b.mustAccept(gpa, 1);
      b.must(b.host.memRangeBlock(Bench.TDR, gpa, 1));
      b.track();
      b.must(b.host.memPageDemote(Bench.TDR, gpa, 1, b.page()));
      b.enter();
      if (b.module.access(Bench.LP, gpa + 0x5000, AccessKind.READ) != GuestOutcome.DONE) {
        throw new AssertionError("no access");
      }
      b.leave();
      b.must(b.onLp.vpFlush(Bench.VCPU));
      b.must(b.onLp1.vpFlush(Bench.VCPU_1));
      b.must(b.host.mngVpFlushDone(Bench.TDR));
      b.must(b.host.phymemCacheWb(false));
      b.must(b.host.mngKeyFreeId(Bench.TDR));
      for (long hpa = Bench.BASE + 4096; hpa < Bench.BASE + (2L << 30); hpa += 4096) {
        if (b.pamt.type(0, hpa) != PageType.NDA) {
          b.must(b.host.phymemPageReclaim(hpa));
        }
      }
      b.must(b.host.phymemPageReclaim(Bench.TDR));
    }
  }

  @Test
  void aTdLivesAndEndsWithoutTheKvmHalfOnTheClassPath() throws ReflectiveOperationException {
    ModuleOnly alone = new ModuleOnly();
    Class<?> life = alone.loadClass(Life.class.getName());
    assertThat(life.getClassLoader()).isSameAs(alone);
    var constructor = life.getDeclaredConstructor();
    constructor.setAccessible(true);
    ((Runnable) constructor.newInstance()).run();
    assertThat(alone.defined).contains(MODULE + "TdxModule", MODULE + "SeamCalls");
    assertThatThrownBy(() -> alone.loadClass("dev.cocovisor.tdx.kvm.TdxBackend"))
        .isInstanceOf(ClassNotFoundException.class);
    assertThatThrownBy(() -> alone.loadClass("dev.cocovisor.core.Kvm"))
        .isInstanceOf(ClassNotFoundException.class);
  }
}
