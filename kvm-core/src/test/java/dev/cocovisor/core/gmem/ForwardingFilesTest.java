package dev.cocovisor.core.gmem;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.core.HandsOn;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What wraps a guest_memfd, or a VM as files see it, changes nothing by itself. */
class ForwardingFilesTest {
  private static final class File extends ForwardingGuestMemfd {
    File(GuestMemfd delegate) {
      super(delegate);
    }
  }

  private static final class Owner extends ForwardingBindingOwner {
    Owner(BindingOwner delegate) {
      super(delegate);
    }
  }

  @Test
  void aFileHandsEverythingOn() throws ReflectiveOperationException {
    HandsOn.check(
        GuestMemfd.class, File::new, Map.of(Conversion.class, new Conversion(Errno.EIO, 4096)));
  }

  @Test
  void anOwnerHandsEverythingOn() throws ReflectiveOperationException {
    HandsOn.check(
        BindingOwner.class,
        Owner::new,
        Map.of(List.class, List.of(), TraceSink.class, TraceSink.OFF));
  }

  // virt/kvm/guest_memfd.c, virt/kvm/kvm_main.c (7.3): what holds of a VM unless it says otherwise.
  @Test
  void aVmIsOneThatHasPrivateMemoryUnlessItSaysOtherwise() {
    BindingOwner plain =
        new BindingOwner() {
          @Override
          public Errno gmemInvalidateBegin(
              List<? extends Binding> bound, long start, long end, PageFilter filter) {
            return Errno.OK;
          }

          @Override
          public void gmemInvalidateEnd() {}

          @Override
          public void gmemFreed(long pfnStart, long pfnEnd) {}

          @Override
          public void gmemOpened() {}

          @Override
          public void gmemClosed() {}

          @Override
          public void lockSlots() {}

          @Override
          public void unlockSlots() {}
        };
    assertThat(plain.mayBePrivate()).isTrue();
    assertThat(plain.attributeEntries()).isEqualTo(Long.MAX_VALUE);
    assertThat(plain.identity()).isSameAs(plain);
    assertThat(plain.trace()).isSameAs(TraceSink.OFF);
    assertThat(plain.boundAlready()).isEqualTo(Errno.EEXIST);
    assertThat(plain.takesRangesThatWrap()).isFalse();
    assertThat(plain.filterOfPages(true)).isEqualTo(PageFilter.SHARED);
    assertThat(plain.filterOfPages(false)).isEqualTo(PageFilter.PRIVATE);
  }
}
