package dev.cocovisor.live.trace;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A filter that stops a thread only at the calls somebody looks at, put into a stopped thread by
 * making it call seccomp. Sources: seccomp(2); {@code linux/bpf_common.h}; {@code struct
 * user_regs_struct} of x86-64, for which alone this is done.
 */
final class SeccompFilter {
  private static final int LOAD = 0x20;
  private static final int JUMP_IF_EQUAL = 0x15;
  private static final int AND = 0x54;
  private static final int RETURN = 0x06;
  private static final int RET_ALLOW = 0x7fff0000;
  private static final int RET_TRACE = 0x7ff00000;

  private static final int NUMBER = 0;
  private static final int ARCHITECTURE = 4;
  private static final int SECOND_ARGUMENT = 24;

  private static final int SYS_PRCTL = 157;
  private static final int SYS_SECCOMP = 317;
  private static final int PR_SET_NO_NEW_PRIVS = 38;
  private static final int SECCOMP_SET_MODE_FILTER = 1;

  private static final int REGISTERS = 27;
  private static final int R10 = 7;
  private static final int R8 = 9;
  private static final int RAX = 10;
  private static final int RDX = 12;
  private static final int RSI = 13;
  private static final int RDI = 14;
  private static final int ORIG_RAX = 15;
  private static final int RIP = 16;
  private static final int RSP = 19;

  /** Below the stack pointer, past what leaf functions use without moving it. */
  private static final int BELOW_STACK = 4096;

  private final Ptrace ptrace;

  SeccompFilter(Ptrace ptrace) {
    this.ptrace = ptrace;
  }

  /** The program: KVM's ioctls by their type, other calls by their number. */
  private static byte[] program() {
    var code = new ArrayList<int[]>();
    code.add(new int[] {LOAD, 0, 0, ARCHITECTURE});
    code.add(new int[] {JUMP_IF_EQUAL, 1, 0, SystemCall.AUDIT_ARCH_X86_64});
    code.add(new int[] {RETURN, 0, 0, RET_ALLOW});
    code.add(new int[] {LOAD, 0, 0, NUMBER});
    List<SystemCall> others =
        Arrays.stream(SystemCall.values()).filter(c -> c != SystemCall.IOCTL).toList();
    int n = others.size();
    for (int i = 0; i < n; i++) {
      // To the last line, past the rest, the three of ioctl and two returns.
      code.add(new int[] {JUMP_IF_EQUAL, n - 1 - i + 5, 0, others.get(i).onX86()});
    }
    code.add(new int[] {JUMP_IF_EQUAL, 0, 3, SystemCall.IOCTL.onX86()});
    code.add(new int[] {LOAD, 0, 0, SECOND_ARGUMENT});
    code.add(new int[] {AND, 0, 0, 0xff00});
    code.add(new int[] {JUMP_IF_EQUAL, 1, 0, 0xae00});
    code.add(new int[] {RETURN, 0, 0, RET_ALLOW});
    code.add(new int[] {RETURN, 0, 0, RET_TRACE});
    ByteBuffer out = ByteBuffer.allocate(8 * code.size()).order(ByteOrder.LITTLE_ENDIAN);
    for (int[] c : code) {
      out.putShort((short) c[0]).put((byte) c[1]).put((byte) c[2]).putInt(c[3]);
    }
    return out.array();
  }

  /**
   * Puts the filter in, at the stop where a call begins; the call is made afterwards. Returns
   * whether it is in place.
   *
   * @param tid stopped at the entry of a call
   */
  boolean install(int tid) {
    long[] saved = ptrace.registers(tid, REGISTERS);
    if (saved.length == 0) {
      return false;
    }
    byte[] filter = program();
    long at = (saved[RSP] - BELOW_STACK) & -16L;
    ByteBuffer header = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
    header.putShort((short) (filter.length / 8)).position(8).putLong(at + 16);
    if (!ptrace.write(tid, at, header.array()) || !ptrace.write(tid, at + 16, filter)) {
      return false;
    }
    long r = call(tid, saved, SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, 0, at);
    if (r < 0) {
      // Without privilege a filter is for those who gain none by running other programs.
      r = call(tid, saved, SYS_PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0);
      r = r < 0 ? r : call(tid, saved, SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, 0, at);
    }
    return r == 0;
  }

  /**
   * Makes a thread, stopped at the entry of a call, make another in its place, and leaves it at the
   * entry of the first again.
   */
  private long call(int tid, long[] saved, long number, long a, long b, long c) {
    long[] regs = saved.clone();
    regs[ORIG_RAX] = number;
    regs[RAX] = number;
    regs[RDI] = a;
    regs[RSI] = b;
    regs[RDX] = c;
    regs[R10] = 0;
    regs[R8] = 0;
    ptrace.setRegisters(tid, regs);
    if (!toNextStop(tid)) {
      return -1;
    }
    long result = ptrace.syscallInfo(tid) == Ptrace.EXIT ? ptrace.result() : -1;
    long[] again = saved.clone();
    again[RIP] = saved[RIP] - 2;
    again[RAX] = saved[ORIG_RAX];
    ptrace.setRegisters(tid, again);
    return toNextStop(tid) ? result : -1;
  }

  private boolean toNextStop(int tid) {
    ptrace.resume(tid, true, 0);
    return ptrace.await() == tid && (ptrace.status() & 0xff) == 0x7f;
  }
}
