package dev.cocovisor.host.guest;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;

/**
 * What the guest does on one vCPU. Places are bytes from where RAM begins.
 *
 * <p>The plain methods want the action to complete and throw {@link GuestStopped} otherwise; those
 * called {@code try…} return however the run ended.
 */
public final class GuestVcpu {
  private final VmmMachine machine;
  private final VmmDriver driver;
  private final int index;

  GuestVcpu(VmmMachine machine, VmmDriver driver, int index) {
    this.machine = machine;
    this.driver = driver;
    this.index = index;
  }

  /** Returns the vCPU's place among the guest's, from 0. */
  public int index() {
    return index;
  }

  /** Returns the vCPU's descriptor. */
  public int fd() {
    return machine.vcpuFds().get(index);
  }

  /** Makes one KVM_RUN in which the guest does {@code action}. */
  public RunResult run(GuestAction action) {
    return machine.calls().guestRun(fd(), action);
  }

  /** Loads a byte of private memory; 0 to 255. */
  public int read(long at) {
    return (int) Runs.status(completed(reading(at, false)).exit());
  }

  /** Loads a byte of shared memory; 0 to 255. */
  public int readShared(long at) {
    return (int) Runs.status(completed(reading(at, true)).exit());
  }

  /** Stores a byte into private memory. */
  public void write(long at, int value) {
    completed(writing(at, value, false));
  }

  /** Stores a byte into shared memory. */
  public void writeShared(long at, int value) {
    completed(writing(at, value, true));
  }

  /** As {@link #read}, however it ends. */
  public RunResult tryRead(long at) {
    return run(reading(at, false));
  }

  /** As {@link #readShared}, however it ends. */
  public RunResult tryReadShared(long at) {
    return run(reading(at, true));
  }

  /** As {@link #write}, however it ends. */
  public RunResult tryWrite(long at, int value) {
    return run(writing(at, value, false));
  }

  /** As {@link #writeShared}, however it ends. */
  public RunResult tryWriteShared(long at, int value) {
    return run(writing(at, value, true));
  }

  /** Takes a private range into use, page by page, where that has to be done. */
  public void accept(long at, long size) {
    accept(at, size, PageLevel.PG_4K);
  }

  /** Takes a private range into use in pages of a size. */
  public void accept(long at, long size, PageLevel level) {
    for (GuestAction action : driver.accept(machine, driver.ramBase() + at, size, level)) {
      done(action);
    }
  }

  /** Makes a range private: the guest asks, the host converts, the guest accepts. */
  public void convertToPrivate(long at, long size) {
    convert(at, size, true);
    accept(at, size);
  }

  /** Makes a range shared: the guest gives it up and asks, the host converts. */
  public void convertToShared(long at, long size) {
    convert(at, size, false);
  }

  private void convert(long at, long size, boolean toPrivate) {
    long gpa = driver.ramBase() + at;
    boolean converted = false;
    for (GuestAction action : driver.askConversion(machine, gpa, size, toPrivate)) {
      RunResult run = run(action);
      if (Runs.leavesToHost(run.exit())) {
        hostConverts(gpa, size, toPrivate);
        converted = true;
        if (run.exit() instanceof dev.cocovisor.api.guest.Exit.MemoryFault) {
          continue; // nobody waits for an answer
        }
        run = run(driver.resume(machine, 0));
      }
      if (!Runs.done(run)) {
        throw new GuestStopped(index, action, run);
      }
    }
    if (!converted) {
      hostConverts(gpa, size, toPrivate);
    }
  }

  private void hostConverts(long gpa, long size, boolean toPrivate) {
    GuestVm.ok(driver.convert(machine, gpa, size, toPrivate), "the host's part of a conversion");
  }

  private GuestAction reading(long at, boolean shared) {
    return new GuestAction.Read(address(at, shared), GuestAction.NO_CODE, !shared);
  }

  private GuestAction writing(long at, int value, boolean shared) {
    return new GuestAction.Write(address(at, shared), value & 0xff, GuestAction.NO_CODE, !shared);
  }

  private long address(long at, boolean shared) {
    return driver.guestAddress(machine, driver.ramBase() + at, shared);
  }

  private RunResult completed(GuestAction action) {
    RunResult run = run(action);
    if (!Runs.completed(run)) {
      throw new GuestStopped(index, action, run);
    }
    return run;
  }

  private void done(GuestAction action) {
    RunResult run = run(action);
    if (!Runs.done(run)) {
      throw new GuestStopped(index, action, run);
    }
  }
}
