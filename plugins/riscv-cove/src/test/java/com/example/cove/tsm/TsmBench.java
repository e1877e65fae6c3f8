package com.example.cove.tsm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.api.trusted.Interposer;
import java.util.ArrayList;
import java.util.List;

/** A TSM with two harts and memory, driven as a host drives it; invariants after every step. */
final class TsmBench {
  static final long PAGE = 4096;
  static final long HUGE = 2L << 20;
  static final long GPA = 0x8000_0000L;
  static final long DIRECTORY = 0x10_0000;
  static final long STATE = 0x20_0000;
  static final long VCPU = 0x30_0000;
  static final long TABLES = 0x40_0000;
  static final long DATA = 0x4000_0000;

  final SparseMemory memory = new SparseMemory();
  final Tsm tsm = new Tsm(memory, 2, Interposer.NONE, TraceSink.OFF);
  long gid;

  /** Claims that a call succeeded and that everything still fits together. */
  void ok(SbiStatus status) {
    assertEquals(SbiStatus.SUCCESS, status);
    check();
  }

  void check() {
    List<String> broken = new ArrayList<>();
    tsm.checkInvariants(broken::add);
    assertTrue(broken.isEmpty(), broken::toString);
  }

  void confidential(long base, long pages) {
    ok(tsm.convertPages(base, pages));
    ok(tsm.globalFence(0));
    ok(tsm.localFence(1));
  }

  /** A TVM with a region of 8 MiB, one vCPU and eight table pages, not finalized. */
  TsmBench create() {
    confidential(DIRECTORY, 4);
    confidential(STATE, 2);
    confidential(VCPU, 1);
    confidential(TABLES, 8);
    gid = tsm.createTvm(DIRECTORY, STATE);
    assertTrue(gid > 0);
    ok(tsm.addTvmMemoryRegion(gid, GPA, 4 * HUGE));
    ok(tsm.addTvmPageTablePages(gid, TABLES, 8));
    ok(tsm.createTvmVcpu(gid, 0, VCPU));
    return this;
  }

  /** The same, finalized. */
  TsmBench launch() {
    create();
    ok(tsm.finalizeTvm(gid, GPA, 0));
    return this;
  }

  /** Gives the TVM zeroed pages. */
  void zero(long data, long pages, long gpa) {
    confidential(data, pages);
    ok(tsm.addTvmZeroPages(gid, data, PageType.PAGE_4K, pages, gpa));
  }

  void enter() {
    assertEquals(SbiStatus.SUCCESS, tsm.enterVcpu(gid, 0));
  }

  void leave() {
    tsm.leaveVcpu(gid, 0);
  }

  SbiStatus guest(GuestCall call, long gpa, long length) {
    enter();
    SbiStatus s = tsm.guestCall(gid, 0, call, gpa, length);
    leave();
    check();
    return s;
  }

  /** Invalidates, fences and removes a range. */
  void remove(long gpa, long length) {
    ok(tsm.tvmInvalidatePages(gid, gpa, length));
    ok(tsm.tvmFence(gid));
    ok(tsm.tvmRemovePages(gid, gpa, length));
  }

  FrameState state(long pa) {
    return tsm.frameState(pa >>> 12);
  }
}
