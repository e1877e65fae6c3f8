package dev.cocovisor.core.host;

import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.Backend;
import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.mm.AddressSpace;
import dev.cocovisor.core.vm.UserCopy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * What x86's /dev/kvm tells by KVM_HAS_DEVICE_ATTR and KVM_GET_DEVICE_ATTR: group 0 is the core's,
 * all others are the vendor's.
 *
 * <p>ENXIO where there is no such attribute; its value is eight bytes at {@code addr}, EFAULT where
 * they cannot be written. Source: {@code arch/x86/kvm/x86.c}, kvm_arch_dev_ioctl,
 * __kvm_x86_dev_get_attr, kvm_x86_dev_get_attr (7.3).
 */
final class DeviceAttributes {
  private static final String HAS = "KVM_HAS_DEVICE_ATTR";
  private static final String GET = "KVM_GET_DEVICE_ATTR";

  /** KVM_X86_XCOMP_GUEST_SUPP: what XCR0 may hold; x87, SSE and AVX here. */
  private static final long XCOMP_GUEST_SUPP = 0;

  private static final long XCR0 = 7;
  private static final long NONE = -Errno.ENXIO.number();

  private final Kvm kvm;
  private final AddressSpace space;

  DeviceAttributes(Kvm kvm, AddressSpace space) {
    this.kvm = kvm;
    this.space = space;
  }

  boolean knows(String ioctl) {
    return kvm.architecture().equals(Architecture.X86_64)
        && (ioctl.equals(HAS) || ioctl.equals(GET));
  }

  long answer(VendorCommand c) {
    Fields in = c.in();
    long value = value(number(in, "group"), number(in, "attr"));
    if (value < 0 || c.name().equals(HAS) || !in.has("addr")) {
      return Math.min(value, 0);
    }
    byte[] bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array();
    Errno r = UserCopy.write(kvm.physicalMemory(), space, number(in, "addr"), bytes, 0, 8);
    return -r.number();
  }

  private long value(long group, long attribute) {
    if (group == 0) {
      return attribute == XCOMP_GUEST_SUPP ? XCR0 : NONE;
    }
    for (Backend b : kvm.backends()) {
      if (b.info().architecture().equals(Architecture.X86_64)) {
        long value = kvm.platform(b).deviceAttribute(group, attribute);
        if (value != NONE) {
          return value;
        }
      }
    }
    return -kvm.trace().refuse(Errno.ENXIO, "no vendor has such an attribute").number();
  }

  /** Words that are no numbers, as strace's names, say nothing here. */
  private static long number(Fields in, String name) {
    return in.asMap().get(name) instanceof Long n ? n : 0;
  }
}
