package dev.cocovisor.cca.rmm.v2;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.trusted.Interposer;
import dev.cocovisor.cca.rmm.call.Pe;
import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.granule.El3Monitor;
import dev.cocovisor.cca.rmm.op.Block;
import dev.cocovisor.cca.rmm.op.Safeguards;
import dev.cocovisor.cca.rmm.page.RealmParams;
import dev.cocovisor.cca.rmm.page.RealmParams2;
import dev.cocovisor.cca.rmm.page.RecParams;
import dev.cocovisor.cca.rmm.realm.RmmConfig;
import java.util.ArrayList;
import java.util.List;

/** An RMM of 2.0 with memory and one PE, and the steps that most tests begin with. */
final class Bench2 {
  static final long PAGE = 4096;
  static final long MB2 = 2 << 20;
  static final long SHARED = 1L << 38;
  static final int SINGLE = 1;
  static final int LIST = 2;

  final SparseMemory memory = new SparseMemory();
  final Pe pe = new Pe();
  final Rmm2 rmm;
  private long next = RmmConfig.RECORDED_2.memoryBase() + 0x100_0000;
  private int samplings;

  Bench2() {
    this(Safeguards.ALL);
  }

  Bench2(Safeguards safeguards) {
    rmm = new Rmm2(RmmConfig.RECORDED_2, memory, El3Monitor.GRANTS, Interposer.NONE, safeguards);
    pe.setInterrupts(_ -> {
      samplings++;
      return false;
    });
    ok(call(Rmi2Command.RMM_ACTIVATE));
  }

  /** Returns how many samplings the calls made since the last look. */
  int samplings() {
    int n = samplings;
    samplings = 0;
    return n;
  }

  long call(Rmi2Command command, long... operands) {
    return rmm.call(pe, command.number(), java.util.Arrays.copyOf(operands, 5));
  }

  /** Makes a call with an interrupt pending at its n-th sampling. */
  long interrupted(int n, Rmi2Command command, long... operands) {
    int[] left = {n};
    pe.setInterrupts(_ -> left[0]-- == 0);
    long status = call(command, operands);
    pe.setInterrupts(_ -> {
      samplings++;
      return false;
    });
    return status;
  }

  static void ok(long status) {
    assertThat(Status.name(status)).isEqualTo("RMI_SUCCESS");
  }

  long ns() {
    long g = next;
    next += PAGE;
    return g;
  }

  long delegated() {
    long g = ns();
    ok(call(Rmi2Command.GRANULE_RANGE_DELEGATE, g, g + PAGE));
    return g;
  }

  /** Returns the first of {@code n} delegated granules, aligned to {@code alignment}. */
  long delegated(int n, long alignment) {
    next = (next + alignment - 1) & -alignment;
    long first = next;
    for (int i = 0; i < n; i++) {
      long _ = delegated();
    }
    return first;
  }

  /** Makes a realm of 39 bits from level 1, with auxiliary planes; returns its descriptor. */
  long realm(int planes) {
    long rd = delegated();
    long[] aux = new long[RealmParams2.MAX_AUX_PLANES];
    long root = delegated();
    for (int i = 0; i < planes; i++) {
      aux[i] = delegated();
    }
    long page = ns();
    new RealmParams2(
            0, 39, 0, 1, 1, 0, 0, planes, new byte[RealmParams.RPV_BYTES], 0, root, 1, 1, 1, aux)
        .write(memory, page);
    ok(call(Rmi2Command.REALM_CREATE, rd, page));
    return rd;
  }

  /** Makes a realm measured by an algorithm, by RMI's number; returns the status. */
  long realmWithHash(int algorithm) {
    long rd = delegated();
    long root = delegated();
    long page = ns();
    new RealmParams2(
            0,
            39,
            0,
            1,
            1,
            0,
            algorithm,
            0,
            new byte[RealmParams.RPV_BYTES],
            0,
            root,
            1,
            1,
            0,
            new long[RealmParams2.MAX_AUX_PLANES])
        .write(memory, page);
    return call(Rmi2Command.REALM_CREATE, rd, page);
  }

  /** Makes the tables below the root on the way to an address, down to {@code level}. */
  void tables(long rd, long ipa, int level) {
    for (int l = 2; l <= level; l++) {
      long at = ipa & -(PAGE << (9 * (4 - l)));
      ok(call(Rmi2Command.RTT_READ_ENTRY, rd, at, l - 1));
      if (pe.x2() != 2) {
        ok(call(Rmi2Command.RTT_CREATE, rd, delegated(), at, l));
      }
    }
  }

  /** Maps fresh pages to a range. */
  long map(long rd, long ipa, int pages) {
    long pa = delegated(pages, PAGE);
    ok(
        call(
            Rmi2Command.RTT_DATA_MAP,
            rd,
            ipa,
            ipa + pages * PAGE,
            SINGLE,
            Block.of(pa, 3, pages, 0)));
    return pa;
  }

  long recParams(long mpidr) {
    long page = ns();
    new RecParams(RecParams.RUNNABLE, mpidr, 0, new long[8], 0, new long[0]).write(memory, page);
    return page;
  }

  /** Makes a REC; {@code mpidr} must be the next. */
  long rec(long rd, long mpidr) {
    long rec = delegated();
    assertThat(call(Rmi2Command.REC_CREATE, rd, rec, recParams(mpidr))).isEqualTo(Status.DONATE);
    long handle = pe.x1();
    long list = ns();
    memory.writeLong(list, Block.of(delegated(16, PAGE), 3, 16, 0));
    assertThat(call(Rmi2Command.OP_MEM_DONATE, handle, list, 1)).isEqualTo(Status.INCOMPLETE);
    ok(call(Rmi2Command.OP_CONTINUE, handle, 0));
    return rec;
  }

  /** Continues an operation until it is through. */
  long through(long handle) {
    long status;
    do {
      status = call(Rmi2Command.OP_CONTINUE, handle, 0);
    } while (status == Status.INCOMPLETE);
    return status;
  }

  /** Returns what is broken. */
  List<String> broken() {
    List<String> found = new ArrayList<>();
    rmm.checkInvariants(found::add);
    return found;
  }

  void check() {
    assertThat(broken()).isEmpty();
  }
}
