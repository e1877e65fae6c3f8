package dev.cocovisor.live.kvm;

import dev.cocovisor.script.call.KvmCall;
import dev.cocovisor.script.call.Reply;
import dev.cocovisor.script.text.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The ioctls with structures. */
final class StructuredIoctls {
  private static final long PAGE_SHIFT = 12;
  private static final int SLOT_BITS = 16;
  private static final int ERROR_OFFSET = 32;

  /** No offset in a file: it stays where the kernel writes none. */
  private static final long UNWRITTEN = 0x5a5a_5a5a_5a5a_5a5aL;

  private final Kernel kernel;

  /** Sizes of slots in pages, by the VM's descriptor and the slot: so long is a dirty bitmap. */
  private final Map<Long, Map<Long, Long>> pages = new HashMap<>();

  StructuredIoctls(Kernel kernel) {
    this.kernel = kernel;
  }

  long createGuestMemfd(long vm, long size, long flags) {
    return kernel.struct(64).put64(0, size).put64(8, flags).ioctl(vm, Kernel.CREATE_GUEST_MEMFD);
  }

  long setRegion(long vm, long memfd, KvmCall.SetRegion c) {
    kernel
        .struct(160)
        .put32(0, c.slot())
        .put32(4, c.flags())
        .put64(8, c.guestPhysAddr())
        .put64(16, c.memorySize())
        .put64(24, c.userspaceAddr());
    if (c.v2()) {
      kernel.put64(32, c.guestMemfdOffset()).put32(40, memfd);
    }
    long ret =
        kernel.ioctl(vm, c.v2() ? Kernel.SET_USER_MEMORY_REGION2 : Kernel.SET_USER_MEMORY_REGION);
    if (ret == 0) {
      pages
          .computeIfAbsent(vm, _ -> new HashMap<>())
          .put(c.slot() & 0xffffffffL, c.memorySize() >>> PAGE_SHIFT);
    }
    return ret;
  }

  long setAttributes(long vm, KvmCall.SetAttributes c) {
    return kernel
        .struct(32)
        .put64(0, c.address())
        .put64(8, c.size())
        .put64(16, c.attributes())
        .put64(24, c.flags())
        .ioctl(vm, Kernel.SET_MEMORY_ATTRIBUTES);
  }

  /** Conversion in place; a kernel before 7.4 does not know it. */
  Reply setAttributes2(long memfd, KvmCall.SetAttributes2 c) {
    if (!c.readable()) {
      return Replies.plain(kernel.ioctl(memfd, Kernel.SET_MEMORY_ATTRIBUTES2, 8));
    }
    long ret =
        kernel
            .struct(128)
            .put64(0, c.offset())
            .put64(8, c.size())
            .put64(16, c.attributes())
            .put64(24, c.flags())
            .put64(ERROR_OFFSET, UNWRITTEN)
            .ioctl(memfd, Kernel.SET_MEMORY_ATTRIBUTES2);
    long error = kernel.get64(ERROR_OFFSET);
    return error == UNWRITTEN
        ? Replies.written(ret)
        : Replies.written(ret, Value.Field.of("error_offset", Value.Num.hex(error)));
  }

  Reply preFault(long vcpu, KvmCall.PreFault c) {
    if (c.map()) {
      throw new Unsupported("KVM_MAP_MEMORY: never merged");
    }
    long ret =
        kernel
            .struct(64)
            .put64(0, c.gpa())
            .put64(8, c.size())
            .put64(16, c.flags())
            .ioctl(vcpu, Kernel.PRE_FAULT_MEMORY);
    return Replies.written(
        ret,
        Value.Field.of("gpa", Value.Num.hex(kernel.get64(0))),
        Value.Field.of("size", Value.Num.hex(kernel.get64(8))));
  }

  long enableCap(long fd, KvmCall.EnableCap c, long arg0) {
    return kernel
        .struct(104)
        .put32(0, c.cap())
        .put32(4, c.flags())
        .put64(8, arg0)
        .ioctl(fd, Kernel.ENABLE_CAP);
  }

  Reply getDirtyLog(long vm, KvmCall.GetDirtyLog c) {
    boolean own = c.bitmap() == KvmCall.NO_ADDRESS;
    long words = words(vm, c.slot());
    long buffer = own ? kernel.clearData(words * 8) : c.bitmap();
    long ret =
        kernel.struct(16).put32(0, c.slot()).put64(8, buffer).ioctl(vm, Kernel.GET_DIRTY_LOG);
    if (ret < 0 || !own) {
      return Replies.plain(ret);
    }
    List<Value> bits = new ArrayList<>();
    for (long i = 0; i < words; i++) {
      bits.add(Value.Num.hex(kernel.get64(Kernel.DATA + 8 * i)));
    }
    return Replies.written(ret, Value.Field.of("dirty_bitmap", new Value.Items(bits)));
  }

  long clearDirtyLog(long vm, KvmCall.ClearDirtyLog c) {
    long buffer = c.bitmap();
    if (buffer == KvmCall.NO_ADDRESS) {
      // Words that the log leaves out are 0.
      buffer = kernel.clearData(Math.min(Kernel.DATA_SIZE, (c.numPages() >>> 6) * 8 + 8));
      for (int i = 0; i < c.words().length; i++) {
        kernel.put64(Kernel.DATA + 8L * i, c.words()[i]);
      }
    }
    return kernel
        .struct(24)
        .put32(0, c.slot())
        .put32(4, c.numPages())
        .put64(8, c.firstPage())
        .put64(16, buffer)
        .ioctl(vm, Kernel.CLEAR_DIRTY_LOG);
  }

  private long words(long vm, long slot) {
    long n = pages.getOrDefault(vm, Map.of()).getOrDefault(slot & 0xffffffffL, 0L);
    if (n > 8 * Kernel.DATA_SIZE) {
      throw new Unsupported(
          "KVM_GET_DIRTY_LOG of " + n + " pages in address space " + (slot >>> SLOT_BITS));
    }
    return (n + 63) / 64;
  }
}
