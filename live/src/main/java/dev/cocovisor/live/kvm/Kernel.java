package dev.cocovisor.live.kvm;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import dev.cocovisor.live.agent.Agent;
import dev.cocovisor.live.agent.Syscall;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * The kernel as an agent reaches it: ioctls with structures, in the memory both share.
 *
 * <p>Numbers and layouts are those of {@code include/uapi/linux/kvm.h}.
 */
final class Kernel {
  static final long CREATE_VM = 0xae01;
  static final long CHECK_EXTENSION = 0xae03;
  static final long GET_VCPU_MMAP_SIZE = 0xae04;
  static final long CREATE_VCPU = 0xae41;
  static final long GET_DIRTY_LOG = 0x4010_ae42;
  static final long SET_NR_MMU_PAGES = 0xae44;
  static final long SET_USER_MEMORY_REGION = 0x4020_ae46;
  static final long SET_USER_MEMORY_REGION2 = 0x40a0_ae49;
  static final long RUN = 0xae80;
  static final long ENABLE_CAP = 0x4068_aea3;
  static final long CLEAR_DIRTY_LOG = 0xc018_aec0L;
  static final long GET_STATS_FD = 0xaece;
  static final long SET_MEMORY_ATTRIBUTES = 0x4020_aed2;
  static final long SET_MEMORY_ATTRIBUTES2 = 0xc080_aed2L;
  static final long CREATE_GUEST_MEMFD = 0xc040_aed4L;
  static final long PRE_FAULT_MEMORY = 0xc040_aed5L;

  /** What {@link #string} and structures take; data that a call reads or writes lies behind. */
  static final long DATA = 0x10000;

  /** How many bytes there are from {@link #DATA} on. */
  static final long DATA_SIZE = 0xf00000;

  private static final long AT_FDCWD = -100;
  private static final long O_RDWR = 2;

  private final Agent agent;

  Kernel(Agent agent) {
    this.agent = agent;
  }

  Agent agent() {
    return agent;
  }

  long call(Syscall call, long... args) {
    return agent.call(call, args);
  }

  /** An ioctl with a number. */
  long ioctl(long fd, long request, long arg) {
    return agent.call(Syscall.IOCTL, fd, request, arg);
  }

  /** An ioctl with the structure that was put into the shared memory. */
  long ioctl(long fd, long request) {
    return ioctl(fd, request, agent.scratchAddress());
  }

  /** Clears a structure. */
  Kernel struct(long size) {
    memory().asSlice(0, size).fill((byte) 0);
    return this;
  }

  Kernel put32(long at, long value) {
    memory().set(JAVA_INT_UNALIGNED, at, (int) value);
    return this;
  }

  Kernel put64(long at, long value) {
    memory().set(JAVA_LONG_UNALIGNED, at, value);
    return this;
  }

  Kernel put8(long at, long value) {
    memory().set(JAVA_BYTE, at, (byte) value);
    return this;
  }

  long get64(long at) {
    return memory().get(JAVA_LONG_UNALIGNED, at);
  }

  long get32(long at) {
    return memory().get(JAVA_INT_UNALIGNED, at) & 0xffffffffL;
  }

  int get8(long at) {
    return memory().get(JAVA_BYTE, at) & 0xff;
  }

  /** Returns a zero-terminated text. */
  String text(long at) {
    return memory().getString(at, StandardCharsets.US_ASCII);
  }

  /** Puts a text and returns its address in the agent. */
  long string(String text) {
    memory().setString(0, text);
    return agent.scratchAddress();
  }

  /** Returns the address in the agent of the data area. */
  long data() {
    return agent.scratchAddress() + DATA;
  }

  /** Clears the beginning of the data area, and returns its address in the agent. */
  long clearData(long size) {
    memory().asSlice(DATA, Math.min(size, DATA_SIZE)).fill((byte) 0);
    return data();
  }

  /** Opens a file for reading and writing. */
  long open(String path) {
    return call(Syscall.OPENAT, AT_FDCWD, string(path), O_RDWR);
  }

  private MemorySegment memory() {
    return agent.scratch();
  }
}
